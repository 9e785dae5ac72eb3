package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.istio.MeshRecipe.Tcp;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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
    assertThat(guarded.some()).isFalse();
    assertThat(mesh.ask("catalog", 8080)).contains(mesh.catalog.token());
    assertThat(mesh.ask("stranger", 8080)).contains(mesh.stranger.token());
  }

  @ParameterizedTest
  @EnumSource(Tcp.class)
  @Order(2)
  void filter_appliedThroughTheApiServer_guardsEveryChain_andNoneByMistake(Tcp tcp)
      throws Exception {
    var filter = IstioMesh.recipe(tcp).yaml();
    mesh.plane.apply(filter);
    mesh.awaitGuarded(true);

    var guarded = mesh.guarded();
    IstioMesh.SAY.accept(tcp + ": " + guarded);

    assertThat(guarded.chains()).isPositive();
    assertThat(guarded.unguarded()).isEmpty();
    assertThat(guarded.managers()).isPositive();
    assertThat(guarded.unguardedManagers()).isEmpty();
    assertThat(guarded.inboundChains()).isPositive();
    assertThat(guarded.wrong()).isEmpty();
    assertNothingRejected();

    mesh.plane.delete(filter);
    mesh.awaitGuarded(false);
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
