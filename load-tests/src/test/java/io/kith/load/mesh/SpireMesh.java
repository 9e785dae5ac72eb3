package io.kith.load.mesh;

import io.kith.baselines.bundle.Pem;
import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Identity;
import io.kith.istio.StandaloneRecipe.Redirected;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.demo.JaegerApi;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.Host;
import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.lab.Upstream;
import io.kith.load.spire.SpireLab;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.Jaeger;
import io.kith.load.tools.Postgres;
import io.kith.load.tools.Spire;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.security.KeyPairGenerator;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/**
 * A mesh as in production: SPIRE names everybody, two servers share a PostgreSQL, and spans go to a
 * Jaeger. Its checkout pod asks a catalog and a ledger over HTTP; Envoy beside it asks the first
 * server.
 *
 * <p>SPIRE knows Kith's programs by their groups, and what runs in the pod by its users.
 */
final class SpireMesh implements AutoCloseable {
  static final String CHECKOUT_ID = SpireLab.DOMAIN + "/ns/shop/sa/checkout";
  static final int APP_UID = 1000;

  /** Its processes have another SPIFFE ID than their pod's sidecar. */
  static final int OTHER_UID = 1001;

  private static final String SERVER_ID = SpireLab.DOMAIN + "/authz-server";
  private static final int SERVER_GID = 4801;
  private static final int BRIDGE_GID = 4802;
  private static final int HTTP = 8080;
  private static final int OTLP_GRPC = 4317;
  private static final int OTLP_HTTP = 4318;
  private static final Duration LIMIT = Duration.ofMinutes(3);

  /** Arguments: HOST PORT TRACEPARENT. Prints the whole answer. */
  private static final String PRICE =
      """
      #!/usr/bin/perl
      use strict; use warnings; use IO::Socket::IP;
      my ($host, $port, $parent) = @ARGV;
      my $web = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 30) or die "connect: $@\\n";
      print $web "GET /price HTTP/1.1\\r\\nHost: $host:$port\\r\\n";
      print $web "traceparent: $parent\\r\\nConnection: close\\r\\n\\r\\n";
      print while <$web>;
      """;

  final Replica one;
  final Replica two;
  final Upstream catalog;
  final Upstream ledger;
  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final Lab lab;
  private final Pod pod;
  private final SpireLab spire;
  private final Jaeger.Running jaeger;
  private final String store;
  private final EnvoyProxy envoy;

