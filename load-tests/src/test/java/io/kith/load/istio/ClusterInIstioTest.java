package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.WorkloadStatus;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.load.mesh.Mesh;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/** A mesh that is ruled by objects in a real API server. The tests are one story, in this order. */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ClusterInIstioTest {
  private static final String LIST = "egressallowlist shop/stranger";
  private static IstioMesh mesh;
  private static KithObjects objects;
  private static Kith kith;

  @BeforeAll
  static void start() throws Exception {
    mesh = new IstioMesh();
    objects = new KithObjects(mesh.plane, "shop");
    CustomResourcesTest.define(mesh.plane);
    kith = mesh.startKith("{kubeconfig: \"" + mesh.plane.kubeconfig() + "\"}");
    mesh.plane.apply(IstioMesh.recipe(MeshSettings.of(Tcp.BASELINE)).yaml());
    mesh.awaitGuarded(true);
  }

  @AfterAll
  static void stop() {
    if (mesh != null) {
      mesh.close();
    }
  }

  // ---- what the cluster and the server say

  private static void scope(String name, String spec) {
    mesh.plane.apply(scopeText(name, spec));
  }

  private static String scopeText(String name, String spec) {
    return """
    apiVersion: kith.io/v1
    kind: Scope
    metadata: {name: %s, namespace: shop}
    spec: {%s}
    """
        .formatted(name, spec);
  }

  private static String list(String workload, String... rules) {
    var text =
        """
        apiVersion: kith.io/v1
        kind: EgressAllowList
        metadata: {name: stranger, namespace: shop}
        spec:
          workload: "%s"
          rules:"""
            .formatted(workload);
    return rules.length == 0 ? text + " []\n" : text + "\n  - " + String.join("\n  - ", rules);
  }

  private static String allowStranger() {
    return "{action: allow, by: ada, why: test, process: {path: /usr/bin/perl, script: /app/ask},"
        + " destination: {cidr: "
        + mesh.stranger.host().v4().getHostAddress()
        + ", port: 8080}}";
  }

  private static GenericKubernetesResource object(String kind, String name) {
    return objects.object(kind, name);
  }

  private static String condition(String kind, String name, String type) {
    return objects.condition(kind, name, type);
  }

  private static void awaitCondition(String kind, String name, String type, String beginning)
      throws InterruptedException {
    objects.awaitCondition(kind, name, type, beginning);
  }

  private static GetStatusResponse status() {
    return kith.server().admin().getStatus(GetStatusRequest.getDefaultInstance());
  }

  private static WorkloadStatus cart() {
    return status().getWorkloadsList().stream()
        .filter(one -> one.getOwner().equals(IstioMesh.CART))
        .findFirst()
        .orElseThrow();
  }

  private static boolean strangerIsReached() {
    try {
      return mesh.ask("stranger", 8080).contains(mesh.stranger.token());
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void assertStrangerIsReached() throws Exception {
    assertThat(kith.decided(() -> mesh.ask("stranger", 8080))).contains(mesh.stranger.token());
  }

  private static void apply(String yaml, String what, boolean reached) throws Exception {
    long begin = System.nanoTime();
    mesh.plane.apply(yaml);
    Mesh.await(what, Mesh.PATIENCE, () -> strangerIsReached() == reached);
    IstioMesh.SAY.accept(
        "%s: after %.0f ms, asked by a sidecar".formatted(what, (System.nanoTime() - begin) / 1e6));
  }

  // ---- the story

  @Test
  @Order(1)
  void scope_setsTheMode_andSaysSo() throws Exception {
    scope("cart", "workload: {kind: Deployment, name: cart}, mode: shadow");
    awaitCondition("Scope", "cart", "Applied", "True InForce");

    assertThat(condition("Scope", "cart", "Accepted")).startsWith("True");
    assertThat(condition("Scope", "cart", "Enforced")).isEqualTo("False NotAsked: mode shadow");
    assertThat(object("Scope", "cart").<String>get("status", "scope")).isEqualTo(IstioMesh.CART);
    assertThat(cart().getMode()).isEqualTo("shadow");
    assertThat(cart().getModeFrom()).isEqualTo("Scope shop/cart (shop/deployment/cart)");
    assertThat(kith.server().kith("status").orFail().output())
        .contains("Of the cluster: 0 EgressAllowLists and 1 Scope in force");
  }

  @Test
  @Order(2)
  void scope_enforce_waitsForABaseline_andThenForAPerson() throws Exception {
    kith.learnBothOf(mesh);
    scope("cart", "workload: {kind: Deployment, name: cart}, mode: enforce");
    awaitCondition("Scope", "cart", "Enforced", "False WaitsForBaseline: shop/deployment/cart is");
    assertThat(cart().getMode()).isEqualTo("observe");

    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    awaitCondition("Scope", "cart", "Enforced", "False WaitsForApproval: shop/deployment/cart is");
    kith.server().kith("mode", IstioMesh.CART, "enforce", "--note", "reviewed").orFail();
    awaitCondition("Scope", "cart", "Enforced", "True Enforced");

    assertThat(cart().getMode()).isEqualTo("enforce");
    assertThat(cart().getModeFrom()).startsWith("Scope shop/cart");
    assertThat(kith.decided(() -> mesh.ask("catalog", 8080))).contains(mesh.catalog.token());
    assertThat(strangerIsReached()).isFalse();
  }

  @Test
  @Order(3)
  void allowList_editedInTheCluster_counts() throws Exception {
    apply(list("shop/deployment/cart", allowStranger()), "an allow-list was made", true);
    awaitCondition("EgressAllowList", "stranger", "Applied", "True");
    assertThat(kith.server().kith("rules", IstioMesh.CART).orFail().output()).contains(LIST + ":");

    apply(list("shop/deployment/cart"), "its rule was taken out", false);
    apply(list("shop/deployment/cart", allowStranger()), "and put in again", true);
  }

  @Test
  @Order(4)
  void allowList_withAMistakeThatOnlyKithSees_leavesTheLastGoodOne() throws Exception {
    mesh.plane.apply(list("pay/*", allowStranger()));
    awaitCondition("EgressAllowList", "stranger", "Accepted", "False Invalid");

    assertThat(condition("EgressAllowList", "stranger", "Accepted"))
        .contains(
            LIST
                + ": spec.workload: 'pay/*' (expected: workloads of the object's own namespace, as"
                + " shop/* or shop/deployment/NAME; for others make the object in istio-system)");
    assertThat(condition("EgressAllowList", "stranger", "Applied"))
        .startsWith("False LastGoodInForce");
    assertStrangerIsReached();
    assertThat(kith.server().kith("status").orFail().output()).contains("CLUSTER: " + LIST);

    mesh.plane.apply(list("shop/deployment/cart", allowStranger()));
    awaitCondition("EgressAllowList", "stranger", "Accepted", "True");
  }

  @Test
  @Order(5)
  void scopesThatContradict_theOldestCounts_alsoAgainstACommand() throws Exception {
    scope("late", "workload: {kind: deployment, name: cart}, mode: observe");
    awaitCondition("Scope", "late", "Accepted", "False Conflict: Scope shop/cart is older");

    assertThat(cart().getMode()).isEqualTo("enforce");
    var refused = kith.server().kith("mode", IstioMesh.CART, "observe", "--note", "test");
    assertThat(refused.exit()).isEqualTo(1);
    assertThat(refused.output())
        .contains("Scope shop/cart sets the mode of shop/deployment/cart: enforce");

    mesh.plane.delete(scopeText("late", "mode: observe"));
  }

  @Test
  @Order(6)
  void baseline_saysWhereTheWorkloadStands() throws Exception {
    Mesh.await(
        "the cart's Baseline",
        Mesh.PATIENCE,
        () -> {
          var baseline = object("Baseline", "deployment-cart");
          return baseline != null && "enforce".equals(baseline.get("status", "mode"));
        });

    var baseline = object("Baseline", "deployment-cart");
    assertThat(baseline.<String>get("status", "workload")).isEqualTo(IstioMesh.CART);
    assertThat(baseline.<String>get("status", "mode")).isEqualTo("enforce");
    assertThat(baseline.<String>get("status", "revision")).isNotEmpty();
    assertThat(baseline.<String>get("status", "coverage")).endsWith("%");
  }

  @Test
  @Order(7)
  void apiServerIsDown_theLastGoodStateStays_andItGoesOnByItself() throws Exception {
    mesh.plane.stopApiServer();
    Mesh.await(
        "the server notices",
        Mesh.PATIENCE,
        () -> status().getResources().getProblem().contains("does not answer"));

    assertStrangerIsReached();
    assertThat(cart().getMode()).isEqualTo("enforce");
    assertThat(kith.server().metric("kith_cluster_followed")).isZero();
    assertThat(kith.server().kith("status").orFail().output())
        .contains("CLUSTER: the API server does not answer");

    mesh.plane.startApiServer();
    apply(list("shop/deployment/cart"), "the API server is back, a rule was taken out", false);
    Mesh.await(
        "both kinds are watched again",
        Mesh.PATIENCE,
        () -> status().getResources().getProblem().isEmpty());
    assertThat(kith.server().metric("kith_cluster_followed")).isEqualTo(1);
  }

  @Test
  @Order(8)
  void scopeIsGone_theModeIsThatOfTheCommandAgain_andTheListsGoToo() throws Exception {
    mesh.plane.apply(list("shop/deployment/cart", allowStranger()));
    awaitCondition("EgressAllowList", "stranger", "Applied", "True");
    mesh.plane.delete(list("shop/deployment/cart"));
    mesh.plane.delete(scopeText("cart", "mode: enforce"));
    Mesh.await(
        "the objects are forgotten",
        Mesh.PATIENCE,
        () -> status().getResources().getScopes() + status().getResources().getAllowLists() == 0);

    assertThat(cart().getModeFrom()).isEqualTo("kith mode shop/deployment/cart");
    assertThat(strangerIsReached()).isFalse();
  }
}
