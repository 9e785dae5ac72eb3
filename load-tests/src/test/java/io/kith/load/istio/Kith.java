package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.Edge;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.load.lab.Lab;
import io.kith.load.mesh.KithProgram;
import io.kith.load.mesh.Mesh;
import io.kith.load.mesh.Replica;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Istio;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Kith's server and bridge in Istio's mesh: both have certificates from istiod, which a pilot-agent
 * without Envoy fetches and renews.
 */
final class Kith implements AutoCloseable {
  static final String NAMESPACE = "kith";
  static final String SERVER = "kith-server";

  /** As sidecars know the server. */
  static final String NAME = SERVER + "." + NAMESPACE + ".svc.cluster.local";

  /** A store that a restart empties. */
  static final String IN_MEMORY = "{type: memory}";

  /** Where it takes their checks. */
  static final int CHECKS = 9191;

  private static final Pattern DECISION = Pattern.compile("\\{\"decision\":\"(d:[0-9a-f]+)\"}");
  private static final String BRIDGE = "identity-bridge";
  private static final String IDS = "spiffe://cluster.local/ns/";
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final ControlPlane plane;
  private final Istio istio;
  private final Envoy envoy;
  private final Lab lab;
  private final Replica server;
  private final Path certificates;
  private final String kubernetes;
  private final String configuration;

