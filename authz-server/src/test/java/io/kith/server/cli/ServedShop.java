package io.kith.server.cli;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.answered;

import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.server.admin.AdminServer;
import io.kith.server.admin.AdminService;
import io.kith.server.admin.CallLimits;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.AllowListFiles;
import io.kith.server.control.ControlSettings;
import io.kith.server.control.ControlState;
import io.kith.server.control.ServerKeys;
import io.kith.server.control.Shop;
import io.kith.server.store.InMemoryStore;
import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A server with the shop's checkout, its admin API on a Unix socket, and the command line. */
final class ServedShop implements AutoCloseable {
  static final String OWNER = "shop/deployment/checkout";

  final StringWriter out = new StringWriter();
  final StringWriter err = new StringWriter();
  private final Path folder;
  private final Shop.SettableClock clock = new Shop.SettableClock();
  private volatile boolean breaks;
  private volatile boolean broken;
  private final ControlState state;
  private final AdminServer server;

  ServedShop(Path folder) throws Exception {
    this(folder, List.of());
  }

  /**
   * A shop with allow-lists.
   *
   * @param lists files or folders
   */
  ServedShop(Path folder, List<Path> lists) throws Exception {
    this(folder, lists, ServerKeys.ephemeral());
  }

  /** With keys of its own. */
  ServedShop(Path folder, List<Path> lists, ServerKeys keys) throws Exception {
    this.folder = folder;
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                new StaticWorkloadDirectory.Entry(
                    CHECKOUT.owner(), Shop.CHECKOUT_ID, "prod", List.of(), List.of())));
    var config = KithConfig.parse("kith.yaml", "", Map.of());
    state =
        ControlState.open(
            new ControlSettings(
                directory,
                config.scopes(),
                config.learning(),
                PublicSuffixes.UNKNOWN,
                keys,
                new InMemoryStore(),
                "memory",
                "here",
                null,
                ControlSettings.QUEUE),
            lists.isEmpty()
                ? AllowListFiles.none()
                : AllowListFiles.read(lists, PublicSuffixes.UNKNOWN),
            this::now,
            change -> {
              ControlState.toLog(change);
              broken = breaks;
            });
    server =
        AdminServer.onUnixSocket(
            folder.resolve("admin.sock"),
            Map.of(),
            new CallLimits(AdminLimits.DEFAULT),
            new AdminService(state, List::of, "1.2.3", NOON));
    Files.writeString(
        folder.resolve("kith.yaml"), "server: {admin: {listen: \"unix:admin.sock\"}}");
  }

  private Instant now() {
    if (broken) {
      throw new IllegalStateException("a mistake inside");
    }
    return clock.instant();
  }

  /** From now on the server fails at what it looks up once a change is done. */
  void breakAfterChanges() {
    breaks = true;
  }

  /** Runs a command line as ada would. */
  int kith(String... arguments) {
    broken = false;
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return Kith.run(
        new Surroundings(
            Map.of(), folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        arguments);
  }

  /** A connection of the checkout, as Envoy would have had it checked. */
  CheckRecord check(Flow flow) {
    var answered = answered(state.snapshot(CHECKOUT), flow, clock.instant());
    state.record(answered);
    return answered;
  }

  /** The same, from a certain pod. */
  CheckRecord check(Flow flow, String replica) {
    return record(
        answered(state.snapshot(CHECKOUT), flow, clock.instant()), IpAddress.parse(replica));
  }

  /** An answer that was given elsewhere, as if it had been given here and now. */
  CheckRecord record(CheckRecord answered) {
    return record(answered, answered.replica());
  }

  private CheckRecord record(CheckRecord answered, @Nullable IpAddress replica) {
    var here =
        new CheckRecord(
            answered.decisionId(),
            answered.traceId(),
            clock.instant(),
            answered.reporter(),
            answered.workload(),
            replica,
            answered.flow(),
            answered.decision(),
            answered.repeated());
    state.record(here);
    return here;
  }

  /** Waits until what was checked is read. */
  void flush() throws InterruptedException {
    state.flush();
  }

  /** What the checkout is decided by. */
  Snapshot snapshot() {
    return state.snapshot(CHECKOUT);
  }

  /** Time passes. */
  void pass(Duration time) {
    clock.set(clock.instant().plus(time));
  }

  @Override
  public void close() {
    server.close();
    state.close();
  }
}
