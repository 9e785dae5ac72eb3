package io.kith.load.istio;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.load.lab.Lab;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Istio;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What docs/install-istio.md says of upgrade and rollback, by the real Helm in a real API server.
 */
@Tag("istio")
@Timeout(600)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class UpgradeTest {
  private static final String DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition";

  private static final String FILTERS = "/apis/networking.istio.io/v1alpha3/envoyfilters";
  private static final String BINDINGS =
      "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

  private static final String[] FIRST = {
    "store.type=postgresql",
    "store.postgresql.url=jdbc:postgresql://db.example.org:5432/kith?sslmode=verify-full",
    "store.postgresql.passwordSecret.name=db",
    "keys.secret=kith-keys",
    "server.replicas=2",
    "scopes.shop=enforce",
    "scopes.ops=observe",
    "failure.namespaces.legacy=open"
  };
  private static final String[] SECOND = {
    "server.replicas=3",
    "filters.recipe=strict",
    "failure.mesh=closed",
    "scopes.ops=enforce",
    "scopes.office=shadow",
    "failure.namespaces.legacy=null",
    "admission.pods=all"
  };

  private static final ObjectMapper JSON = new ObjectMapper();

  private static HelmChart chart;
  private static Lab lab;
  private static ControlPlane plane;

  @TempDir Path folder;

  @BeforeAll
  static void start() throws Exception {
    chart = new HelmChart(Helm.find(System.out::println));
    var istio = Istio.find(System.out::println);
    lab = Lab.open("ku", System.out::println);
    plane = ControlPlane.start(lab, istio, System.out::println);
    for (var namespace : List.of("shop", "ops", "office", "legacy")) {
      plane.namespace(namespace, Map.of());
    }
  }

  @AfterAll
  static void stop() {
    if (plane != null) {
      plane.close();
    }
    if (lab != null) {
      lab.close();
    }
  }

  @Test
  @Order(1) // which installs it
  void rollback_afterAnUpgrade_isAsInstalled_andNothingOfTheGuardWasEverGone() throws Exception {
    var newer = newerChart();
    chart.install(plane.kubeconfig(), FIRST).orFail();
    var installed = release();
    define(newer.resolve("crds"));
    plane.apply(resources("before"));
    var before = ofPeople();
    long first = revision();

    chart.upgrade(plane.kubeconfig(), newer, SECOND).orFail();
    var upgraded = release();
    long second = revision();
    assertThat(ofPeople()).isEqualTo(before).hasSize(6);
    plane.apply(resources("between"));
    var between = ofPeople();

    chart.rollback(plane.kubeconfig()).orFail();
    var back = release();
    long third = revision();
    assertThat(ofPeople()).isEqualTo(between).hasSize(9);

    assertSame(back, installed);
    for (var added : List.of("EnvoyFilter/office/kith-failure", "Scope/office/kith")) {
      assertThat(now(requireNonNull(upgraded.get(added), added))).as(added).isNull();
    }
    assertThat(installed.values())
        .extracting(GenericKubernetesResource::getKind)
        .contains("EnvoyFilter", "ValidatingAdmissionPolicyBinding", "StatefulSet", "DaemonSet");
    var stayed = new TreeSet<>(installed.keySet());
    stayed.retainAll(upgraded.keySet());
    for (var name : stayed) {
      assertThat(List.of(uid(upgraded, name), uid(back, name)))
          .as(name)
          .containsOnly(uid(installed, name));
    }
    assertThat(goneLast(FILTERS, first, second)).containsExactly("legacy/kith-failure");
    assertThat(goneLast(FILTERS, second, third)).containsExactly("office/kith-failure");
    // Other bindings of the same policies.
    assertThat(goneLast(BINDINGS, first, second)).contains("kith-pods-enforced");
    assertThat(goneLast(BINDINGS, second, third)).contains("kith-pods-injection");

    // Else it would have been no upgrade.
    assertThat(stayed)
        .contains("EnvoyFilter/istio-system/kith", "EnvoyFilter/istio-system/kith-failure-mesh");
    assertThat(texts(upgraded).get("StatefulSet/kith/kith-server"))
        .contains("replicas: 3", "kith:99.0.0");
    for (var name :
        List.of("istio-system/kith", "istio-system/kith-failure-mesh", "ops/kith-failure")) {
      assertThat(texts(upgraded).get("EnvoyFilter/" + name))
          .isNotEqualTo(texts(installed).get("EnvoyFilter/" + name));
    }
  }

  @Test
  @Order(2)
  void rollback_afterAnUpgradeThatTheApiServerRefusedHalfway_isAsInstalled() throws Exception {
    var installed = release();

    // Helm wrote the null of the upgrade into the values of before, which the schema refuses.
    var refused =
        chart.upgrade(
            plane.kubeconfig(),
            newerChart(),
            "failure.namespaces.legacy=open",
            "store.volume.size=5Gi");
    assertThat(refused.exit()).isEqualTo(1);
    assertThat(refused.output())
        .contains("kith-server", "updates to statefulset spec", "forbidden");
    assertThat(texts(release())).isNotEqualTo(texts(installed));

    chart.rollback(plane.kubeconfig()).orFail();
    assertSame(release(), installed);
  }

  /** What docs/failure.md says under "Open it now", and docs/store.md of a restore. */
  @Test
  @Order(3)
  void openedByHand_isAsInstalledAfterAnUpgradeWithoutAChange() throws Exception {
    var same = "failure.namespaces.legacy=open"; // as above: of the values of before it is a null
    var recipe = "EnvoyFilter/istio-system/kith";
    var installed = release();

    delete(requireNonNull(installed.get(recipe), recipe));
    plane.client().apps().statefulSets().inNamespace("kith").withName("kith-server").scale(0);
    assertThat(now(requireNonNull(installed.get(recipe), recipe))).isNull();
    upgrade(same);
    assertSame(release(), installed);

    upgrade(same, "scopes.shop=observe");
    assertThat(texts(release()).get("EnvoyFilter/shop/kith-failure"))
        .contains("kith.io/failure-mode: \"open\"");
    upgrade(same, "scopes.shop=enforce");
    assertSame(release(), installed);

    upgrade(same, "filters.enabled=false");
    assertThat(release().keySet())
        .contains("Scope/shop/kith")
        .noneMatch(name -> name.startsWith("EnvoyFilter/"));
    upgrade(same, "filters.enabled=true");
    assertSame(release(), installed);
  }

  /** Why that page has a patch taken back by another. */
  @Test
  @Order(4)
  void scopePatchedByHand_staysSoAfterAnUpgradeWithoutAChange() throws Exception {
    var scope = requireNonNull(release().get("Scope/shop/kith"));

    plane
        .client()
        .resource(scope)
        .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"spec\":{\"mode\":\"observe\"}}");
    upgrade("failure.namespaces.legacy=open");

    assertThat(text(requireNonNull(now(scope)))).contains("mode: \"observe\"");
  }

  private static void delete(GenericKubernetesResource object) {
    plane.client().resource(object).delete();
  }

  private static void upgrade(String... values) throws Exception {
    chart.upgrade(plane.kubeconfig(), HelmChart.FOLDER.resolve("kith"), values).orFail();
  }

  private static void assertSame(
      Map<String, GenericKubernetesResource> now, Map<String, GenericKubernetesResource> before) {
    assertThat(now).containsOnlyKeys(before.keySet());
    var texts = texts(now);
    texts(before).forEach((name, text) -> assertThat(texts.get(name)).as(name).isEqualTo(text));
  }

  /** The chart with another version, and with definitions that say something else. */
  private Path newerChart() throws IOException {
    var copy = folder.resolve("kith");
    var from = HelmChart.FOLDER.resolve("kith");
    try (var files = Files.walk(from)) {
      for (var file : files.toList()) {
        Files.copy(file, copy.resolve(from.relativize(file).toString()));
      }
    }
    var about = copy.resolve("Chart.yaml");
    Files.writeString(
        about,
        Files.readString(about).replaceAll("(?m)^(version|appVersion): .*$", "$1: \"99.0.0\""));
    var scopes = copy.resolve("crds/scopes.kith.io.yaml");
    Files.writeString(
        scopes, Files.readString(scopes).replace("\"The servers decide by it.\"", "\"Newer.\""));
    return copy;
  }

  /** Applies definitions by the command that the documentation names, which Helm's own oppose. */
  private static void define(Path folder) throws IOException {
    assertThat(Files.readString(Path.of("..", "docs", "install-istio.md")))
        .contains("`kubectl apply --server-side --force-conflicts -f istio/chart/kith/crds`");
    try (var files = Files.list(folder)) {
      for (var file : files.toList()) {
        var definition =
            Serialization.unmarshal(Files.readString(file), GenericKubernetesResource.class);
        plane
            .client()
            .resource(definition)
            .fieldManager("kubectl")
            .forceConflicts()
            .serverSideApply();
      }
    }
    assertThat(
            Serialization.asYaml(requireNonNull(now(object(DEFINITION, null, "scopes.kith.io")))))
        .contains("Newer.");
  }

  /** One of each kind that people and the server make. */
  private static String resources(String name) {
    return """
    apiVersion: kith.io/v1
    kind: Scope
    metadata: {name: NAME, namespace: shop}
    spec: {workload: {kind: Deployment, name: NAME}, mode: shadow}
    ---
    apiVersion: kith.io/v1
    kind: EgressAllowList
    metadata: {name: NAME, namespace: shop}
    spec:
      workload: shop/deployment/NAME
      rules:
      - action: allow
        by: ada@example.com
        why: a test
        process: {path: /app/NAME}
        destination: {host: api.payments.example, port: 443}
    ---
    apiVersion: kith.io/v1
    kind: Baseline
    metadata: {name: NAME, namespace: shop}
    """
        .replace("NAME", name);
  }

  /** Definitions and what people made of them, with their uid: what Helm has to leave alone. */
  private static Map<String, String> ofPeople() {
    var found = new TreeMap<String, String>();
    for (var plural : List.of("scopes", "egressallowlists", "baselines")) {
      put(found, now(object(DEFINITION, null, plural + ".kith.io")));
    }
    for (var kind : List.of("Scope", "EgressAllowList", "Baseline")) {
      for (var name : List.of("before", "between")) {
        put(found, now(object("kith.io/v1/" + kind, "shop", name)));
      }
    }
    return found;
  }

  private static void put(Map<String, String> found, @Nullable GenericKubernetesResource object) {
    if (object != null) {
      found.put(name(object), object.getMetadata().getUid() + "\n" + text(object));
    }
  }

  // ---- the release, as the API server has it

  /** All objects of the release by kind, namespace and name. */
  private static Map<String, GenericKubernetesResource> release() throws Exception {
    var objects = new TreeMap<String, GenericKubernetesResource>();
    for (var rendered : chart.manifest(plane.kubeconfig())) {
      var object = Serialization.unmarshal(rendered.yaml(), GenericKubernetesResource.class);
      objects.put(name(object), requireNonNull(now(object), name(object)));
    }
    return objects;
  }

  /** The cluster's, as far as these objects go. */
  private static long revision() throws IOException {
    return JSON.readTree(plane.client().raw(BINDINGS)).at("/metadata/resourceVersion").asLong();
  }

  /**
   * The names of what was deleted from one revision to another, all of it after the last object
   * that came in that time.
   */
  private static List<String> goneLast(String path, long from, long to) throws IOException {
    // A watch that begins in the past has what happened since.
    var events = plane.client().raw(path + "?watch=true&timeoutSeconds=1&resourceVersion=" + from);
    var gone = new ArrayList<String>();
    for (var line : events.lines().toList()) {
      var event = JSON.readTree(line);
      var metadata = event.at("/object/metadata");
      if (metadata.path("resourceVersion").asLong() <= to) {
        var name = metadata.path("namespace").asText() + "/" + metadata.path("name").asText();
        switch (event.path("type").asText()) {
          case "ADDED" -> assertThat(gone).as("deleted before %s came", name).isEmpty();
          case "DELETED" -> gone.add(name.replaceFirst("^/", ""));
          case String other -> assertThat(other).as(line).isEqualTo("MODIFIED");
        }
      }
    }
    return gone;
  }

  private static @Nullable GenericKubernetesResource now(GenericKubernetesResource object) {
    return plane.client().resource(object).get();
  }

  /**
   * An object to ask for.
   *
   * @param kind with its version before it
   */
  private static GenericKubernetesResource object(
      String kind, @Nullable String namespace, String name) {
    var object = new GenericKubernetesResource();
    object.setApiVersion(kind.substring(0, kind.lastIndexOf('/')));
    object.setKind(kind.substring(kind.lastIndexOf('/') + 1));
    object.setMetadata(new ObjectMetaBuilder().withNamespace(namespace).withName(name).build());
    return object;
  }

  private static String name(GenericKubernetesResource object) {
    var metadata = object.getMetadata();
    return object.getKind() + "/" + metadata.getNamespace() + "/" + metadata.getName();
  }

  private static String uid(Map<String, GenericKubernetesResource> release, String name) {
    return requireNonNull(release.get(name), name).getMetadata().getUid();
  }

  private static Map<String, String> texts(Map<String, GenericKubernetesResource> release) {
    var texts = new TreeMap<String, String>();
    release.forEach((name, object) -> texts.put(name, text(object)));
    return texts;
  }

  /** What somebody wants of an object, without what the API server notes down of its own. */
  private static String text(GenericKubernetesResource object) {
    var metadata = object.getMetadata();
    var annotations = new TreeMap<>(metadata.getAnnotations());
    annotations.remove("deprecated.daemonset.template.generation");
    var wanted = new GenericKubernetesResource();
    wanted.setKind(object.getKind());
    wanted.setMetadata(
        new ObjectMetaBuilder()
            .withLabels(metadata.getLabels())
            .withAnnotations(annotations)
            .build());
    wanted.setAdditionalProperties(new TreeMap<>(object.getAdditionalProperties()));
    wanted.getAdditionalProperties().remove("status");
    return Serialization.asYaml(wanted);
  }
}
