package io.kith.server.cli;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.answered;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.server.admin.AdminServer;
import io.kith.server.admin.AdminService;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.ControlState;
import io.kith.server.control.Shop;
import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A server with the shop's checkout, its admin API on a Unix socket, and the command line. */
final class ServedShop implements AutoCloseable {
  static final String OWNER = "shop/deployment/checkout";

  final StringWriter out = new StringWriter();
  final StringWriter err = new StringWriter();
  private final Path folder;
  private final Shop.SettableClock clock = new Shop.SettableClock();
  private final ControlState state;
  private final AdminServer server;

  ServedShop(Path folder) throws Exception {
    this.folder = folder;
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                new StaticWorkloadDirectory.Entry(
                    CHECKOUT.owner(), Shop.CHECKOUT_ID, "prod", List.of(), List.of())));
    state = ControlState.of(KithConfig.parse("kith.yaml", "", Map.of()), directory, clock);
    server =
        AdminServer.onUnixSocket(
            folder.resolve("admin.sock"), new AdminService(state, List::of, "1.2.3", NOON));
    Files.writeString(
        folder.resolve("kith.yaml"), "server: {admin: {listen: \"unix:admin.sock\"}}");
  }

  /** Runs a command line as ada would. */
  int kith(String... arguments) {
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

  @Override
  public void close() {
    server.close();
    state.close();
  }
}
