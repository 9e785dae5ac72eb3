package io.kith.load.compare;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.load.tools.Command;
import io.kith.load.tools.RunningProcess;
import io.kith.spiffe.UnixChannels;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Kith's server as it is delivered, with its store in a file, and the baselines of its pods learned
 * and enforced: thirty edges each.
 */
public final class KithServer {
  private static final Duration START = Duration.ofMinutes(10);
  private static final AtomicInteger RUNS = new AtomicInteger();

  /** Of each pod. */
  static final int EDGES = Traffic.DESTINATIONS * Traffic.PROGRAMS;

  private final Path home;
  private final Identities identities;
  private final int pods;
  private final Options options;
  private final List<String> watched;

  /**
   * What a server has of its own.
   *
   * @param store the value of the key {@code store}
   * @param telemetry the value of the key {@code telemetry}
   * @param keys folder of its keys, which the servers on one store share
   * @param patience how long it takes for an answer at most; long where times are measured, so that
   *     what is slow is measured as well
   * @param connectionAge after which it ends connections of Envoys
   * @param checks port, or 0 for any
   * @param bridges where bridges attach, as the configuration says it
   */
  record Options(
      String store,
      String telemetry,
      Path keys,
      Duration patience,
      Duration connectionAge,
      int checks,
      String bridges) {
    private static final Duration LONG = Duration.ofSeconds(9);
    private static final Duration AS_DELIVERED = Duration.ofMinutes(5);

    /** A store in a file, any port, a socket for its bridge, and an answer to every question. */
    static Options of(Path home) {
      return new Options(
          "{type: sqlite, path: \"" + home + "/kith.db\"}",
          "{}",
          home,
          LONG,
          AS_DELIVERED,
          0,
          "unix:" + home.resolve("bridges.sock"));
    }

    Options storedIn(String value, Path keysOfAll) {
      return new Options(value, telemetry, keysOfAll, patience, connectionAge, checks, bridges);
    }

    Options withTelemetry(String value) {
      return new Options(store, value, keys, patience, connectionAge, checks, bridges);
    }

    Options answeringWithin(Duration most) {
      return new Options(store, telemetry, keys, most, connectionAge, checks, bridges);
    }

    Options endingConnectionsAfter(Duration age) {
      return new Options(store, telemetry, keys, patience, age, checks, bridges);
    }

    /** The same port after a restart. */
    Options at(int checkPort) {
      return new Options(store, telemetry, keys, patience, connectionAge, checkPort, bridges);
    }

    Options withBridgesAt(String listen) {
      return new Options(store, telemetry, keys, patience, connectionAge, checks, listen);
    }
  }

  /** As delivered. */
  public KithServer(Path home, Identities identities, int pods) {
    this(home, identities, pods, Options.of(home));
  }

  /**
   * One that is not started yet.
   *
   * @param home its folder, short, since a socket is made in it
   * @param connectionAge after which it ends connections of Envoys
   */
  public KithServer(Path home, Identities identities, int pods, Duration connectionAge) {
    this(home, identities, pods, Options.of(home).endingConnectionsAfter(connectionAge));
  }

  /** One whose bridges are elsewhere: they attach at a port. */
  public static KithServer central(Path home, Identities identities, int pods) {
    return new KithServer(home, identities, pods, Options.of(home).withBridgesAt("127.0.0.1:0"));
  }

  KithServer(Path home, Identities identities, int pods, Options options) {
    this(home, identities, pods, options, List.of());
  }

  private KithServer(
      Path home, Identities identities, int pods, Options options, List<String> watched) {
    this.home = home;
    this.identities = identities;
    this.pods = pods;
    this.options = options;
    this.watched = watched;
  }

  /**
   * The same, with a bridge that has the kernel's programs where this is called, and a table of
   * openers for the server: all connections of a process are of the first program.
   *
   * @param pid of the process
   * @param redirects ports to which its connections are redirected
   */
  KithServer watching(long pid, List<Integer> redirects) {
    return new KithServer(home, identities, pods, options, ScriptedBridge.watching(pid, redirects));
  }

