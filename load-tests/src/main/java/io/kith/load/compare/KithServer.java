package io.kith.load.compare;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.load.tools.Command;
import io.kith.load.tools.RunningProcess;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Kith's server as it is delivered, with its store in a file, and the baselines of its pods learned
 * and enforced: thirty edges each.
 */
public final class KithServer {
  private static final Duration START = Duration.ofMinutes(2);
  private static final int EDGES = Traffic.DESTINATIONS * Traffic.PROGRAMS;

  private final Path home;
  private final Identities identities;
  private final int pods;
  private final Duration connectionAge;

  /** With connections that end after five minutes, as delivered. */
  public KithServer(Path home, Identities identities, int pods) {
    this(home, identities, pods, Duration.ofMinutes(5));
  }

  /**
   * One that is not started yet.
   *
   * @param home its folder, short, since a socket is made in it
   * @param connectionAge after which it ends connections of Envoys
   */
  public KithServer(Path home, Identities identities, int pods, Duration connectionAge) {
    this.home = home;
    this.identities = identities;
    this.pods = pods;
    this.connectionAge = connectionAge;
  }

  /** Where its operators reach it. */
  public ManagedChannel admin() {
    return Grpc.newChannelBuilder(
            "unix://" + home.resolve("admin.sock"), InsecureChannelCredentials.create())
        .build();
  }

  /** Starts it, with a bridge, and teaches it. */
  public Started start(Cores cores) throws IOException, InterruptedException {
    Files.createDirectories(home);
    var config = Files.writeString(home.resolve("kith.yaml"), config());
    var argv = new ArrayList<>(cores.serverPrefix());
    argv.addAll(
        JavaProgram.argv(
            io.kith.server.Main.class, List.of("server", "--config", config.toString())));
    var process = RunningProcess.start("Kith", home.resolve("log"), Map.of(), argv);
    try {
      process.awaitReady(START, () -> process.log().contains("\nready\n"));
      var bridge = bridge(process);
      var started = new Started(process, port(process, "checks"), List.of(bridge));
      teach(started);
      return started;
    } catch (IOException | RuntimeException e) {
      process.close();
      throw e;
    }
  }

  /** Starts a bridge of the server that runs, and waits until it is attached. */
  public RunningProcess bridge(RunningProcess server) throws IOException, InterruptedException {
    var port = port(server, "bridges");
    var socket = DevIdentity.socketOf(identities.directory(), Identities.BRIDGE);
    var process =
        RunningProcess.start(
            "the bridge",
            home.resolve("bridge.log"),
            Map.of(),
            JavaProgram.argv(ScriptedBridge.class, ScriptedBridge.arguments(port, socket, pods)));
    process.awaitReady(START, () -> process.log().contains("attached"));
    return process;
  }

  /** Where a server that has started listens, by the key of its configuration. */
  public static int port(RunningProcess process, String key) {
    var prefix = "  " + key + " ";
    return process
        .log()
        .lines()
        .filter(line -> line.startsWith(prefix))
        .map(line -> Integer.parseInt(line.substring(line.lastIndexOf(':') + 1)))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalStateException(
                    "Kith says no port for " + key + ":\n" + Command.tail(process.log(), 15)));
  }

  private String config() {
    var workloads = new StringBuilder();
    for (var i = 0; i < pods; i++) {
      workloads.append(
          "- {owner: %s, spiffeId: \"%s\", addresses: [%s]}\n"
              .formatted(owner(i), Identities.pod(i), Traffic.pod(i)));
    }
    for (var i = 0; i < Traffic.DESTINATIONS; i++) {
      workloads.append(
          "- {owner: shop/statefulset/d%d, addresses: [%s]}\n"
              .formatted(i, Traffic.destination(i)));
    }
    return """
    server:
      spiffeId: %1$s
      checks: {listen: "127.0.0.1:0"}
      bridges: {listen: "127.0.0.1:0"}
      admin: {listen: "unix:%2$s/admin.sock"}
      health: {listen: "127.0.0.1:0"}
      bridgeIds: ["%3$s"]
      connectionAge: %7$dms
      deadline: 9s
      bridgeTimeout: 8s
      keys: {directory: "%2$s"}
    identity:
      provider: dev
      dev: {directory: "%4$s", trustDomain: %5$s}
    workloads:
    %6$sscopes:
    - {scope: "*", mode: observe}
    store: {type: sqlite, path: "%2$s/kith.db"}
    """
        .formatted(
            Identities.SERVER,
            home,
            Identities.BRIDGE,
            identities.directory(),
            Identities.TRUST_DOMAIN,
            workloads,
            connectionAge.toMillis());
  }

  /** Of a pod that asks. */
  public static String owner(int pod) {
    return "shop/deployment/w" + pod;
  }

  /** Shows each pod's flows once, ends the test run, enforces what was learned, and makes sure. */
  private void teach(Started server) throws IOException, InterruptedException {
    var channel = admin();
    try (var driver = driver(server)) {
      var admin = AdminServiceGrpc.newBlockingStub(channel).withDeadlineAfter(1, TimeUnit.MINUTES);
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
      requireDecisions(driver);
    } finally {
      channel.shutdownNow();
    }
  }

  private Driver driver(Started server) throws IOException, InterruptedException {
    var traffic = new ArrayList<Traffic>();
    for (var i = 0; i < pods; i++) {
      traffic.add(new Traffic(Shape.l4, true, i, EDGES));
    }
    return Driver.connect(server.port(), traffic, identities.contexts());
  }

  private void requireDecisions(Driver driver) throws IOException {
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
