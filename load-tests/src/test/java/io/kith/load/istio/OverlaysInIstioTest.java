package io.kith.load.istio;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.istio.FailureMode;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.load.istio.HelmChart.Values;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Helm;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/**
 * What sidecars do while Kith cannot be asked follows the modes of scopes, beside a real istiod, by
 * a server that has the rights of the chart and no others. The tests are one story, in this order.
 */
@Tag("istio")
@Timeout(900)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class OverlaysInIstioTest {
  private static final MeshSettings SETTINGS = MeshSettings.of(Tcp.BASELINE);
  private static final Pattern SAID =
      Pattern.compile("\"key\": \"x-kith-failure\",\\s*\"value\": \"([a-z]+)\"");
  private static final Duration WITHIN = Duration.ofSeconds(2);
  private static final String MODE = "workload: {kind: Deployment, name: cart}, mode: ";
  private static IstioMesh mesh;
  private static KithObjects objects;
  private static Kith kith;

  @BeforeAll
  static void start() throws Exception {
    var chart = new HelmChart(Helm.find(IstioMesh.SAY));
    mesh = new IstioMesh();
    objects = new KithObjects(mesh.plane, "shop");
    grantRights(mesh, chart);
    kith =
        mesh.startKith(
            "{kubeconfig: \"%s\", overlays: true}"
                .formatted(mesh.plane.kubeconfigOf(Kith.NAMESPACE, "kith-server")));
    mesh.plane.apply(IstioMesh.recipe(SETTINGS).yaml());
    mesh.awaitGuarded(true);
  }

  /** Kith's definitions, and for its server the rights that the chart gives. */
  static void grantRights(IstioMesh mesh, HelmChart chart) throws Exception {
    CustomResourcesTest.define(mesh.plane);
    mesh.plane.namespace(Kith.NAMESPACE, Map.of());
    for (var object : chart.objects(new Values("default"))) {
      if (object.kind().startsWith("ClusterRole")
          || object.kind().startsWith("Role")
          || object.kind().equals("ServiceAccount")
          || object.name().equals("kith-mesh-resources")) {
        mesh.plane.apply(object.yaml());
      }
    }
  }

  @AfterAll
  static void stop() {
    if (mesh != null) {
      mesh.close();
    }
  }

  private static String scopeText(String spec) {
    return """
    apiVersion: kith.io/v1
    kind: Scope
    metadata: {name: cart, namespace: shop}
    spec: {%s}
    """
        .formatted(spec);
  }

  private static void scope(String mode) {
    mesh.plane.apply(scopeText(MODE + mode));
  }

  private static GenericKubernetesResource overlay(String namespace, String name) {
    return mesh.plane
        .client()
        .genericKubernetesResources("networking.istio.io/v1alpha3", "EnvoyFilter")
        .inNamespace(namespace)
        .withName(name)
        .get();
  }

  private static GenericKubernetesResource overlay() {
    return overlay("shop", "kith-scope-deployment-cart");
  }

  private static String failureMode(GenericKubernetesResource overlay) {
    return overlay == null
        ? "none"
        : overlay.getMetadata().getLabels().getOrDefault("kith.io/failure-mode", "none");
  }

  /** What Checks of a sidecar's filters say. */
  private static Set<String> said(Sidecar sidecar) {
    try {
      var said = new TreeSet<String>();
      var matcher = SAID.matcher(sidecar.envoy().admin("/config_dump"));
      while (matcher.find()) {
        said.add(matcher.group(1));
      }
      return said;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  static void awaitSaid(Sidecar sidecar, String mode) throws InterruptedException {
    Mesh.await(
        "the sidecar's filters are " + mode,
        Mesh.PATIENCE,
        () -> said(sidecar).equals(Set.of(mode)));
  }

  private static String enforced() {
    return objects.condition("Scope", "cart", "Enforced");
  }

  private static boolean reaches(String host) {
    try {
      return mesh.ask(host, 8080).startsWith("HTTP/1.1 200");
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private static void assertWorks() throws Exception {
    assertThat(kith.decided(() -> mesh.ask("catalog", 8080))).startsWith("HTTP/1.1 200");
  }

  // ---- the story

  @Test
  @Order(1)
  void observe_theServerOpensTheMesh() throws Exception {
    Mesh.await(
        "the mesh's overlay",
        Mesh.PATIENCE,
        () -> failureMode(overlay("istio-system", "kith-scope-mesh")).equals("open"));

    awaitSaid(mesh.sidecar, "open");
    awaitSaid(mesh.catalogsSidecar, "open");
    assertThat(mesh.envoy().stat("listener_manager.lds.update_rejected")).isZero();
    assertThat(mesh.guarded().unguarded()).isEmpty();
  }

  @Test
  @Order(2)
  void enforce_itsSidecarIsClosed_andTheScopeIsEnforcedOnceItSaidSo() throws Exception {
    kith.learnBothOf(mesh);
    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();

    scope("enforce");
    objects.awaitCondition("Scope", "cart", "FailureMode", "False Announced");
    awaitSaid(mesh.sidecar, "closed");
    assertThat(said(mesh.catalogsSidecar)).as("another workload's").containsExactly("open");
    assertThat(failureMode(overlay())).isEqualTo("closed");
    objects.awaitCondition("Scope", "cart", "FailureMode", "True Closed");
    objects.awaitCondition("Scope", "cart", "Enforced", "False WaitsForSidecars: 0 of 1");
    assertThat(enforced()).contains("shop/cart-0");

    assertWorks();
    assertThat(reaches("stranger")).isFalse();
    objects.awaitCondition("Scope", "cart", "Enforced", "True Enforced");
  }

  @Test
  @Order(3)
  void overlay_deletedOrChangedByHand_isPutBack() throws Exception {
    var before = overlay();
    mesh.plane.client().resource(before).delete();
    Mesh.await(
        "it is made again",
        Mesh.PATIENCE,
        () ->
            overlay() != null
                && !overlay().getMetadata().getUid().equals(before.getMetadata().getUid()));
    assertThat(failureMode(overlay())).isEqualTo("closed");

    var open =
        new MeshOverlay(
                SETTINGS,
                MeshScope.parse(IstioMesh.CART, Map.of("app", "cart")),
                new FailureMode.Open(),
                MeshOverlay.Writer.SERVER)
            .yaml();
    mesh.plane.apply(open.replace("priority: 135", "priority: 1000"));
    Mesh.await(
        "it is closed again",
        Mesh.PATIENCE,
        () ->
            failureMode(overlay()).equals("closed")
                && Integer.valueOf(135).equals(overlay().get("spec", "priority")));
    awaitSaid(mesh.sidecar, "closed");
  }

  @Test
  @Order(4)
  void allowList_editedInTheCluster_countsWithinTwoSeconds() throws Exception {
    var rule =
        """
        apiVersion: kith.io/v1
        kind: EgressAllowList
        metadata: {name: stranger, namespace: shop}
        spec:
          workload: shop/deployment/cart
          rules:
          - {action: allow, by: ada, why: test, process: {path: /usr/bin/perl, script: /app/ask}, destination: {cidr: ADDRESS, port: 8080}}
        """
            .replace("ADDRESS", mesh.stranger.host().v4().getHostAddress());
    assertThat(reaches("stranger")).isFalse();
    var written = writesAtRest();
    assertThat(written).as("four, each perhaps again before it came back").isBetween(4.0, 8.0);

    var allowed = Long.MAX_VALUE;
    var refused = Long.MAX_VALUE;
    var within = WITHIN.toMillis();
    for (var tries = 0; Math.max(allowed, refused) >= within && tries < 5; tries++) {
      // again where a busy machine takes longer
      allowed = Math.min(allowed, millisOfEdit(rule, true));
      var without = rule.replaceFirst("(?s)rules:.*", "rules: []\n");
      refused = Math.min(refused, millisOfEdit(without, false));
    }

    assertThat(List.of(allowed, refused)).allMatch(millis -> millis < within);
    assertThat(writes()).as("what is so already is not written").isEqualTo(written);
  }

  private static double writes() throws Exception {
    return kith.server().metric("kith_cluster_overlay_writes_total");
  }

  /** Once they are as many in two looks. */
  private static double writesAtRest() throws Exception {
    var end = System.nanoTime() + Mesh.PATIENCE.toNanos();
    for (double before = -1, now = writes(); ; now = writes()) {
      if (now == before) {
        return now;
      }
      assertThat(System.nanoTime()).as("it writes on and on").isLessThan(end);
      before = now;
      Thread.sleep(Duration.ofSeconds(2));
    }
  }

  private static long millisOfEdit(String list, boolean reached) throws Exception {
    long begin = System.nanoTime();
    mesh.plane.apply(list);
    Mesh.await("an edited allow-list counts", Mesh.PATIENCE, () -> reaches("stranger") == reached);
    var took = Duration.ofNanos(System.nanoTime() - begin).toMillis();
    IstioMesh.SAY.accept("an edited allow-list counts at the sidecar after " + took + " ms");
    return took;
  }

  /** The server, with the chart's rights, wrote what a tenant may not. */
  @Test
  @Order(5)
  void overlay_ofATenant_isRefused() throws Exception {
    mesh.plane.apply(
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: Role
        metadata: {name: tenant, namespace: shop}
        rules:
        - {apiGroups: [networking.istio.io], resources: [envoyfilters], verbs: ["*"]}
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: tenant, namespace: shop}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
        subjects: [{kind: ServiceAccount, name: tenant, namespace: shop}]
        """);
    mesh.plane.account("shop", "tenant");
    var open =
        new MeshOverlay(SETTINGS, MeshScope.namespace("shop"), new FailureMode.Open()).yaml();
    var config = Config.fromKubeconfig(mesh.plane.kubeconfigOf("shop", "tenant").toFile());
    try (var tenant = new KubernetesClientBuilder().withConfig(config).build()) {
      Mesh.await(
          "the policy is in force",
          Mesh.PATIENCE,
          () -> {
            var object = Serialization.unmarshal(open, GenericKubernetesResource.class);
            try {
              tenant.resource(object).dryRun().create();
              return false;
            } catch (KubernetesClientException e) {
              assertThat(e).hasMessageContaining("kith-mesh-resources");
              return true;
            }
          });
    }
    assertThat(
            kith.server()
                .kith("mode", "shop/*", "shadow", "--note", "by command")
                .orFail()
                .output())
        .containsPattern(
            "EnvoyFilter shop/kith-scope becomes open in some seconds; listeners of \\d+ sidecars?"
                + " are drained then");
    Mesh.await(
        "what the server writes is taken",
        Mesh.PATIENCE,
        () -> failureMode(overlay("shop", "kith-scope")).equals("open"));
  }

  /** Its store is in memory, so that it has no baseline afterwards; the filter stays closed. */
  @Test
  @Order(6)
  void enforced_whileKithIsAway_nothingPasses() throws Exception {
    assertWorks();

    kith.server().stop();
    assertThat(reaches("catalog")).isFalse();
    assertThat(mesh.ask("catalog", 8080)).startsWith("HTTP/1.1 503");

    kith.startServer();
    objects.awaitCondition("Scope", "cart", "Enforced", "False WaitsForBaseline");
    objects.awaitCondition("Scope", "cart", "FailureMode", "True Closed");
    assertThat(said(mesh.sidecar)).containsExactly("closed");
  }

  private static final String FLOOR_OF =
      "True Floor: EnvoyFilter shop/kith-scope-deployment-cart: ";

  /** Nobody lists anything: what the baseline in force approves passes. */
  @Test
  @Order(7)
  void floor_whileKithIsAway_whatTheBaselineApprovesPasses_andNothingElse() throws Exception {
    scope("observe");
    awaitSaid(mesh.sidecar, "open");
    kith.learnBothOf(mesh);
    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    scope("enforce, failure: floor");
    awaitSaid(mesh.sidecar, "floor");
    objects.awaitCondition("Scope", "cart", "FailureMode", "True Floor");
    IstioMesh.SAY.accept(objects.condition("Scope", "cart", "FailureMode"));
    var catalog = mesh.serviceAddress("catalog");
    var database = mesh.serviceAddress("orders-db");
    assertThat(objects.condition("Scope", "cart", "FailureMode"))
        .contains("kith-scope-deployment-cart: 2 approved destinations pass");
    assertThat(Serialization.asJson(overlay()))
        .contains("rbac.v3.RBAC")
        .contains("\"address_prefix\":\"" + catalog + "\"")
        .contains("\"address_prefix\":\"" + database + "\"");
    assertThat(mesh.envoy().stat("listener_manager.lds.update_rejected")).isZero();
    assertThat(reaches("stranger")).as("while Kith answers it decides").isFalse();

    kith.server().stop();
    mesh.stranger.forget();
    Mesh.await("the catalog", Mesh.PATIENCE, () -> reaches("catalog"));
    assertThat(mesh.run("/app/orders", "orders-db", "5432")).contains(mesh.orders.token());
    assertThat(reaches("stranger")).isFalse();
    assertThat(mesh.run("/app/orders", "stranger", "4444")).doesNotContain("orders");
    assertThat(named("stranger", catalog)).as("no other host there").startsWith("403");
    assertThat(named("catalog:8080", mesh.stranger.host().v4().getHostAddress()))
        .as("the host, dialled elsewhere")
        .startsWith("403");
    assertThat(named("CATALOG.shop.svc.cluster.local", catalog)).startsWith("200");
    assertThat(mesh.stranger.connections()).isEmpty();
    kith.startServer();
    objects.awaitCondition(
        "Scope", "cart", "FailureMode", FLOOR_OF + "0 approved destinations pass");

    kith.learnBothOf(mesh);
    scope("observe");
    awaitSaid(mesh.sidecar, "open");
    kith.server().kith("learn", "finish", IstioMesh.CART, "--note", "test run").orFail();
    scope("enforce, failure: floor");
    objects.awaitCondition("Scope", "cart", "FailureMode", FLOOR_OF + "2 ");
    var deny =
        """
        apiVersion: kith.io/v1
        kind: EgressAllowList
        metadata: {name: orders, namespace: shop}
        spec:
          workload: shop/deployment/cart
          rules:
          - {action: deny, by: ada, why: test, process: {program: nc}, destination: {host: shop/statefulset/orders-db, port: 5432}}
        """;
    mesh.plane.apply(deny);
    Mesh.await(
        "what is denied to some process is taken out at once",
        Mesh.PATIENCE,
        () -> !Serialization.asJson(overlay()).contains(database));
    assertThat(Serialization.asJson(overlay())).contains(catalog);
    mesh.plane.delete(deny);
    objects.awaitCondition(
        "Scope",
        "cart",
        "FailureMode",
        "True Floor: EnvoyFilter shop/kith-scope-deployment-cart: 2 approved destinations pass; 1"
            + " of them from ");
    assertThat(Serialization.asJson(overlay())).doesNotContain(database);
  }

  /** Status of a request that names a host, wherever it is dialled. */
  private static String named(String host, String address) throws Exception {
    return mesh.run(
        "/usr/bin/curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        "Host: " + host,
        "http://" + address + ":8080/price");
  }

  @Test
  @Order(8)
  void observeAgain_itsSidecarIsOpen_andKithMayBeAway() throws Exception {
    scope("observe");
    awaitSaid(mesh.sidecar, "open");
    objects.awaitCondition("Scope", "cart", "Enforced", "False NotAsked");
    objects.awaitCondition("Scope", "cart", "FailureMode", "True Open");
    assertThat(reaches("stranger")).isTrue();

    kith.server().stop();
    Mesh.await("all passes", Mesh.PATIENCE, () -> reaches("stranger") && reaches("catalog"));
    kith.startServer();
  }

  @Test
  @Order(9)
  void scopeIsGone_soIsItsOverlay() throws Exception {
    mesh.plane.delete(scopeText(MODE + "observe"));

    Mesh.await("its overlay is gone", Mesh.PATIENCE, () -> overlay() == null);
    assertThat(failureMode(overlay("istio-system", "kith-scope-mesh"))).isEqualTo("open");
  }

  @Test
  @Order(10)
  void workloadWhosePodsCannotBeToldApart_hasNoOverlay_andSaysWhy() throws Exception {
    mesh.plane.apply(
        scopeText("workload: {kind: StatefulSet, name: orders-db}, mode: observe")
            .replace("name: cart, namespace", "name: orders, namespace"));
    objects.awaitCondition(
        "Scope", "orders", "FailureMode", "False NoSelector: shop/statefulset/orders-db is not");

    mesh.plane.apply(
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: picky, namespace: shop}
        spec:
          selector: {matchExpressions: [{key: app, operator: In, values: [picky]}]}
          template:
            metadata: {labels: {app: picky}}
            spec: {containers: [{name: app, image: registry.invalid/app}]}
        """);
    mesh.plane.apply(
        scopeText("workload: {kind: Deployment, name: picky}, mode: observe")
            .replace("name: cart, namespace", "name: picky, namespace"));
    objects.awaitCondition(
        "Scope",
        "picky",
        "FailureMode",
        "False NoSelector: spec.selector of shop/deployment/picky has matchExpressions");

    var twin = twinOfCatalog();
    mesh.plane.apply(
        scopeText("workload: {kind: Deployment, name: catalog}, mode: shadow")
            .replace("name: cart, namespace", "name: catalog, namespace"));
    objects.awaitCondition(
        "Scope",
        "catalog",
        "FailureMode",
        "False NotUnique: spec.selector of shop/deployment/catalog selects pods of"
            + " shop/deployment/twin as well");
    assertThat(overlay("shop", "kith-scope-deployment-catalog")).isNull();
    assertThat(kith.server().kith("status").orFail().output())
        .contains("EnvoyFilter shop/kith-scope-deployment-catalog of scope");

    mesh.plane.client().resource(twin).withGracePeriod(0).delete();
    objects.awaitCondition("Scope", "catalog", "FailureMode", "True Open");
    assertThat(failureMode(overlay("shop", "kith-scope-deployment-catalog"))).isEqualTo("open");
  }

  /** A pod of another Deployment, with the same labels. */
  private static Pod twinOfCatalog() throws InterruptedException {
    var shop = new ClusterObjects(mesh.plane, "shop");
    var twin = shop.podWithoutSidecar("twin-0", "catalog", shop.deployment("twin"), "10.88.250.9");
    return mesh.plane
        .client()
        .resource(twin)
        .edit(
            pod ->
                new PodBuilder(pod)
                    .editMetadata()
                    .addToLabels("app", "catalog")
                    .endMetadata()
                    .build());
  }
}
