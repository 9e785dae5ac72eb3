package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.Edge;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.load.mesh.Mesh;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
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

/**
 * The recipe strict with the short cut in a sidecar that a real istiod configures, with Kith
 * enforcing: what is spared, what is not, and what speaks first behind the gate. The tests are one
 * story, in this order.
 */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ShortCutInIstioTest {
  private static final String CATALOG = "catalog:8080";
  private static final int REQUESTS = 20;

  /** Another service of the shop's on the port of the catalog, which the cart never asks. */
  private static final String REPORTS =
      """
      apiVersion: v1
      kind: Service
      metadata: {name: reports, namespace: shop}
      spec: {ports: [{name: http, port: 8080}]}
      """;

  private static final String SIDECAR =
      """
      apiVersion: networking.istio.io/v1
      kind: Sidecar
      metadata: {name: default, namespace: shop, labels: {istio.io/rev: default}}
      spec: {egress: [{hosts: ["./*"]}]}
      """;

  private static IstioMesh mesh;
  private static Kith kith;

  @BeforeAll
  static void start() throws Exception {
    mesh = new IstioMesh();
    mesh.plane.apply(REPORTS);
    mesh.plane.endpoints(
        "shop", "reports", mesh.stranger.host().v4(), null, Map.of("http", mesh.stranger.port()));
    kith = mesh.startKith();
    mesh.plane.apply(IstioMesh.recipe(MeshSettings.of(Tcp.STRICT).withShortCut()).yaml());
    mesh.awaitGuarded(true);
    mesh.awaitText("outbound|8080||reports.shop.svc.cluster.local", true);
    enforce();
  }

  @AfterAll
  static void stop() {
    if (mesh != null) {
      mesh.close();
    }
  }

  /** Enforces what the cart does: orders, then prices; and a database that no service has. */
  private static void enforce() throws Exception {
    var external = stranger() + ":" + mesh.strangersDatabase.port();
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (!to().containsAll(
            List.of("shop/deployment/catalog:8080", "shop/statefulset/orders-db:5432", external))) {
      checkout();
      database();
      assertThat(System.nanoTime()).as("%s", to()).isLessThan(end);
    }
    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    for (var edge : kith.edges(IstioMesh.CART)) {
      if ((edge.getDestination() + ":" + edge.getPort()).equals(external)) {
        kith.server().kith("approve", IstioMesh.CART, edge.getId(), "--note", "theirs").orFail();
      }
    }
    kith.server().kith("mode", IstioMesh.CART, "enforce", "--note", "test").orFail();
  }

  private static List<String> to() {
    return kith.edges(IstioMesh.CART).stream()
        .map((Edge edge) -> edge.getDestination() + ":" + edge.getPort())
        .distinct()
        .toList();
  }

  private static String stranger() {
    return mesh.stranger.host().v4().getHostAddress();
  }

  /** An order, then the catalog, and these hosts on the same connection: a line each. */
  private static List<String> checkout(String... further) throws Exception {
    var argv = new ArrayList<>(List.of("/app/checkout", "orders-db", "5432", CATALOG));
    argv.addAll(List.of(further));
    return mesh.run(argv.toArray(String[]::new)).lines().toList();
  }

  private static String database() throws Exception {
    return mesh.run("/app/orders", stranger(), Integer.toString(mesh.strangersDatabase.port()));
  }

  /** What a count of Envoy's grows by. */
  private static long stats(String suffix) throws IOException, InterruptedException {
    return mesh.envoy()
        .admin("/stats?filter=" + suffix)
        .lines()
        .map(line -> line.substring(line.lastIndexOf(' ') + 1))
        .filter(value -> value.matches("[0-9]+"))
        .mapToLong(Long::parseLong)
        .sum();
  }

  private static long checksOfRequests() throws IOException, InterruptedException {
    return stats("%5Ehttp%5C..*ext_authz%5C.kith%5C.(ok%7Cdenied)$");
  }

  private static long checks() throws IOException, InterruptedException {
    return stats("%5Ecluster%5C.kith_server%5C.upstream_rq_total$");
  }

  @Test
  @Order(1)
  void requestsOnOneConnection_areSparedTheirChecks() throws Exception {
    var further = Collections.nCopies(REQUESTS - 1, CATALOG).toArray(String[]::new);
    var expected = Collections.nCopies(REQUESTS, mesh.catalog.token());
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    List<String> lines;
    long ofRequests;
    long all;
    do { // a busy machine refuses what it decides too late
      ofRequests = -checksOfRequests();
      all = -checks();
      lines = checkout(further);
      ofRequests += checksOfRequests();
      all += checks();
    } while (!lines.stream().skip(1).toList().equals(expected) && System.nanoTime() < end);

    IstioMesh.SAY.accept(
        "%d requests on one connection: %d Checks, %d of requests"
            .formatted(REQUESTS, all, ofRequests));
    assertThat(lines).hasSize(1 + REQUESTS).endsWith(expected.toArray(String[]::new));
    assertThat(ofRequests).isZero();
    assertThat(all).as("of two connections, and tries again").isBetween(2L, 6L);
  }

  /** Envoy would route it to the other service, on a connection that is allowed elsewhere. */
  @Test
  @Order(2)
  void requestForAnotherHost_onASparedConnection_isCheckedAndRefused() throws Exception {
    mesh.stranger.forget();
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    List<String> lines;
    List<String> reasons;
    long ofRequests;
    do {
      ofRequests = -checksOfRequests();
      lines = checkout(CATALOG, "reports:8080", CATALOG);
      ofRequests += checksOfRequests();
      reasons = reasonsOfRefusals();
    } while ((lines.size() != 5 || lines.contains("reports:8080: 503") || reasons.isEmpty())
        && System.nanoTime() < end);

    var token = mesh.catalog.token();
    assertThat(lines.subList(1, lines.size()))
        .containsExactly(token, token, "reports:8080: 403", token);
    assertThat(ofRequests).as("the one to another service, and no other").isOne();
    assertThat(mesh.stranger.connections()).isEmpty();
    assertThat(reasons).isNotEmpty().isSubsetOf("name_mismatch", "new_destination");
  }

  /** Of what was decided. */
  private static List<String> reasonsOfRefusals() {
    return kith.decisions().stream()
        .filter(one -> one.getVerdict().equals("deny") && one.getPort() == 8080)
        .map(DecisionRecord::getReason)
        .filter(reason -> !Mesh.NOT_DECIDED.contains(reason))
        .toList();
  }

  /** The server speaks first, to an address that no service has: the gate asks, then connects. */
  @Test
  @Order(3)
  void serverThatSpeaksFirst_behindTheGate_isHeard() throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    String heard;
    long gated;
    do {
      gated = -stats("%5Ehttp%5C.gate%5C.ext_authz%5C.kith%5C.ok$");
      heard = database();
      gated += stats("%5Ehttp%5C.gate%5C.ext_authz%5C.kith%5C.ok$");
    } while (heard.isEmpty() && System.nanoTime() < end);

    assertThat(heard).startsWith("KITHDB 1\n").contains(mesh.strangersDatabase.token());
    assertThat(gated).as("asked by the gate").isPositive();
    mesh.strangersDatabase.forget();
    assertThat(mesh.run("/app/tools/db-shell", stranger(), "4444")).doesNotContain("KITHDB");
    assertThat(mesh.strangersDatabase.connections()).as("of another program").isEmpty();
  }

  /** A tenant's Sidecar that imports nothing of Kith's namespace takes nothing away. */
  @Test
  @Order(4)
  void sidecarResource_thatImportsNothing_leavesKithAsked() throws Exception {
    mesh.awaitCluster("|istiod.istio-system.svc", true);
    mesh.plane.apply(SIDECAR);
    mesh.awaitCluster("|istiod.istio-system.svc", false);

    var guarded = mesh.guarded();
    assertThat(guarded.unguarded()).isEmpty();
    assertThat(guarded.unguardedManagers()).isEmpty();
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    long asked;
    List<String> lines;
    do {
      asked = -checks();
      lines = checkout(CATALOG);
      asked += checks();
    } while (lines.size() != 3 && System.nanoTime() < end);
    assertThat(lines).contains(mesh.catalog.token());
    assertThat(asked).isPositive();
    assertThat(mesh.run("/app/tools/db-shell", "orders-db", "5432"))
        .doesNotContain(mesh.orders.token());
  }
}
