package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.istio.FailureMode;
import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.Floor;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshRecipe;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.istio.ServerAddress;
import io.kith.istio.doctor.Doctor;
import io.kith.istio.doctor.MeshState;
import io.kith.istio.doctor.SidecarDump;
import io.kith.load.tools.Helm;
import java.io.IOException;
import java.time.Instant;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A real istiod makes of the EnvoyFilter what a real Envoy runs with. */
@Tag("istio")
@Timeout(600)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class IstioTest {
  private static IstioMesh mesh;

  /** Outbound chains of the cart's sidecar, at the least. */
  private static final int LEAST = 29;

  /** Those of its own namespace. */
  private static final int LEAST_IMPORTED = 17;

  /** HTTP managers in either. */
  private static final int LEAST_MANAGERS = 6;

  /** Where a port of a sidecar's own takes requests for anywhere. */
  private static final int PROXY_PORT = 15_080;

  /** A tenant's that imports nothing of other namespaces, Kith's among them. */
  private static final String SIDECAR =
      """
      apiVersion: networking.istio.io/v1
      kind: Sidecar
      metadata: {name: default, namespace: shop, labels: {istio.io/rev: default}}
      spec: {egress: [{hosts: ["./*"]}]}
      """;

  @BeforeAll
  static void start() throws Exception {
    mesh = new IstioMesh();
    mesh.plane.apply(IstioMesh.resource("odd-chains.yaml"));
    mesh.plane.endpoints(
        "shop", "ledger", mesh.catalog.host().v4(), "catalog-0", Map.of("tcp", 7000));
    mesh.plane.meshConfig(text -> text.stripTrailing() + "\nproxyHttpPort: " + PROXY_PORT + "\n");
    mesh.awaitText("127.0.0.1_" + PROXY_PORT, true);
    mesh.awaitText("*.wild.example.org", true);
    mesh.awaitChains(LEAST);
  }

  @AfterAll
  static void stop() {
    if (mesh != null) {
      mesh.close();
      assertThat(mesh.plane.running()).isEmpty();
    }
  }

  @Test
  @Order(1)
  void sidecar_withoutFilter_asksNobody_andLetsEverythingThrough() throws Exception {
    var guarded = mesh.guarded();

    assertThat(guarded.chains()).hasSizeGreaterThanOrEqualTo(LEAST);
    assertThat(guarded.managers()).isPositive();
    assertThat(guarded.some()).isFalse();
    assertThat(mesh.envoy().admin("/config_dump"))
        .as("chains that end in neither a TCP proxy nor an HTTP manager, or have more before it")
        .contains("envoy.filters.network.redis_proxy", "envoy.filters.network.mongo_proxy");
    assertThat(mesh.ask("catalog", 8080)).contains(mesh.catalog.token());
    assertThat(mesh.ask("stranger", 8080)).contains(mesh.stranger.token());
    assertThat(mesh.catalogsSidecar.envoy().stat("listener.0.0.0.0_15006.ssl.handshake"))
        .as("the sidecars speak mutual TLS")
        .isPositive();
  }

  private static List<MeshSettings> settings() {
    return List.of(
        MeshSettings.of(Tcp.BASELINE),
        MeshSettings.of(Tcp.BASELINE).withShortCut(),
        MeshSettings.of(Tcp.STRICT));
  }

  /** There is no server to ask, so what passes is what the failure mode lets pass. */
  @ParameterizedTest
  @MethodSource("settings")
  @Order(2)
  void filters_appliedThroughTheApiServer_guardEveryChain_andNoneByMistake(MeshSettings settings)
      throws Exception {
    var filter = IstioMesh.recipe(settings).yaml();
    mesh.plane.apply(filter);
    mesh.awaitGuarded(true);
    assertGuarded(settings.toString());
    assertThat(mesh.ask("catalog", 8080)).doesNotContain(mesh.catalog.token());
    assertThat(mesh.ask("stranger", 8080)).doesNotContain(mesh.stranger.token());

    var open = overlay(settings, new FailureMode.Open());
    mesh.plane.apply(open);
    mesh.awaitText("\"failure_mode_allow\":true", true);
    assertGuarded("open");
    assertThat(mesh.ask("catalog", 8080)).contains(mesh.catalog.token());
    assertThat(mesh.ask("stranger", 8080)).contains(mesh.stranger.token());

    var floor = overlay(settings, new Floor(List.of(Approved.parse("catalog:8080"))));
    mesh.plane.apply(floor);
    mesh.awaitText("kith.floor", true);
    assertGuarded("floor");
    assertThat(mesh.ask("catalog", 8080)).contains(mesh.catalog.token());
    assertThat(mesh.ask("stranger", 8080)).doesNotContain(mesh.stranger.token());

    mesh.plane.delete(floor);
    mesh.awaitText("kith.floor", false);
    assertGuarded("closed again");
    assertThat(mesh.ask("catalog", 8080)).doesNotContain(mesh.catalog.token());

    mesh.plane.delete(filter);
    mesh.awaitGuarded(false);
  }

  /** Kith's cluster is none of the mesh's services, so no Sidecar takes it away. */
  @Test
  @Order(3)
  void sidecarResource_thatImportsNothing_leavesEveryChainGuarded() throws Exception {
    var settings = MeshSettings.of(Tcp.STRICT);
    var filter = IstioMesh.recipe(settings).yaml();
    mesh.awaitCluster("|istiod.istio-system.svc", true);
    mesh.plane.apply(SIDECAR);
    mesh.awaitCluster("|istiod.istio-system.svc", false);
    mesh.plane.apply(filter);
    mesh.awaitGuarded(true);

    assertGuarded("behind a Sidecar resource", LEAST_IMPORTED);
    assertThat(mesh.envoy().admin("/clusters")).contains("kith_server::");
    assertThat(mesh.ask("catalog", 8080)).doesNotContain(mesh.catalog.token());

    mesh.plane.delete(SIDECAR);
    mesh.plane.delete(filter);
    mesh.awaitGuarded(false);
    mesh.awaitChains(LEAST);
  }

  /** An Istio whose chains have other names: strict is as baseline then, and doctor says so. */
  @Test
  @Order(3)
  void strict_whereChainsHaveOtherNames_isBaseline_andDoctorFindsIt() throws Exception {
    var filter = IstioMesh.recipe(MeshSettings.of(Tcp.STRICT)).yaml();
    var other =
        filter
            .replace("virtualOutbound-catchall-tcp", "virtualOutbound-all-tcp")
            .replace("PassthroughFilterChain", "DefaultFilterChain");
    assertThat(other).isNotEqualTo(filter);
    mesh.plane.apply(filter);
    mesh.awaitText("kith.gate", true);
    assertThat(found(filter)).doesNotContain("not-gated");

    mesh.plane.apply(other);
    mesh.awaitText("\"name\":\"kith.gate\"", false);

    assertGuarded("strict without its gate");
    assertThat(found(other)).contains("not-gated").doesNotContain("unguarded-chain");

    mesh.plane.delete(filter);
    mesh.awaitGuarded(false);
  }

  /** What doctor finds about the cart, by the rules' words. */
  private static List<String> found(String filter) throws Exception {
    var pod = mesh.plane.client().pods().inNamespace("shop").withName("cart-0").require();
    var objects =
        List.of(
            map(
                Serialization.asJson(
                    Serialization.unmarshal(filter, GenericKubernetesResource.class))),
            map(Serialization.asJson(pod)));
    var now = Instant.now();
    var doctor = new Doctor(new MeshState("istio-system", objects, null, null, now));
    doctor.judge(
        new SidecarDump(
            "shop",
            "cart-0",
            map(mesh.envoy().admin("/config_dump?include_eds")),
            Map.of(),
            now,
            now));
    return doctor.examination().findings().stream().map(one -> one.rule().id()).toList();
  }

  private static Map<String, Object> map(String json) throws IOException {
    return new ObjectMapper().readValue(json, new TypeReference<>() {});
  }

  /** As the chart has it where Checks are answered on the nodes. */
  @Test
  @Order(3)
  void filters_withAServerOnTheNodeAndOthersBehindIt_guardEveryChain() throws Exception {
    var kith = IstioMesh.recipe(MeshSettings.of(Tcp.BASELINE));
    var fallback = ServerAddress.parse("kith-checks.kith.svc.cluster.local:9191");
    var filter = new MeshRecipe(kith.server(), fallback, kith.serverId(), kith.settings()).yaml();
    mesh.plane.apply(filter);
    mesh.awaitGuarded(true);

    assertGuarded("on the node");
    assertThat(mesh.envoy().admin("/config_dump")).contains("disable_active_health_check");
    assertThat(mesh.ask("catalog", 8080)).doesNotContain(mesh.catalog.token());

    mesh.plane.delete(filter);
    mesh.awaitGuarded(false);
  }

  /**
   * Kith's own services are exported to no namespace: no sidecar has a cluster for them, whose name
   * a tenant could route to.
   */
  @Test
  @Order(3)
  void services_ofTheChart_areNoneOfTheMeshs() throws Exception {
    var chart = new HelmChart(Helm.find(IstioMesh.SAY));
    mesh.plane.namespace(HelmChart.NAMESPACE, Map.of());
    for (var object : chart.objects(new HelmChart.Values("default"))) {
      if (object.kind().equals("Service")) {
        mesh.plane.apply(object.yaml());
      }
    }
    mesh.plane.apply(
        """
        apiVersion: v1
        kind: Service
        metadata: {name: known-to-all, namespace: kith}
        spec: {ports: [{name: tcp, port: 9999}]}
        """);

    mesh.awaitText("outbound|9999||known-to-all.kith.svc.cluster.local", true);
    assertThat(mesh.envoy().admin("/config_dump")).doesNotContain("||kith-checks.kith");
  }

  /** Nobody injects and nobody validates: the API server's own checks are left, and the filter. */
  @Test
  @Order(4)
  void clusterWithoutWebhooks_takesTheRecipe_andRefusesWhatIsWrong() throws Exception {
    CustomResourcesTest.define(mesh.plane);
    var client = mesh.plane.client();
    var mutating = client.admissionRegistration().v1().mutatingWebhookConfigurations();
    var validating = client.admissionRegistration().v1().validatingWebhookConfigurations();
    assertThat(mutating.list().getItems()).isNotEmpty();
    assertThat(validating.list().getItems()).isNotEmpty();
    mutating.delete();
    validating.delete();
    var filter = IstioMesh.recipe(MeshSettings.of(Tcp.STRICT)).yaml();

    mesh.plane.apply(filter);
    mesh.awaitGuarded(true);

    assertThat(mutating.list().getItems()).isEmpty();
    assertThat(validating.list().getItems()).isEmpty();
    assertGuarded("without webhooks");
    assertThatThrownBy(
            () ->
                mesh.plane.apply(
                    """
                    apiVersion: kith.io/v1
                    kind: EgressAllowList
                    metadata: {name: wrong, namespace: shop}
                    spec: {scope: "shop/*", rules: [{action: allow}]}
                    """))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("spec");

    mesh.plane.delete(filter);
    mesh.awaitGuarded(false);
  }

  /** One object for a scope: the next mode takes the place of the one before. */
  private static String overlay(MeshSettings settings, FailureMode mode) {
    return new MeshOverlay(settings, MeshScope.namespace("shop"), mode).yaml();
  }

  private static void assertGuarded(String what) throws Exception {
    assertGuarded(what, LEAST);
  }

  private static void assertGuarded(String what, int least) throws Exception {
    var guarded = mesh.guarded();
    IstioMesh.SAY.accept(what + ": " + guarded);
    assertThat(guarded.chains()).hasSizeGreaterThanOrEqualTo(least);
    assertThat(guarded.unguarded()).as("all of %s", guarded.chains()).isEmpty();
    assertThat(guarded.managers()).isGreaterThanOrEqualTo(LEAST_MANAGERS);
    assertThat(guarded.unguardedManagers()).isEmpty();
    assertThat(guarded.inboundChains()).isPositive();
    assertThat(guarded.inboundManagers()).isPositive();
    assertThat(guarded.unguardedInbound()).isEmpty();
    assertThat(guarded.wrong()).isEmpty();
    assertNothingRejected();
  }

  private static void assertNothingRejected() throws Exception {
    for (var counter :
        new String[] {
          "cluster_manager.cds.update_rejected",
          "listener_manager.lds.update_rejected",
          "server.dynamic_unknown_fields",
          "server.static_unknown_fields"
        }) {
      assertThat(mesh.envoy().stat(counter)).as(counter).isZero();
    }
  }
}
