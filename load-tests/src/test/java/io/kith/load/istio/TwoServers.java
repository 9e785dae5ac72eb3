package io.kith.load.istio;

import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.load.mesh.Mesh;
import io.kith.load.mesh.Replica;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Postgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Two servers on one PostgreSQL beside a real istiod, each with an account of its own that has the
 * rights of the chart. Sidecars ask the first one.
 */
final class TwoServers {
  static final String ACCOUNT_OF_ONE = "kith-server";
  static final String ACCOUNT_OF_TWO = "kith-server-two";
  private static final int PORTS_OF_TWO = 9_391;

  private final Postgres postgres;
  private final Path password;
  final IstioMesh mesh;
  final KithObjects objects;
  final Kith kith;
  final Replica one;
  final Replica two;

  TwoServers() throws Exception {
    var chart = new HelmChart(Helm.find(IstioMesh.SAY));
    postgres = Postgres.start(IstioMesh.SAY);
    password = Files.writeString(Files.createTempFile("kith-", ""), Postgres.PASSWORD + "\n");
    try {
      var url = postgres.newDatabase();
      mesh = new IstioMesh();
      objects = new KithObjects(mesh.plane, "shop");
      OverlaysInIstioTest.grantRights(mesh, chart);
      grantRightsToTwo(chart);
      kith = mesh.startKith(kubernetes(ACCOUNT_OF_ONE), store(url, "one"));
      one = kith.server();
      mesh.plane.apply(IstioMesh.recipe(MeshSettings.of(Tcp.BASELINE)).yaml());
      mesh.awaitGuarded(true);
      two = kith.startAnother(PORTS_OF_TWO, kubernetes(ACCOUNT_OF_TWO), store(url, "two"));
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  /** The same rights for another account. */
  private void grantRightsToTwo(HelmChart chart) throws Exception {
    mesh.plane.account(Kith.NAMESPACE, ACCOUNT_OF_TWO);
    for (var object : chart.objects(new HelmChart.Values("default"))) {
      if (object.kind().endsWith("RoleBinding")) {
        mesh.plane.apply(
            object
                .yaml()
                .replaceFirst("name: " + object.name(), "name: " + object.name() + "-two")
                .replace("name: " + ACCOUNT_OF_ONE + ",", "name: " + ACCOUNT_OF_TWO + ","));
      }
    }
  }

  private String kubernetes(String account) throws Exception {
    return "{kubeconfig: \"%s\", overlays: true}"
        .formatted(mesh.plane.kubeconfigOf(Kith.NAMESPACE, account));
  }

  private String store(String url, String replica) {
    return "{type: postgresql, url: \"%s\", user: %s, passwordFile: \"%s\", replica: %s}"
        .formatted(url, Postgres.USER, password, replica);
  }

  /** Starts the second one again. */
  void startTwo() throws Exception {
    two.start(List.of(), Files.readString(two.config()));
  }

  /** Who writes, by the Lease; empty when nobody does. */
  String writer() {
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

  void awaitWriter(String name) throws InterruptedException {
    Mesh.await(name + " writes", Mesh.PATIENCE, () -> writer().startsWith(name));
  }

  /** Applies the Scope of the cart. */
  void scope(String mode) {
    mesh.plane.apply(
        """
        apiVersion: kith.io/v1
        kind: Scope
        metadata: {name: cart, namespace: shop}
        spec: {workload: {kind: Deployment, name: cart}, %s}
        """
            .formatted(mode));
  }

  void close() throws Exception {
    if (mesh != null) {
      mesh.close();
    }
    postgres.close();
    Files.delete(password);
  }
}