  /**
   * Starts both and waits until the bridge answers for a pod.
   *
   * @param kubernetes what the server has to do with the API server, {@code server.kubernetes};
   *     null: it reads there who is who, with its own account
   * @param store of the server, {@code store}
   */
  Kith(
      Lab lab,
      ControlPlane plane,
      Istio istio,
      Envoy envoy,
      @Nullable String kubernetes,
      String store)
      throws IOException, InterruptedException {
    this.lab = lab;
    this.plane = plane;
    this.istio = istio;
    this.envoy = envoy;
    try {
      if (plane.client().namespaces().withName(NAMESPACE).get() == null) {
        plane.namespace(NAMESPACE, Map.of());
      }
      certificates = certificates(SERVER, 15_120);
      var ofBridge = certificates(BRIDGE, 15_220);
      server = closing(new Replica("one", lab.folder(), lab.address(), CHECKS));
      if (kubernetes == null) {
        ClusterObjects.grantRights(plane);
        this.kubernetes =
            "{kubeconfig: \"%s\", resources: false}"
                .formatted(plane.kubeconfigOf(NAMESPACE, SERVER));
      } else {
        this.kubernetes = kubernetes;
      }
      configuration =
          kithYaml(
              server,
              certificates,
              "{directory: \"" + server.home() + "\"}",
              this.kubernetes,
              store);
      startServer();
      var bridge = lab.folder().resolve("bridge.yaml");
      Files.writeString(bridge, kithYaml(server, ofBridge, "{}", this.kubernetes, store));
      killing(
              KithProgram.BRIDGE.start(
                  List.of(),
                  "kith bridge",
                  lab.folder().resolve("bridge.log"),
                  List.of("bridge", "--config", bridge.toString())))
          .awaitReady(LIMIT, server::bridgeAnswers);
    } catch (IOException | InterruptedException | RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Starts the server, again if it was stopped, and waits until it is ready. */
  void startServer() throws IOException, InterruptedException {
    server.start(List.of(), configuration);
  }

  /**
   * Starts a server beside it, on the same store and with the same keys, which nobody asks.
   *
   * @param kubernetes what it has to do with the API server, {@code server.kubernetes}
   * @param store the same under another name
   */
  Replica startAnother(int firstPort, String kubernetes, String store)
      throws IOException, InterruptedException {
    var another = closing(new Replica("two", lab.folder(), lab.address(), firstPort));
    var keys =
        "{directory: \"%1$s\", learner: \"%2$s/learner.pem\", approver: \"%2$s/approver.pem\"}"
            .formatted(another.home(), server.home());
    another.start(List.of(), kithYaml(another, certificates, keys, kubernetes, store));
    return another;
  }

  private <T extends AutoCloseable> T closing(T resource) {
    running.push(resource);
    return resource;
  }

  private RunningProcess killing(RunningProcess process) {
    running.push(process::kill);
    return process;
  }

  /** Starts what keeps the certificate of an account in a folder up to date. */
  private Path certificates(String account, int statusPort)
      throws IOException, InterruptedException {
    plane.account(NAMESPACE, account);
    var agent =
        PilotAgent.prepare(
            lab.folder().resolve("agent-" + account), plane, NAMESPACE, account, "", istio, envoy);
    var environment =
        agent.environment(
            Map.of(
                "POD_NAME",
                account + "-0",
                "POD_NAMESPACE",
                NAMESPACE,
                "SERVICE_ACCOUNT",
                account,
                "INSTANCE_IP",
                plane.host().v4().getHostAddress(),
                "ISTIO_META_CLUSTER_ID",
                "Kubernetes",
                "DISABLE_ENVOY",
                "true"),
            statusPort);
    var process =
        plane
            .host()
            .start(
                "pilot-agent of " + account,
                agent.folder().resolve("log"),
                environment,
                agent.command(
                    List.of("proxy", "sidecar", "--domain", NAMESPACE + ".svc.cluster.local")));
    killing(process)
        .awaitReady(
            LIMIT,
            () ->
                List.of("cert-chain.pem", "key.pem", "root-cert.pem").stream()
                    .allMatch(file -> Files.exists(agent.certificates().resolve(file))));
    return agent.certificates();
  }

  private String kithYaml(
      Replica server, Path certificates, String keys, String kubernetes, String store) {
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
      keys: %10$s
      guard: {resolvers: ["%2$s:53"], redirects: [ipv4]}
      kubernetes: %9$s
    bridge:
      node: node-1
      spiffeId: %7$s
      servers: ["%2$s:%4$d"]
      attest: none
      status: "%6$s/bridge.sock"
      pin: "off"
    identity:
      provider: files
      files: {certificate: "%8$s/cert-chain.pem", key: "%8$s/key.pem", bundle: "%8$s/root-cert.pem"}
    scopes:
    - {scope: "*", mode: observe}
    store: %11$s
    telemetry: {sampleAllows: 1}
    """
        .formatted(
            id(NAMESPACE, SERVER),
            address,
            server.checks(),
            server.bridges(),
            server.health(),
            server.home(),
            id(NAMESPACE, BRIDGE),
            certificates,
            kubernetes,
            keys,
            store);
  }

  /** The SPIFFE ID of an account. */
  static String id(String namespace, String account) {
    return IDS + namespace + "/sa/" + account;
  }

  Replica server() {
    return server;
  }

  List<Edge> edges(String owner) {
    return server
        .admin()
        .listEdges(ListEdgesRequest.newBuilder().setOwner(owner).build())
        .getEdgesList();
  }

  /** Has the cart ask for both services of the shop until both are learned. */
  void learnBothOf(IstioMesh mesh) throws Exception {
    while (edges(IstioMesh.CART).stream()
            .map(Edge::getDestination)
            .filter(name -> name.startsWith("shop/"))
            .distinct()
            .count()
        < 2) {
      mesh.ask("catalog", 8080);
      mesh.run("/app/orders", "orders-db", "5432");
    }
  }

  /**
   * What the cart's sidecar answers to a request that Kith decided about; asks again while a busy
   * machine keeps Kith from deciding, which refuses the request.
   */
  String decided(Callable<String> request) throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      var answer = request.call();
      if (isDecided(answer) || System.nanoTime() > end) {
        return answer;
      }
    }
  }

  private boolean isDecided(String answer) {
    return answer.startsWith("HTTP/1.1 403")
        ? !Mesh.NOT_DECIDED.contains(refusal(answer).getReason())
        : !answer.startsWith("HTTP/1.1 503");
  }

  /** The decision that an HTTP answer names. */
  DecisionRecord refusal(String answer) {
    assertThat(answer).startsWith("HTTP/1.1 403");
    var id = DECISION.matcher(answer);
    assertThat(id.find()).as(answer).isTrue();
    return server
        .admin()
        .listDecisions(ListDecisionsRequest.newBuilder().setId(id.group(1)).build())
        .getDecisions(0);
  }

  List<DecisionRecord> decisions() {
    return server
        .admin()
        .listDecisions(ListDecisionsRequest.getDefaultInstance())
        .getDecisionsList();
  }

  @Override
  public void close() {
    while (!running.isEmpty()) {
      try {
        running.pop().close();
      } catch (Exception e) {
        IstioMesh.SAY.accept("while stopping: " + e);
      }
    }
  }
}
