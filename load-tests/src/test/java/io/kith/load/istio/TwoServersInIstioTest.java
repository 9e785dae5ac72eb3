package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.load.mesh.Mesh;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Two servers on one PostgreSQL beside a real istiod: the sidecar asks the one, and the other one
 * writes that a scope is enforced.
 */
@Tag("istio")
@Timeout(900)
class TwoServersInIstioTest {
  private static TwoServers servers;

  @BeforeAll
  static void start() throws Exception {
    servers = new TwoServers();
  }

  @AfterAll
  static void stop() throws Exception {
    if (servers != null) {
      servers.close();
    }
  }

  @Test
  void sidecarThatAsksTheOne_isKnownToTheOneThatWrites_alsoAfterRestarts() throws Exception {
    var mesh = servers.mesh;
    var objects = servers.objects;
    var kith = servers.kith;
    var other = servers.two;
    kith.learnBothOf(mesh);
    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    servers.awaitWriter("one");
    kith.server().stop();
    servers.awaitWriter("two");
    kith.startServer();

    servers.scope("mode: enforce");
    OverlaysInIstioTest.awaitSaid(mesh.sidecar, "closed");
    objects.awaitCondition("Scope", "cart", "FailureMode", "True Closed");
    objects.awaitCondition("Scope", "cart", "Enforced", "False WaitsForSidecars: 0 of 1");

    long begin = System.nanoTime();
    Mesh.await(
        "the sidecar asks until it is known",
        Mesh.PATIENCE,
        () -> {
          try {
            var answer = kith.decided(() -> mesh.ask("catalog", 8080));
            assertThat(answer).startsWith("HTTP/1.1 200");
            return objects.condition("Scope", "cart", "Enforced").startsWith("True Enforced");
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
    IstioMesh.SAY.accept(
        "enforced %.1f s after the sidecar asked another server than the one that writes"
            .formatted((System.nanoTime() - begin) / 1e9));
    assertThat(servers.writer()).startsWith("two");
    assertThat(
            other
                .admin()
                .listDecisions(ListDecisionsRequest.getDefaultInstance())
                .getDecisionsList())
        .as("nobody asked it")
        .isEmpty();

    // by one that started afterwards and was never asked, while nobody can be
    other.stop();
    servers.awaitWriter("one");
    servers.startTwo();
    kith.server().stop();
    servers.awaitWriter("two");
    servers.scope("mode: enforce, failure: closed"); // so that the conditions are said anew
    objects.awaitCondition("Scope", "cart", "Enforced", "True Enforced");
  }
}
