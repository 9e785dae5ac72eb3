package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

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
    }
  }

  @Test
  @Order(1)
  void sidecar_withoutFilter_asksNobody_andLetsEverythingThrough() throws Exception {
    var guarded = mesh.guarded();

    assertThat(guarded.chains()).isPositive();
    assertThat(guarded.managers()).isPositive();
    assertThat(guarded.guardedChains()).isZero();
    assertThat(mesh.ask("catalog", 8080)).contains(mesh.catalog.token());
    assertThat(mesh.ask("stranger", 8080)).contains(mesh.stranger.token());
  }

  @Test
  @Order(2)
  void filter_appliedThroughTheApiServer_guardsEveryChain_andNoneByMistake() throws Exception {
    mesh.plane.apply(mesh.guard());
    mesh.awaitGuarded(true);

    var guarded = mesh.guarded();

    assertThat(guarded.guardedChains()).as("%s", guarded).isEqualTo(guarded.chains());
    assertThat(guarded.guardedManagers()).as("%s", guarded).isEqualTo(guarded.managers());
    assertThat(guarded.managers()).isPositive();
    assertThat(guarded.inbound()).isZero();
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
