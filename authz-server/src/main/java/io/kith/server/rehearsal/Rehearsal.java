package io.kith.server.rehearsal;

import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.Main;
import io.kith.server.admin.AdminClient;
import io.kith.server.cli.Kith;
import io.kith.server.net.RehearsedBridge;
import io.kith.server.verb.Surroundings;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A server that learns a flow, enforces it, stops, and does so again from its store, with a
 * development identity, a bridge and an Envoy of its own, in one process and a folder of its own.
 * Its bridge is at a port first, then at a Unix socket, so that it has been through both. {@link
 * RehearsedOperator} looks at it and denies something by hand, in a process of its own: a verb that
 * had all that a server needs in its memory would start later, not sooner.
 *
 * <p>A program: run with {@code -XX:AOTCacheOutput=FILE}, the JVM writes at its end the classes
 * that were used, linked, and how their methods ran. A server that starts with {@code
 * -XX:AOTCache=FILE} need not find out again.
 */
public final class Rehearsal {
  private static final String TRUST_DOMAIN = "dev.rehearsal";
  private static final SpiffeId SERVER = SpiffeId.parse("spiffe://" + TRUST_DOMAIN + "/server");
  private static final SpiffeId BRIDGE = SpiffeId.parse("spiffe://" + TRUST_DOMAIN + "/bridge");
  static final SpiffeId POD = SpiffeId.parse("spiffe://" + TRUST_DOMAIN + "/pod");
  private static final String OWNER = "rehearsal/deployment/pod";
  static final IpAddress POD_ADDRESS = IpAddress.parse("192.0.2.10");
  private static final int FIRST_PORT = 40_000;
  private static final String NOTE = "rehearsed";
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final Path folder;
  private final Path config;
  private final Path socket;
  private final Operator operator;

  private Rehearsal(Path folder, Operator operator) {
    this.folder = folder;
    this.operator = operator;
    this.config = folder.resolve("kith.yaml");
    this.socket = folder.resolve("bridge.sock");
  }

  /** Works with a server that refused something. */
  @FunctionalInterface
  interface Operator {
    /**
     * Ends well or throws.
     *
     * @param config of the server
     * @param owner whose request was refused
     * @param decision ID of the refusal
     */
    void operate(Path config, String owner, String decision) throws Exception;
  }

  /**
   * Exit code 1 when something did not go as it has to.
   *
   * @param operator the command that starts {@link RehearsedOperator}; without one it is not
   *     started, but runs here
   */
  public static void main(String[] operator) throws Exception {
    var folder = Files.createTempDirectory("kith-rehearsal-");
    try {
      run(folder, operator.length == 0 ? RehearsedOperator::run : process(operator));
    } finally {
      delete(folder);
    }
    System.exit(0); // threads of libraries may still be there
  }

  /**
   * Rehearses once.
   *
   * @param folder an empty one, whose path is short, since sockets are made in it
   * @throws IllegalStateException when a verdict is not the one that it has to be
   */
  static void run(Path folder, Operator operator) throws Exception {
    var _ = Class.forName(Main.class.getName()); // as a server begins
    var ids = Set.of(SERVER, BRIDGE, POD);
    var settings =
        new DevIdentity.Settings(folder.resolve("id"), TRUST_DOMAIN, Duration.ofHours(1), ids);
    try (var identity = DevIdentity.start(settings, Clock.systemUTC())) {
      var rehearsal = new Rehearsal(folder, operator);
      rehearsal.serve(identity, true, "127.0.0.1:0");
      rehearsal.serve(identity, false, "unix:" + rehearsal.socket);
    }
  }

  private static String config(Path folder, String bridges) {
    return """
    server:
      spiffeId: %1$s
      checks: {listen: "127.0.0.1:0"}
      bridges: {listen: "%9$s"}
      admin: {listen: "unix:%2$s/admin.sock"}
      health: {listen: "127.0.0.1:0"}
      bridgeIds: ["%3$s"]
      keys: {directory: "%2$s"}
    identity:
      provider: dev
      dev: {directory: "%2$s/id", trustDomain: %4$s}
    workloads:
    - {owner: %5$s, spiffeId: "%6$s", addresses: [%7$s]}
    - {owner: rehearsal/statefulset/db, addresses: [%8$s]}
    scopes:
    - {scope: "*", mode: observe}
    store: {type: sqlite, path: "%2$s/kith.db"}
    """
        .formatted(
            SERVER,
            folder,
            BRIDGE,
            TRUST_DOMAIN,
            OWNER,
            POD,
            POD_ADDRESS,
            RehearsedEnvoy.DESTINATION,
            bridges);
  }

