package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.istio.FailureMode;
import io.kith.istio.FailureMode.Approved;
import io.kith.istio.FailureMode.Floor;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshRecipe;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.istio.ServerAddress;
import io.kith.load.tools.Helm;
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

  @BeforeAll
  static void start() throws Exception {
    mesh = new IstioMesh();
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

    assertThat(guarded.chains()).isPositive();
    assertThat(guarded.managers()).isPositive();
    assertThat(guarded.some()).isFalse();
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
    mesh.awaitText("\"failure_mode_allow\": true", true);
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

  /** One object for a scope: the next mode takes the place of the one before. */
  private static String overlay(MeshSettings settings, FailureMode mode) {
    return new MeshOverlay(settings, MeshScope.namespace("shop"), mode).yaml();
  }

  private static void assertGuarded(String what) throws Exception {
    var guarded = mesh.guarded();
    IstioMesh.SAY.accept(what + ": " + guarded);
    assertThat(guarded.chains()).isPositive();
    assertThat(guarded.unguarded()).isEmpty();
    assertThat(guarded.managers()).isPositive();
    assertThat(guarded.unguardedManagers()).isEmpty();
    assertThat(guarded.inboundChains()).isPositive();
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