  /** Starts it with its bridge, teaches it the flows of its pods, and enforces them. */
  public Started start(Cores cores) throws IOException, InterruptedException {
    var started = join(cores);
    try {
      teach(started);
      return started;
    } catch (IOException | RuntimeException e) {
      started.close();
      throw e;
    }
  }

  /** Starts it with its bridge; it decides by what its store has. */
  Started join(Cores cores) throws IOException, InterruptedException {
    return withBridge(launch(cores));
  }

  /** Starts a program in place of {@code kith server}, which says the same when it is ready. */
  Started join(Cores cores, List<String> program) throws IOException, InterruptedException {
    return withBridge(launch(cores, program));
  }

  private Started withBridge(RunningProcess process) throws IOException, InterruptedException {
    try {
      awaitReady(process);
      return new Started(process, port(process, "checks"), List.of(bridge(process)));
    } catch (IOException | RuntimeException e) {
      process.close();
      throw e;
    }
  }

  /** Starts its process alone, and does not wait for it. */
  RunningProcess launch(Cores cores) throws IOException {
    Files.createDirectories(home);
    var config = Files.writeString(home.resolve("kith.yaml"), config(workloads()));
    return launch(cores, JavaProgram.server(List.of("server", "--config", config.toString())));
  }

  private RunningProcess launch(Cores cores, List<String> program) {
    var argv = new ArrayList<>(cores.serverPrefix());
    argv.addAll(program);
    return RunningProcess.start("Kith", log("server"), Map.of(), argv);
  }

  static void awaitReady(RunningProcess process) throws InterruptedException {
    process.awaitReady(START, () -> process.log().contains("\nready\n"));
  }

  /** Starts a bridge of the server that runs, and waits until it is attached. */
  public RunningProcess bridge(RunningProcess server) throws IOException, InterruptedException {
    var process = bridge(said(server, "bridges"));
    process.awaitReady(START, () -> process.log().contains("attached"));
    return process;
  }

  /** A bridge that looks for a server, attaches as soon as one is there, and again after each. */
  RunningProcess bridge() throws IOException, InterruptedException {
    var process = bridge(options.bridges());
    process.awaitReady(START, () -> process.log().contains("no server"));
    return process;
  }

  private RunningProcess bridge(String server) throws IOException {
    Files.createDirectories(home);
    var socket = DevIdentity.socketOf(identities.directory(), Identities.BRIDGE);
    var arguments = new ArrayList<>(ScriptedBridge.arguments(server, socket, pods));
    arguments.addAll(watched);
    return RunningProcess.start(
        "the bridge", log("bridge"), Map.of(), JavaProgram.argv(ScriptedBridge.class, arguments));
  }

  /** A new one for each run. */
  private Path log(String name) {
    return home.resolve(name + "-" + RUNS.incrementAndGet() + ".log");
  }

  /** Where a server that has started listens, by the key of its configuration. */
  public static int port(RunningProcess process, String key) {
    var address = said(process, key);
    return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
  }

