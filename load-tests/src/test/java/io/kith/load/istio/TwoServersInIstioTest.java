package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.load.mesh.Mesh;
import io.kith.load.mesh.Replica;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Postgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
  private static final int PORTS_OF_TWO = 9_391;
  private static Postgres postgres;
  private static Path password;
  private static IstioMesh mesh;
  private static KithObjects objects;
  private static Kith kith;
  private static Replica other;

  @BeforeAll
  static void start() throws Exception {
    var chart = new HelmChart(Helm.find(IstioMesh.SAY));
    postgres = Postgres.start(IstioMesh.SAY);
    password = Files.writeString(Files.createTempFile("kith-", ""), Postgres.PASSWORD + "\n");
    var url = postgres.newDatabase();
    mesh = new IstioMesh();
    objects = new KithObjects(mesh.plane, "shop");
    OverlaysInIstioTest.grantRights(mesh, chart);
    kith =
        mesh.startKith(
            "{kubeconfig: \"%s\", overlays: true}"
                .formatted(mesh.plane.kubeconfigOf(Kith.NAMESPACE, "kith-server")),
            store(url, "one"));
    mesh.plane.apply(IstioMesh.recipe(MeshSettings.of(Tcp.BASELINE)).yaml());
    mesh.awaitGuarded(true);
    other = kith.startAnother(PORTS_OF_TWO, store(url, "two"));
  }

  @AfterAll
  static void stop() throws Exception {
    if (mesh != null) {
      mesh.close();
    }
    if (postgres != null) {
      postgres.close();
    }
    if (password != null) {
      Files.delete(password);
    }
  }

  private static String store(String url, String replica) {
    return "{type: postgresql, url: \"%s\", user: %s, passwordFile: \"%s\", replica: %s}"
        .formatted(url, Postgres.USER, password, replica);
  }

  /** Who writes; empty when nobody does. */
  private static String writer() {
    var lease =
        mesh.plane
            .client()
            .resources(Lease.class)
            .inNamespace(Kith.NAMESPACE)
            .withName("kith-cluster")
            .get();
    var holder = lease == null ? null : lease.getSpec().getHolderIdentity();
    return holder == null ? "" : holder;
  }

  private static void awaitWriter(String name) throws InterruptedException {
    Mesh.await(name + " writes", Mesh.PATIENCE, () -> writer().startsWith(name));
  }

  @Test
  void sidecarThatAsksTheOne_isKnownToTheOneThatWrites_alsoAfterRestarts() throws Exception {
    kith.learnBothOf(mesh);
    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    awaitWriter("one");
    kith.server().stop();
    awaitWriter("two");
    kith.startServer();

    scope("mode: enforce");
    OverlaysInIstioTest.awaitSaid(mesh.sidecar, "closed");
    objects.awaitCondition("Scope", "cart", "FailureMode", "True Closed");
    objects.awaitCondition("Scope", "cart", "Enforced", "False WaitsForSidecars: 0 of 1");

    Mesh.await(
        "the sidecar asks",
        Mesh.PATIENCE,
        () -> {
          try {
            return mesh.ask("catalog", 8080).startsWith("HTTP/1.1 200");
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
    long begin = System.nanoTime();
    objects.awaitCondition("Scope", "cart", "Enforced", "True Enforced");
    IstioMesh.SAY.accept(
        "enforced %.1f s after the sidecar asked another server than the one that writes"
            .formatted((System.nanoTime() - begin) / 1e9));
    assertThat(writer()).startsWith("two");
    assertThat(
            other
                .admin()
                .listDecisions(ListDecisionsRequest.getDefaultInstance())
                .getDecisionsList())
        .as("nobody asked it")
        .isEmpty();

    // by one that started afterwards and was never asked, while nobody can be
    other.stop();
    awaitWriter("one");
    other.start(List.of(), Files.readString(other.config()));
    kith.server().stop();
    awaitWriter("two");
    scope("mode: enforce, failure: closed"); // so that the conditions are said anew
    objects.awaitCondition("Scope", "cart", "Enforced", "True Enforced");
  }

  private static void scope(String mode) {
    mesh.plane.apply(
        """
        apiVersion: kith.io/v1
        kind: Scope
        metadata: {name: cart, namespace: shop}
        spec: {workload: {kind: Deployment, name: cart}, %s}
        """
            .formatted(mode));
  }
}
