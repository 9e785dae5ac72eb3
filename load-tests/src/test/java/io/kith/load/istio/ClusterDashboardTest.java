package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.load.dashboard.Dashboard;
import io.kith.load.fleet.Fleet;
import io.kith.load.fleet.Part;
import io.kith.load.fleet.ServerProcess;
import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.lab.Lab;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Istio;
import io.kith.load.tools.Prometheus;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
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

/**
 * The queries of the dashboard, and the alerts, that only a server answers which follows a cluster;
 * of the others is {@code DashboardTest}.
 */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ClusterDashboardTest {
  private static Path folder;
  private static Lab lab;
  private static ControlPlane plane;
  private static Fleet fleet;
  private static ServerProcess server;
  private static Prometheus.Running running;
  private static Dashboard dashboard;

  @BeforeAll
  static void start() throws Exception {
    var prometheus = Prometheus.find();
    lab = Lab.open("kg", IstioMesh.SAY);
    plane = ControlPlane.start(lab, Istio.find(IstioMesh.SAY), IstioMesh.SAY);
    CustomResourcesTest.define(plane);
    plane.namespace("shop", Map.of());
    folder = Files.createTempDirectory("kith-k");
    fleet = Fleet.make(folder, 1);
    server =
        new Setup(
                fleet,
                "one",
                Fleet.sqlite(folder.resolve("kith.db")),
                Part.ofCluster(plane.kubeconfig()))
            .startAndWait();
    running = prometheus.start(folder, server.healthAddress());
    dashboard = new Dashboard(running);
  }

  @AfterAll
  static void stop() throws Exception {
    for (AutoCloseable part : new AutoCloseable[] {running, server, fleet, plane, lab}) {
      if (part != null) {
        part.close();
      }
    }
    if (folder != null) {
      ToolCache.delete(folder);
    }
  }

  static Stream<Dashboard.Query> queries() throws IOException {
    return Dashboard.queries().stream().filter(one -> Dashboard.isOfACluster(one.expression()));
  }

  static Stream<String> alerts() throws IOException {
    return Dashboard.alerts().stream().filter(Dashboard::isOfACluster);
  }

  @Test
  @Order(1)
  void queriesAndAlerts_areThere() throws Exception {
    assertThat(queries()).hasSize(4);
    assertThat(alerts()).hasSize(5);
  }

  @ParameterizedTest
  @MethodSource("queries")
  @Order(2)
  void query_ofThePanel_isAnswered(Dashboard.Query query) throws Exception {
    dashboard.awaitNamed(query.expression());
    dashboard.awaitValue(query.expression());
  }

  @ParameterizedTest
  @MethodSource("alerts")
  @Order(3)
  void alert_ofThePage_hasAValueAndDoesNotFireWhereAllIsWell(String alert) throws Exception {
    dashboard.awaitNamed(alert);
    dashboard.awaitValueComparedBy(alert);

    assertThat(dashboard.ask(alert).isEmpty()).as("does not fire").isTrue();
  }

  private static void awaitFires(String metric) throws Exception {
    var alert = alerts().filter(one -> one.contains(metric)).findFirst().orElseThrow();
    dashboard.awaitValue(alert);
  }

  @Test
  @Order(4)
  void listThatIsNotInForce_fires() throws Exception {
    plane.apply(
        """
        apiVersion: kith.io/v1
        kind: EgressAllowList
        metadata: {name: broken, namespace: shop}
        spec: {workload: "pay/*", rules: []}
        """);

    awaitFires("kith_cluster_problems");
  }

  @Test
  @Order(5)
  void enforcedScopeThatFailsOpen_fires() throws Exception {
    plane.apply(
        """
        apiVersion: kith.io/v1
        kind: Scope
        metadata: {name: shop, namespace: shop}
        spec: {mode: enforce, failure: open}
        """);

    awaitFires("kith_cluster_enforced_open");
    dashboard.awaitValue("kith_cluster_enforced_open{reason=\"FailsOpen\"} == 1");
  }

  @Test
  @Order(6)
  void apiServerThatIsGone_fires() throws Exception {
    plane.killApiServer();

    awaitFires("kith_cluster_followed");
    Mesh.await(
        "it is not watched",
        Mesh.PATIENCE,
        () -> dashboard.value("min(kith_kubernetes_connected)") == 0);
  }
}