  private static String said(RunningProcess process, String key) {
    var prefix = "  " + key + " ";
    return process
        .log()
        .lines()
        .filter(line -> line.startsWith(prefix))
        .map(line -> line.substring(prefix.length()).strip())
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalStateException(
                    "Kith does not say where it listens for "
                        + key
                        + ":\n"
                        + Command.tail(process.log(), 15)));
  }

  private String workloads() {
    var workloads = new StringBuilder();
    for (var i = 0; i < pods; i++) {
      workloads.append(
          "- {owner: %s, spiffeId: \"%s\", addresses: [%s]}\n"
              .formatted(owner(i), Identities.pod(i), Traffic.pod(i)));
    }
    for (var i = 0; i < Traffic.DESTINATIONS; i++) {
      workloads.append(
          "- {owner: %s, addresses: [%s]}\n".formatted(destination(i), Traffic.destination(i)));
    }
    return workloads.toString();
  }

  /** Its {@code kith.yaml}. */
  String config(String workloads) {
    return """
    server:
      spiffeId: %1$s
      checks: {listen: "127.0.0.1:%9$d"}
      bridges: {listen: "%10$s"}
      admin: {listen: "unix:%2$s/admin.sock"}
      health: {listen: "127.0.0.1:0"}
      bridgeIds: ["%3$s"]
      deadline: %11$dms
      bridgeTimeout: %12$dms
      connectionAge: %14$dms
      keys: {directory: "%8$s"}
    identity:
      provider: dev
      dev: {directory: "%4$s", trustDomain: %5$s}
    workloads:
    %6$sscopes:
    - {scope: "*", mode: observe}
    store: %7$s
    telemetry: %13$s
    """
        .formatted(
            Identities.SERVER,
            home,
            Identities.BRIDGE,
            identities.directory(),
            Identities.TRUST_DOMAIN,
            workloads,
            options.store(),
            options.keys(),
            options.checks(),
            options.bridges(),
            options.patience().toMillis(),
            options.patience().toMillis() * 3 / 4,
            options.telemetry(),
            options.connectionAge().toMillis());
  }

  /** Of a pod that asks. */
  public static String owner(int pod) {
    return "shop/deployment/w" + pod;
  }

  static String destination(int number) {
    return "shop/statefulset/d" + number;
  }

  /** Where its operators reach it. */
  public ManagedChannel admin() {
    return UnixChannels.to(home.resolve("admin.sock"), InsecureChannelCredentials.create()).build();
  }

  static AdminServiceBlockingStub stub(ManagedChannel channel) {
    return AdminServiceGrpc.newBlockingStub(channel).withDeadlineAfter(1, TimeUnit.MINUTES);
  }

  /** Shows each pod's flows once, ends the test run, enforces what was learned, and makes sure. */
  private void teach(Started server) throws IOException, InterruptedException {
    var channel = admin();
    try (var driver = driver(server)) {
      var admin = stub(channel);
      server
          .process()
          .awaitReady(
              START,
              () ->
                  admin.getStatus(GetStatusRequest.getDefaultInstance()).getBridgesList().stream()
                      .anyMatch(bridge -> bridge.getPods() == pods));
      var allowed = driver.allowed(EDGES);
      if (allowed != (long) EDGES * pods) {
        throw new IllegalStateException("under observe only " + allowed + " Checks were allowed");
      }
      for (var i = 0; i < pods; i++) {
        var _ =
            admin.finishTestRun(
                FinishTestRunRequest.newBuilder().setOwner(owner(i)).setNote("compared").build());
        var _ =
            admin.setMode(
                SetModeRequest.newBuilder()
                    .setScope(owner(i))
                    .setMode("enforce")
                    .setNote("compared")
                    .build());
      }
      requireDecisions(driver, pods);
    } finally {
      channel.shutdownNow();
    }
  }

  private Driver driver(Started server) throws IOException, InterruptedException {
    return Driver.connect(server.port(), traffic(Shape.l4, pods, EDGES), identities.contexts());
  }

  /** What the Envoys of the first pods ask, each about so many sockets. */
  static List<Traffic> traffic(Shape shape, int pods, long sockets) {
    var traffic = new ArrayList<Traffic>();
    for (var i = 0; i < pods; i++) {
      traffic.add(new Traffic(shape, true, i, sockets));
    }
    return traffic;
  }

  /** All that was learned passes, and a stranger does not. */
  static void requireDecisions(Driver driver, int pods) throws IOException {
    var allowed = driver.allowed(EDGES);
    if (allowed != (long) EDGES * pods) {
      throw new IllegalStateException(
          "of %d flows that were learned Kith allows %d".formatted(EDGES * pods, allowed));
    }
    if (driver.allows(0, Traffic.STRANGE_PORT)) {
      throw new IllegalStateException("Kith allows a program that is in no baseline");
    }
  }
}