  /** Starts everything and waits until the bridge answers both servers. */
  SpireMesh() throws Exception {
    lab = closing(Lab.open("ks", EnforcedMesh.SAY));
    try {
      pod = lab.addPod("checkout", Image.of(Map.of("/app/price", PRICE), EnforcedMesh.SAY));
      catalog = lab.addHost("catalog").http(HTTP);
      ledger = lab.addHost("ledger").http(HTTP);
      spire = closing(startSpire());
      var postgres = closing(Postgres.start(EnforcedMesh.SAY));
      jaeger = closing(startJaeger());
      makeKeys();
      one = closing(new Replica("one", lab.folder(), lab.address(), 9191));
      two = closing(new Replica("two", lab.folder(), lab.address(), 9291));
      store = store(postgres);
      one.start(inGroup(SERVER_GID), kithYaml(one));
      two.start(inGroup(SERVER_GID), kithYaml(two));
      startBridge();
      envoy = closing(EnvoyProxy.start(pod, Envoy.find(EnforcedMesh.SAY), recipe()));
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  private <T extends AutoCloseable> T closing(T resource) {
    running.push(resource);
    return resource;
  }

  private SpireLab startSpire() throws Exception {
    var folder = Files.createDirectory(lab.folder().resolve("spire"));
    var started = SpireLab.startWithoutHashes(folder, Spire.find(EnforcedMesh.SAY));
    try {
      started.register(path(SERVER_ID), "unix:gid:" + SERVER_GID);
      started.register(path(SpireLab.BRIDGE), "unix:gid:" + BRIDGE_GID);
      started.register(path(CHECKOUT_ID), "unix:uid:" + EnvoyProxy.UID);
      started.register(path(CHECKOUT_ID), "unix:uid:" + APP_UID);
      started.register("/ns/shop/sa/batch", "unix:uid:" + OTHER_UID);
      return started;
    } catch (Exception e) {
      started.close();
      throw e;
    }
  }

  private static String path(String spiffeId) {
    return spiffeId.substring(SpireLab.DOMAIN.length());
  }

  private Jaeger.Running startJaeger() throws Exception {
    var ports = new Jaeger.Ports(FreePorts.next(), OTLP_GRPC, OTLP_HTTP, FreePorts.next());
    return Jaeger.find(EnforcedMesh.SAY).start(lab.folder(), lab.address(), ports);
  }

  /** Both servers have the same. */
  private void makeKeys() throws Exception {
    for (var name : List.of("learner.pem", "approver.pem")) {
      Files.writeString(
          lab.folder().resolve(name),
          Pem.of(KeyPairGenerator.getInstance("Ed25519").generateKeyPair()));
    }
  }

  private String store(Postgres postgres) throws Exception {
    var secret = lab.folder().resolve("password");
    Files.writeString(secret, Postgres.PASSWORD + "\n");
    return "type: postgresql, url: \"%s\", user: %s, passwordFile: \"%s\", flushInterval: 100ms"
        .formatted(postgres.newDatabase(), Postgres.USER, secret);
  }

  private String kithYaml(Replica server) {
    var address = lab.address().getHostAddress();
    return """
    server:
      spiffeId: %1$s
      checks: {listen: "%2$s:%3$d"}
      bridges: {listen: "%2$s:%4$d"}
      admin:
        listen: "unix:%6$s/admin.sock"
        # All of a test comes from one caller.
        limits: {reads: {perSecond: 10000, burst: 10000}, changes: {perSecond: 10000, burst: 10000}}
      health: {listen: "%2$s:%5$d"}
      bridgeIds: ["%7$s"]
      deadline: 900ms
      bridgeTimeout: 700ms
      connectionAge: 3s
      connections: {perId: 4} # two workers, each with one that ends and one that takes its place
      keys: {directory: "%6$s", learner: "%8$s/learner.pem", approver: "%8$s/approver.pem"}
      guard: {resolvers: ["%2$s:53"]}
    bridge:
      node: node-1
      spiffeId: %7$s
      servers: ["%2$s:%9$d", "%2$s:%10$d"]
      attest: "spire-delegated:%11$s"
      status: "%8$s/bridge.sock"
      pin: "off"
    identity:
      provider: workload-api
      workloadApi: {socket: "unix:%12$s"}
    workloads:
    - {owner: %13$s, spiffeId: "%14$s", addresses: ["%15$s"], names: [checkout]}
    - %16$s
    - %17$s
    scopes:
    - {scope: "*", mode: observe}
    store: {%18$s, replica: %19$s}
    telemetry: {otlp: {endpoint: "%20$s"}, sampleAllows: 1}
    """
        .formatted(
            SERVER_ID,
            address,
            server.checks(),
            server.bridges(),
            server.health(),
            server.home(),
            SpireLab.BRIDGE,
            lab.folder(),
            one.bridges(),
            two.bridges(),
            spire.admin(),
            spire.workloadApi(),
            Mesh.CHECKOUT,
            CHECKOUT_ID,
            pod.v4().getHostAddress(),
            workload(catalog.host()),
            workload(ledger.host()),
            store,
            server.name(),
            otlp());
  }

  private static String workload(Host host) {
    return "{owner: shop/deployment/%s, addresses: [\"%s\"], names: [%s]}"
        .formatted(host.name(), host.v4().getHostAddress(), host.name());
  }

  private void startBridge() throws InterruptedException {
    var bridge =
        closing(
            KithProgram.BRIDGE.start(
                inGroup(BRIDGE_GID),
                "kith bridge",
                lab.folder().resolve("bridge.log"),
                List.of("bridge", "--config", one.config().toString())));
    bridge.awaitReady(LIMIT, () -> one.bridgeAnswers() && two.bridgeAnswers());
  }

  /** The beginning of a command: what follows runs with this group. */
  private static List<String> inGroup(int gid) {
    return List.of("setpriv", "--regid", Integer.toString(gid), "--clear-groups");
  }

  private StandaloneRecipe recipe() {
    return new StandaloneRecipe(
        "node-1",
        "checkout",
        new Address(lab.address().getHostAddress(), one.checks()),
        SERVER_ID,
        new Identity(spire.workloadApi().toString(), CHECKOUT_ID, "ROOTCA"),
        new Redirected(),
        TcpCheck.GATE,
        List.of(HTTP),
        List.of(),
        false,
        Duration.ofSeconds(1),
        new Address(lab.address().getHostAddress(), OTLP_GRPC),
        15_000);
  }

  /** Where spans are taken. */
  URI otlp() {
    return URI.create("http://" + lab.address().getHostAddress() + ":" + OTLP_HTTP);
  }

  JaegerApi traces() {
    return new JaegerApi(jaeger.api());
  }

  EnvoyProxy envoy() {
    return envoy;
  }

  /** Ends the second server and starts it again, until the bridge answers it. */
  void startSecondServerAgain() throws IOException, InterruptedException {
    two.stop();
    two.start(inGroup(SERVER_GID), kithYaml(two));
    Mesh.await("the bridge answers the second server", LIMIT, two::bridgeAnswers);
  }

  /** What the bridge says of itself. */
  String bridgeStatus() throws IOException, InterruptedException {
    return KithProgram.BRIDGE
        .run(LIMIT, List.of("bridge", "status", "--config", one.config().toString()))
        .orFail()
        .output();
  }

  /**
   * The application asks for a price.
   *
   * @param parent place in the trace that it hands on
   * @return the whole answer: status, headers, body; empty when the connection was closed
   */
  String ask(int uid, Upstream whom, String parent) throws IOException, InterruptedException {
    var argv = List.of("/app/price", whom.host().name(), Integer.toString(whom.port()), parent);
    return pod.start(uid, "", argv).await(LIMIT).stdout();
  }

  @Override
  public void close() {
    while (!running.isEmpty()) {
      try {
        running.pop().close();
      } catch (Exception e) {
        EnforcedMesh.SAY.accept("while stopping: " + e);
      }
    }
  }
}