  /** One life of the server, from its start to its end. */
  private void serve(DevIdentity identity, boolean teach, String bridges) throws Exception {
    Files.writeString(config, config(folder, bridges));
    var out = new StringWriter();
    var printer = new PrintWriter(out, true);
    var here = new Surroundings(Map.of(), folder, "rehearsal", printer, printer);
    var server =
        Thread.ofPlatform()
            .daemon()
            .name("rehearsed-server")
            .start(() -> Kith.run(here, "server", "--config", config.toString()));
    try {
      await(() -> out.toString().contains("\nready\n") || !server.isAlive());
      if (!server.isAlive()) {
        throw new IllegalStateException("the server ended: " + out);
      }
      var said = out.toString();
      try (var admin = AdminClient.toUnixSocket(folder.resolve("admin.sock"), "rehearsal");
          var ofBridge = identity(identity, BRIDGE);
          var bridge = attach(said, ofBridge);
          var envoy = RehearsedEnvoy.connect(port(said, "checks"), identity, SERVER)) {
        bridge.awaitWelcome(PATIENCE);
        await(
            () ->
                admin
                    .service()
                    .getStatus(GetStatusRequest.getDefaultInstance())
                    .getBridgesList()
                    .stream()
                    .anyMatch(one -> one.getPods() == 1));
        if (teach) {
          envoy.ask(true, FIRST_PORT);
          var _ =
              admin
                  .service()
                  .finishTestRun(
                      FinishTestRunRequest.newBuilder().setOwner(OWNER).setNote(NOTE).build());
          var _ =
              admin
                  .service()
                  .setMode(
                      SetModeRequest.newBuilder()
                          .setScope(OWNER)
                          .setMode("enforce")
                          .setNote(NOTE)
                          .build());
        }
        envoy.ask(true, FIRST_PORT);
        envoy.ask(false, RehearsedBridge.STRANGE_PORT);
        envoy.askMany(FIRST_PORT);
        if (teach) {
          operator.operate(config, OWNER, denied(admin));
        }
      }
    } finally {
      server.interrupt();
      server.join(PATIENCE);
    }
  }

  private static String denied(AdminClient admin) throws Exception {
    var request = ListDecisionsRequest.newBuilder().setDeniedOnly(true).setLimit(1).build();
    await(() -> admin.service().listDecisions(request).getDecisionsCount() == 1);
    return admin.service().listDecisions(request).getDecisions(0).getId();
  }

  /** The operator as a process of its own, started by a command with the three words after it. */
  static Operator process(String... command) {
    return (config, owner, decision) -> {
      var argv = new ArrayList<>(List.of(command));
      argv.addAll(List.of(config.toString(), owner, decision));
      var code = new ProcessBuilder(argv).inheritIO().start().waitFor();
      if (code != 0) {
        throw new IllegalStateException("the operator's process ended with " + code);
      }
    };
  }

  /** At the socket where the server has one, else at its port. */
  private RehearsedBridge attach(String said, X509Source identity) {
    return Files.exists(socket)
        ? RehearsedBridge.attach(socket, identity, SERVER, POD_ADDRESS, POD)
        : RehearsedBridge.attach(port(said, "bridges"), identity, SERVER, POD_ADDRESS, POD);
  }

  static WorkloadApiSource identity(DevIdentity issuer, SpiffeId id) throws InterruptedException {
    var identity = WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC());
    if (!identity.awaitReady(Duration.ofSeconds(30))) {
      throw new IllegalStateException("no certificate: " + identity.state().words());
    }
    return identity;
  }

  private static int port(String said, String key) {
    var prefix = "  " + key + " ";
    return said.lines()
        .filter(line -> line.startsWith(prefix))
        .mapToInt(line -> Integer.parseInt(line.substring(line.lastIndexOf(':') + 1)))
        .findFirst()
        .orElseThrow();
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private static void await(Condition condition) throws Exception {
    var end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() - end > 0) {
        throw new IllegalStateException("not within " + PATIENCE);
      }
      Thread.sleep(10);
    }
  }

  private static void delete(Path folder) throws IOException {
    try (var files = Files.walk(folder)) {
      for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
