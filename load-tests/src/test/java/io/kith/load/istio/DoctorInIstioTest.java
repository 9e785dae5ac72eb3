package io.kith.load.istio;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.api.model.ContainerStatusBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.kith.istio.FailureMode;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.load.ffm.NetworkNamespace;
import io.kith.load.istio.HelmChart.Values;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Command;
import io.kith.load.tools.Helm;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code kith doctor} reads a real API server and the sidecars of a real istiod. There is no
 * kubelet to forward ports, so it is told where their administration is.
 */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class DoctorInIstioTest {
  private static final MeshSettings SETTINGS = MeshSettings.of(Tcp.BASELINE);
  private static final String FILTER = IstioMesh.recipe(SETTINGS).yaml();
  private static final String OPEN =
      new MeshOverlay(SETTINGS, MeshScope.MESH, new FailureMode.Open()).yaml();

  private static final String TENANT =
      """
      apiVersion: networking.istio.io/v1alpha3
      kind: EnvoyFilter
      metadata: {name: faster, namespace: shop, labels: {istio.io/rev: default}}
      spec:
        priority: 200
        configPatches:
        - applyTo: NETWORK_FILTER
          match: {context: SIDECAR_OUTBOUND, listener: {filterChain: {filter: {name: kith.connection}}}}
          patch: {operation: REMOVE}
      """;

  @TempDir private static Path folder;
  private static IstioMesh mesh;
  private static Kith kith;
  private static HttpServer tunnel;

  @BeforeAll
  static void start() throws Exception {
    mesh = new IstioMesh();
    kith = mesh.startKith();
    tunnel = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    forward("cart-0", mesh.sidecar.envoy());
    forward("catalog-0", mesh.catalogsSidecar.envoy());
    tunnel.start();
    mesh.plane.apply(OPEN);
    mesh.plane.apply(FILTER);
    mesh.awaitGuarded(true);
    mesh.ask("catalog", 8080);
  }

  @AfterAll
  static void stop() {
    if (tunnel != null) {
      tunnel.stop(0);
    }
    if (mesh != null) {
      mesh.close();
    }
  }

  /** Envoy's administration is on loopback of a pod. */
  private static void forward(String pod, EnvoyProxy envoy) {
    tunnel.createContext(
        "/" + pod,
        exchange -> {
          var page = exchange.getRequestURI().toString().substring(pod.length() + 1);
          try (exchange) {
            var body = envoy.admin(page).getBytes(UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
  }

  private static Command.Outcome doctor(List<String> pods, String... more) throws Exception {
    var argv = new ArrayList<>(List.of("doctor", "-o", "json"));
    if (!List.of(more).contains("--kubeconfig")) {
      argv.addAll(List.of("--kubeconfig", mesh.plane.kubeconfig().toString()));
    }
    for (var pod : pods) {
      argv.add("--proxy");
      argv.add(
          "shop/" + pod + "=http://127.0.0.1:" + tunnel.getAddress().getPort() + "/" + pod + "/");
    }
    argv.addAll(List.of(more));
    return kith.server().kith(argv.toArray(String[]::new));
  }

  private static Command.Outcome doctor(String... more) throws Exception {
    return doctor(List.of("cart-0", "catalog-0"), more);
  }

  private static JsonNode report(Command.Outcome outcome) throws IOException {
    // Messages of the error stream come before it.
    return new ObjectMapper().readTree(outcome.output().substring(outcome.output().indexOf('{')));
  }

  /** All but that the shop's database has no sidecar, which is meant. */
  private static List<String> rules(Command.Outcome outcome) throws IOException {
    var rules = new ArrayList<String>();
    for (var one : report(outcome).path("findings")) {
      if (!one.path("subject").asText().equals("shop/statefulset/orders-db")) {
        rules.add(one.path("rule").asText());
      }
    }
    return rules;
  }

  @Test
  @Order(1)
  void wholeMesh_hasNothingToFind_andItsDumpNeither() throws Exception {
    var dump = folder.resolve("dump");

    var live = doctor("--collect", dump.toString());
    var dumped = kith.server().kith("doctor", "--dump", dump.toString(), "-o", "json");

    assertThat(rules(live)).isEmpty();
    assertThat(report(live).path("sidecars").asInt()).isEqualTo(2);
    assertThat(live.exit()).isZero();
    assertThat(report(dumped)).isEqualTo(report(live));
    assertThat(dumped.exit()).isZero();
  }

  @Test
  @Order(2)
  void sidecarThatCannotBeRead_isAFinding_andTheOtherIsJudged() throws Exception {
    var outcome = doctor(List.of("cart-0"));

    assertThat(rules(outcome)).containsExactly("unread-sidecar");
    assertThat(report(outcome).path("sidecars").asInt()).isEqualTo(1);
    assertThat(outcome.exit()).isEqualTo(4);
  }

  @Test
  @Order(3)
  void annotationThatExcludesAPort_isFound() throws Exception {
    var cart = mesh.plane.client().pods().inNamespace("shop").withName("cart-0");
    var key = "traffic.sidecar.istio.io/excludeOutboundPorts";
    cart.edit(pod -> annotated(pod, Map.of(key, "3306")));

    var outcome = doctor();

    cart.edit(pod -> annotated(pod, Map.of(key, "")));
    assertThat(rules(outcome)).containsExactly("excluded-traffic");
    assertThat(outcome.exit()).as("a warning").isZero();
    assertThat(rules(doctor())).as("taken back").isEmpty();
  }

  /** No pod says it, and admission cannot see it; the node does, as a kubelet would say it. */
  @Test
  @Order(4)
  void imageWhoseOwnUserIsTheProxys_isFound() throws Exception {
    asUser(1337);

    var outcome = doctor();

    asUser(1000);
    assertThat(rules(outcome)).containsExactly("proxy-user");
    assertThat(report(outcome).path("findings").toString())
        .contains("container cart: its image's own uid is 1337");
    assertThat(outcome.exit()).isEqualTo(4);
    assertThat(rules(doctor())).isEmpty();
  }

  private static void asUser(long uid) {
    mesh.plane
        .client()
        .pods()
        .inNamespace("shop")
        .withName("cart-0")
        .editStatus(
            pod ->
                new PodBuilder(pod)
                    .editStatus()
                    .withContainerStatuses(
                        new ContainerStatusBuilder()
                            .withName("cart")
                            .withImage("registry.invalid/cart")
                            .withImageID("")
                            .withReady(true)
                            .withRestartCount(0)
                            .withNewUser()
                            .withNewLinux()
                            .withUid(uid)
                            .withGid(0L)
                            .endLinux()
                            .endUser()
                            .build())
                    .endStatus()
                    .build());
  }

  private static Pod annotated(Pod pod, Map<String, String> annotations) {
    pod.getMetadata().getAnnotations().putAll(annotations);
    return pod;
  }

  @Test
  @Order(5)
  void tenantsFilterThatRemovesTheCheck_isFound_andWhatItDid() throws Exception {
    mesh.plane.apply(TENANT);
    mesh.awaitText("\"name\":\"kith.connection\"", false);

    var outcome = doctor();

    mesh.plane.delete(TENANT);
    mesh.awaitText("\"name\":\"kith.connection\"", true);
    assertThat(rules(outcome)).contains("unguarded-chain", "tenant-filter");
    assertThat(report(outcome).path("findings").toString())
        .contains("REMOVE of kith.connection", "kubectl delete envoyfilter faster -n shop");
    assertThat(outcome.exit()).isEqualTo(4);
  }

  @Test
  @Order(6)
  void deletedFilter_isFound() throws Exception {
    mesh.plane.delete(FILTER);
    mesh.awaitGuarded(false);

    var outcome = doctor();

    mesh.plane.apply(FILTER);
    mesh.awaitGuarded(true);
    assertThat(rules(outcome)).contains("unguarded-chain", "unguarded-requests");
    assertThat(report(outcome).path("findings").path(0).path("seen").asText())
        .startsWith("all ")
        .endsWith("outbound chains");
    assertThat(outcome.exit()).isEqualTo(4);
  }

  /** Enforced before its filter is closed, as it should not be. */
  @Test
  @Order(8)
  void workloadThatIsEnforcedWithAnOpenFilter_isFound_untilTheFilterIsClosed() throws Exception {
    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    kith.server().kith("mode", IstioMesh.CART, "enforce", "--note", "test").orFail();

    var open = doctor();

    assertThat(rules(open))
        .startsWith("open-under-enforce", "pods-not-refused")
        .filteredOn(rule -> rule.equals("admission-incomplete"))
        .as("the policies but kith-pods")
        .hasSize(POLICIES.size() - 1);
    assertThat(rules(open)).hasSize(POLICIES.size() + 1);
    assertThat(report(open).path("findings").path(0).path("change").asText())
        .startsWith("kith istio overlay shop/deployment/cart --label app=cart --failure closed");
    mesh.plane.apply(
        new MeshOverlay(
                SETTINGS,
                MeshScope.parse(IstioMesh.CART, Map.of("app", "cart")),
                new FailureMode.Closed())
            .yaml());
    mesh.awaitText("\"failure_mode_allow\":true", false);
    assertThat(rules(doctor())).doesNotContain("open-under-enforce").contains("pods-not-refused");

    POLICIES.forEach(policy -> mesh.plane.apply(BINDING.formatted(policy, policy)));
    assertThat(report(doctor()).path("findings").toString())
        .contains("there is no policy kith-pods, so that its bindings refuse nothing");
    POLICIES.forEach(DoctorInIstioTest::applyPolicy);
    assertThat(rules(doctor())).isEmpty();
    mesh.plane.delete(BINDING.formatted("kith-failure-modes", "kith-failure-modes"));
    assertThat(rules(doctor())).containsExactly("admission-incomplete");
    mesh.plane.apply(BINDING.formatted("kith-failure-modes", "kith-failure-modes"));
  }

  /** Only its name counts here; what it refuses is AdmissionTest's. */
  private static void applyPolicy(String name) {
    mesh.plane.apply(
        """
        apiVersion: admissionregistration.k8s.io/v1
        kind: ValidatingAdmissionPolicy
        metadata: {name: %s}
        spec:
          matchConstraints:
            resourceRules:
            - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [endpoints]}
          validations: [{expression: "true"}]
        """
            .formatted(name));
  }

  private static final List<String> POLICIES =
      List.of(
          "kith-pods",
          "kith-pods-running",
          "kith-ephemeral-containers",
          "kith-sessions",
          "kith-pod-labels",
          "kith-mesh-resources",
          "kith-failure-modes");

  private static final String BINDING =
      """
      apiVersion: admissionregistration.k8s.io/v1
      kind: ValidatingAdmissionPolicyBinding
      metadata: {name: %s}
      spec:
        policyName: %s
        validationActions: [Deny]
        matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}
      """;

  /** What Envoy does not know, so that it goes on with the listeners that it has. */
  private static final String UNKNOWN =
      """
      apiVersion: networking.istio.io/v1alpha3
      kind: EnvoyFilter
      metadata: {name: unknown, namespace: istio-system}
      spec:
        workloadSelector: {labels: {app: cart}}
        configPatches:
        - applyTo: NETWORK_FILTER
          match: {context: SIDECAR_OUTBOUND, listener: {filterChain: {filter: {name: envoy.filters.network.tcp_proxy}}}}
          patch:
            operation: INSERT_BEFORE
            value:
              name: unknown
              typed_config:
                "@type": type.googleapis.com/xds.type.v3.TypedStruct
                type_url: type.googleapis.com/kith.nobody.Knows
                value: {}
      """;

  /**
   * Ports are forwarded by the API server, and by what stands in for a kubelet: that of a sidecar,
   * and istiod's, which knows what its sidecars acknowledged.
   */
  @Test
  @Order(9)
  void sidecarAndIstiod_areReadThroughTheApiServer() throws Exception {
    new ClusterObjects(mesh.plane, "istio-system")
        .podWithoutSidecar(
            "istiod-0",
            "istiod",
            ClusterObjects.statefulSet("istiod"),
            mesh.plane.host().v4().getHostAddress());
    try (var _ =
        ForwardedPorts.start(
            mesh.plane,
            "node-1",
            mesh.lab.address(),
            folder,
            Map.of(
                "cart-0",
                mesh.cart.namespace(),
                "istiod-0",
                mesh.plane.host().namespace(),
                "kith-node-a",
                mesh.cart.namespace(),
                "kith-node-b",
                mesh.plane.host().namespace()))) {

      var outcome = doctor(List.of("catalog-0"));

      assertThat(rules(outcome)).isEmpty();
      assertThat(report(outcome).path("sidecars").asInt()).isEqualTo(2);
      assertThat(report(outcome).path("not_judged").toString()).doesNotContain("istiod");
      assertThat(outcome.exit()).isZero();
      assertThat(
              report(
                  doctor(List.of("catalog-0"), "--kubeconfig", kubeconfigWithTheRoleOfTheChart())))
          .as("with no other rights")
          .isEqualTo(report(outcome));

      mesh.plane.apply(UNKNOWN);
      Mesh.await("Envoy rejects it", Mesh.PATIENCE, DoctorInIstioTest::isRejected);
      var dump = folder.resolve("rejected");
      var rejected = doctor(List.of("catalog-0"), "--collect", dump.toString());

      assertThat(rules(rejected)).containsExactly("rejected-update", "not-synced");
      assertThat(report(rejected).path("findings").toString())
          .contains("istiod istiod-0 sent listeners");
      assertThat(report(kith.server().kith("doctor", "--dump", dump.toString(), "-o", "json")))
          .isEqualTo(report(rejected));

      mesh.plane.account(Kith.NAMESPACE, "kith-node");
      var a = serverOfKith("kith-node-a", mesh.cart.namespace(), 3);
      var b = serverOfKith("kith-node-b", mesh.plane.host().namespace(), 4);
      podOfKith("kith-node-c");
      var counted = doctor(List.of("catalog-0"), "--collect", folder.resolve("kith").toString());
      a.stop(0);
      b.stop(0);

      assertThat(rules(counted)).contains("proxy-user-seen");
      assertThat(report(counted).path("findings").toString())
          .contains("kith_guard_refused_total{reason=\\\"proxy_user\\\"} is 7");
      assertThat(report(counted).path("not_judged").toString())
          .contains("guard counts of kith-node-c: its port cannot be forwarded");
      assertThat(
              report(
                  kith.server()
                      .kith("doctor", "--dump", folder.resolve("kith").toString(), "-o", "json")))
          .isEqualTo(report(counted));
    }
  }

  /**
   * That of an account which has the ClusterRole {@code kith-doctor} of the chart, and nothing
   * else.
   */
  private static String kubeconfigWithTheRoleOfTheChart() throws Exception {
    mesh.plane.account("shop", "doctor");
    for (var object : new HelmChart(Helm.find(IstioMesh.SAY)).objects(new Values("default"))) {
      if (object.name().equals("kith-doctor")) {
        mesh.plane.apply(object.yaml());
      }
    }
    mesh.plane.apply(
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: kith-doctor}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kith-doctor}
        subjects: [{kind: ServiceAccount, name: doctor, namespace: shop}]
        """);
    return mesh.plane.kubeconfigOf("shop", "doctor").toString();
  }

  /** A pod as the chart has it. */
  private static void podOfKith(String name) {
    mesh.plane
        .client()
        .resource(
            new PodBuilder()
                .withNewMetadata()
                .withNamespace(Kith.NAMESPACE)
                .withName(name)
                .addToLabels(
                    Map.of(
                        "app.kubernetes.io/name",
                        "kith",
                        "app.kubernetes.io/component",
                        "node",
                        "kith.io/metrics",
                        "true"))
                .endMetadata()
                .withNewSpec()
                .withServiceAccountName("kith-node")
                .withNodeName("node-1")
                .addNewContainer()
                .withName("kith")
                .withImage("registry.invalid/kith")
                .endContainer()
                .endSpec()
                .build())
        .create();
  }

  /** Such a pod, and what the guards of its node saw. */
  private static HttpServer serverOfKith(String name, NetworkNamespace network, int seen)
      throws Exception {
    podOfKith(name);
    var server =
        network.call(
            () ->
                HttpServer.create(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), 9194), 0));
    server.createContext(
        "/metrics",
        exchange -> {
          try (exchange) {
            var body =
                ("# TYPE kith_guard_refused_total counter\nkith_guard_refused_total{reason=\"proxy_user\"} "
                        + seen
                        + "\n")
                    .getBytes(UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
          }
        });
    server.start();
    return server;
  }

  private static boolean isRejected() {
    try {
      return mesh.envoy().stat("listener_manager.lds.update_rejected") > 0;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
