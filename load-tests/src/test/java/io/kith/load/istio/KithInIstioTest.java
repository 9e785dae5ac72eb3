package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.Edge;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.load.lab.Upstream;
import io.kith.load.mesh.Attack;
import io.kith.load.mesh.Mesh;
import io.kith.load.mesh.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
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
 * Kith learns and enforces in a mesh that a real istiod rules, with certificates of its authority.
 * The tests are one story, in this order.
 */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class KithInIstioTest {
  private static final String FILTER = IstioMesh.recipe(MeshSettings.of(Tcp.STRICT)).yaml();
  private static IstioMesh mesh;
  private static Kith kith;

  @BeforeAll
  static void start() throws Exception {
    mesh = new IstioMesh();
    kith = mesh.startKith();
    mesh.plane.apply(FILTER);
    mesh.awaitGuarded(true);
  }

  @AfterAll
  static void stop() {
    if (mesh != null) {
      mesh.close();
    }
  }

  // ---- what the cart does

  private static String catalog() throws Exception {
    return mesh.ask("catalog", 8080);
  }

  private static String orders() throws Exception {
    return mesh.run("/app/orders", "orders-db", "5432");
  }

  private static String pay() throws Exception {
    return mesh.run("/usr/bin/curl", "-sk", "https://payments.example.org/");
  }

  /** Nobody's program, left in the container while it ran, does what the application does. */
  private static String intruder(String program, String host, int port) throws Exception {
    mesh.cart.write("/tmp/intruder", Files.readString(mesh.cart.path(program)));
    return mesh.run("/tmp/intruder", host, Integer.toString(port));
  }

  /** All of the cart's normal work, again while a busy machine keeps Kith from deciding. */
  private static void assertWorks() throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (true) {
      var all = catalog() + orders() + pay();
      var missing =
          Stream.of(mesh.catalog, mesh.orders, mesh.payments)
              .filter(upstream -> !all.contains(upstream.token()))
              .map(upstream -> upstream.host().name())
              .toList();
      if (missing.isEmpty()) {
        return;
      }
      assertThat(kith.decisions())
          .as("missing: %s", missing)
          .noneMatch(
              decision ->
                  decision.getVerdict().equals("deny")
                      && isOfApplication(decision)
                      && !Mesh.NOT_DECIDED.contains(decision.getReason()));
      assertThat(System.nanoTime()).as("%s in %s", missing, all).isLessThan(end);
    }
  }

  private static boolean isOfApplication(DecisionRecord decision) {
    return !decision.getProcess().contains("intruder")
        && !decision.getDestination().isEmpty()
        && decision.getPort() != mesh.strangersDatabase.port()
        && !decision.getDestination().equals(address(mesh.stranger));
  }

  private static String address(Upstream upstream) {
    return upstream.host().v4().getHostAddress();
  }

  // ---- the story

  @Test
  @Order(1)
  void observe_everythingPasses_andIsLearnedByName() throws Exception {
    var wanted =
        List.of(
            "/usr/bin/perl /app/ask -> shop/deployment/catalog:8080",
            "/usr/bin/perl /app/orders -> shop/statefulset/orders-db:5432",
            "/usr/bin/curl -> payments.example.org:443");
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    do {
      assertWorks();
      assertThat(System.nanoTime()).as("%s", edges()).isLessThan(end);
    } while (!edges().containsAll(wanted));

    assertThat(edges()).containsExactlyInAnyOrderElementsOf(wanted);
    assertThat(kith.decisions())
        .filteredOn(decision -> decision.getOwner().equals(IstioMesh.CART))
        .isNotEmpty()
        .allSatisfy(
            decision -> {
              assertThat(decision.getSpiffeId()).isEqualTo(Kith.id("shop", "cart"));
              assertThat(decision.getVerdict()).isEqualTo("allow");
            });
    assertThat(kith.decisions())
        .as("the catalog's sidecar asks about what comes in")
        .anySatisfy(
            decision -> {
              assertThat(decision.getOwner()).isEqualTo("shop/deployment/catalog");
              assertThat(decision.getSpiffeId()).isEqualTo(Kith.id("shop", "catalog"));
            });
  }

  private static List<String> edges() {
    return kith.edges(IstioMesh.CART).stream()
        .map(edge -> edge.getProcess() + " -> " + edge.getDestination() + ":" + edge.getPort())
        .distinct()
        .toList();
  }

  @Test
  @Order(2)
  void enforce_whatWasLearnedPasses_andNothingElse() throws Exception {
    var external =
        kith.edges(IstioMesh.CART).stream()
            .filter(edge -> edge.getDestination().equals("payments.example.org"))
            .map(Edge::getId)
            .findFirst()
            .orElseThrow();
    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    kith.server().kith("approve", IstioMesh.CART, external, "--note", "the provider").orFail();
    kith.server().kith("mode", IstioMesh.CART, "enforce", "--note", "test").orFail();

    assertWorks();
    assertRefused();
  }

  /** What was never learned is refused, and its destination sees no byte of it. */
  private static void assertRefused() throws Exception {
    var before = mesh.catalog.bytes();
    assertRefused(() -> mesh.ask("stranger", 8080), "new_destination");
    assertRefused(() -> intruder("/app/ask", "catalog", 8080), "new_process");
    assertThat(intruder("/app/orders", "orders-db", 5432)).doesNotContain(mesh.orders.token());
    assertThat(mesh.run("/app/orders", "stranger", "4444"))
        .as("not even what the stranger says first")
        .isEmpty();
    assertThat(mesh.stranger.connections()).isEmpty();
    assertThat(mesh.strangersDatabase.connections()).isEmpty();
    assertThat(mesh.catalog.bytes()).isEqualTo(before);
  }

  private static void assertRefused(Callable<String> request, String reason) throws Exception {
    assertThat(kith.refusal(kith.decided(request)).getReason()).isEqualTo(reason);
  }

  /** All but the one that is the cart's own programs at an unknown address, which are above. */
  private static List<Attack> attacks() {
    return Attack.ALL.stream().filter(attack -> attack.target() != Attack.Target.STRANGER).toList();
  }

  private static final Map<String, Attack.Place> PLACES =
      Map.of(
          "DB", new Attack.Place("orders-db", 5432), "CATALOG", new Attack.Place("catalog", 8080));

  @ParameterizedTest
  @MethodSource("attacks")
  @Order(3)
  void attackOfTheMainJob_isRefused_forItsReason(Attack attack) throws Exception {
    Programs.dropped().forEach(mesh.cart::write);
    var target = attack.target() == Attack.Target.DATABASE ? mesh.orders : mesh.catalog;
    var before = target.bytes();
    var known = Set.copyOf(kith.decisions().stream().map(DecisionRecord::getId).toList());

    var refused = new ArrayList<DecisionRecord>();
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    while (refused.isEmpty() && System.nanoTime() < end) { // a busy machine decides nothing
      assertThat(mesh.run(attack.argv(PLACES).toArray(String[]::new)))
          .doesNotContain(target.token());
      kith.decisions().stream()
          .filter(one -> !known.contains(one.getId()) && one.getVerdict().equals("deny"))
          .filter(one -> one.getProcess().equals(attack.process()))
          .filter(one -> !Mesh.NOT_DECIDED.contains(one.getReason()))
          .forEach(refused::add);
    }

    assertThat(refused)
        .as("%s", kith.decisions().subList(0, Math.min(5, kith.decisions().size())))
        .isNotEmpty()
        .allSatisfy(
            one -> {
              assertThat(attack.isRefusedFor(one.getReason())).as("%s", one).isTrue();
              assertThat(one.getOwner()).isEqualTo(IstioMesh.CART);
            });
    assertThat(target.bytes()).as("bytes that arrived").isEqualTo(before);
  }

  @Test
  @Order(4)
  void istiodIsRestarted_andNothingChanges() throws Exception {
    mesh.plane.stopIstiod();
    assertWorks();
    assertRefused();

    mesh.plane.startIstiod();
    Mesh.await("the sidecar is connected again", Mesh.PATIENCE, KithInIstioTest::connectedToIstiod);
    assertWorks();
    assertRefused();
    assertThat(mesh.guarded().unguarded()).isEmpty();
    assertThat(mesh.envoy().stat("cluster_manager.cds.update_rejected")).isZero();
    assertThat(mesh.envoy().stat("listener_manager.lds.update_rejected")).isZero();
  }

  private static boolean connectedToIstiod() {
    try {
      return mesh.envoy().stat("control_plane.connected_state") == 1;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** Whoever may delete it opens the mesh; what goes past the sidecar is refused all the same. */
  @Test
  @Order(5)
  void filterIsDeleted_sidecarAsksNobody_andTheGuardGoesOn() throws Exception {
    mesh.plane.delete(FILTER);
    mesh.awaitGuarded(false);
    mesh.closeKept(); // which the catalog's sidecar goes on to ask about
    var latest = kith.decisions().getFirst();

    assertThat(mesh.ask("stranger", 8080)).contains(mesh.stranger.token());
    assertThat(intruder("/app/ask", "catalog", 8080)).contains(mesh.catalog.token());
    assertThat(kith.decisions().getFirst()).as("nobody asked").isEqualTo(latest);

    mesh.stranger.forget();
    var past =
        mesh.cart
            .start(
                1337,
                "",
                List.of("/usr/bin/curl", "-sS", "http://" + address(mesh.stranger) + ":8080/"))
            .await(Duration.ofMinutes(2));
    assertThat(past.exit()).as("%s", past).isNotZero();
    assertThat(mesh.stranger.connections()).isEmpty();

    mesh.plane.apply(FILTER);
    mesh.awaitGuarded(true);
    mesh.strangersDatabase.forget();
    assertWorks();
    assertRefused();
  }

  @Test
  @Order(6)
  void apiServerIsKilled_checksGoOn_andAServerThatStartsNowWaitsForIt() throws Exception {
    assertThat(kith.server().status())
        .contains("Kubernetes: https://")
        .doesNotContain("KUBERNETES:");

    mesh.plane.killApiServer();
    Mesh.await(
        "it is told",
        Mesh.PATIENCE,
        () -> kith.server().status().contains("KUBERNETES: not watched; who is who"));
    assertWorks();
    assertRefused();

    kith.server().stop();
    var started =
        CompletableFuture.runAsync(
            () -> {
              try {
                kith.startServer();
              } catch (IOException | InterruptedException e) {
                throw new CompletionException(e);
              }
            });
    Mesh.await(
        "it says what it waits for",
        Mesh.PATIENCE,
        () ->
            kith.server()
                .readiness()
                .startsWith("not ready: the Kubernetes API server at https://"));
    assertThat(started).isNotDone();
    mesh.plane.startApiServer();
    started.join();

    assertThat(kith.server().readiness()).isEqualTo("ready\n");
    Mesh.await(
        "the cart is known", Mesh.PATIENCE, () -> kith.server().status().contains(IstioMesh.CART));
  }
}
