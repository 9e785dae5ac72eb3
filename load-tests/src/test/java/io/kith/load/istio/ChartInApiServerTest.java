package io.kith.load.istio;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FieldValidateable.Validation;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.load.istio.HelmChart.Values;
import io.kith.load.lab.Lab;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Istio;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A real API server, with Istio's webhooks, takes every object of the chart. */
@Tag("istio")
@Timeout(600)
class ChartInApiServerTest {
  private static HelmChart chart;
  private static Lab lab;
  private static ControlPlane plane;

  @BeforeAll
  static void start() throws Exception {
    chart = new HelmChart(Helm.find(System.out::println));
    var istio = Istio.find(System.out::println);
    lab = Lab.open("kc", System.out::println);
    plane = ControlPlane.start(lab, istio, System.out::println);
    for (var namespace : List.of(HelmChart.NAMESPACE, "shop", "ops", "legacy")) {
      plane.namespace(namespace, Map.of());
    }
    for (var definition : HelmChart.definitions()) {
      plane.apply(definition);
    }
    plane.apply(ofThePrometheusOperator());
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

  private static String ofThePrometheusOperator() throws IOException {
    try (var in =
        requireNonNull(ChartInApiServerTest.class.getResourceAsStream("servicemonitors.yaml"))) {
      return new String(in.readAllBytes(), UTF_8);
    }
  }

  static List<Values> all() {
    return Values.ALL;
  }

  /** As the API server would store it, or its refusal; unknown and repeated fields are refused. */
  private static GenericKubernetesResource dryRun(String yaml) {
    var object = Serialization.unmarshal(yaml, GenericKubernetesResource.class);
    return plane
        .client()
        .resource(object)
        .dryRun()
        .fieldValidation(Validation.STRICT)
        .forceConflicts()
        .serverSideApply();
  }

  @ParameterizedTest
  @MethodSource("all")
  void objects_ofEachFileOfValues_areTakenByTheApiServer(Values values) throws Exception {
    var kinds = new TreeSet<String>();
    for (var object : chart.objects(values)) {
      assertThat(dryRun(object.yaml()).getMetadata().getName()).isEqualTo(object.name());
      kinds.add(object.kind());
    }

    assertThat(kinds).contains("StatefulSet", "DaemonSet", "EnvoyFilter", "NetworkPolicy");
    assertThat(kinds.contains("Scope")).isEqualTo(values.name().equals("node"));
    assertThat(kinds.contains("ServiceMonitor"))
        .isEqualTo(values.name().equals("central-postgresql"));
    assertThat(kinds.contains("FlowSchema"))
        .isEqualTo(List.of("node", "central-postgresql").contains(values.name()));
    assertThat(kinds.contains("PriorityLevelConfiguration"))
        .isEqualTo(values.name().equals("node"));
  }

  /** An istiod that has no kubelet, so that only Helm looks at it. */
  private static void istiod(String image) {
    plane.apply(
        """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
        spec:
          selector: {matchLabels: {app: istiod}}
          template:
            metadata: {labels: {app: istiod}}
            spec: {containers: [{name: discovery, image: "%s"}]}
        """
            .formatted(image));
  }

  private static String notes(String... values) throws Exception {
    return chart.notes(plane.kubeconfig(), values).orFail().output();
  }

  @Test
  void notes_whereIstioIsOlder_warn() throws Exception {
    for (var image :
        List.of("registry:5000/istio/pilot:1.30.4-distroless", "docker.io/istio/pilot:1.9")) {
      istiod(image);
      assertThat(notes())
          .contains("istiod's image is " + image + ": Kith's filters need Istio 1.31 or newer");
    }
    for (var image :
        List.of(
            "registry:5000/istio/pilot:1.31.0",
            "docker.io/istio/pilot:1.31-alpha.5",
            "docker.io/istio/pilot:2.0",
            "registry:1.20/pilot:latest",
            "docker.io/istio/pilot@sha256:" + "1.20".repeat(16))) {
      istiod(image);
      assertThat(notes()).as(image).contains("kith status").doesNotContain("istiod's image");
    }
  }

  @Test
  void notes_whereANamespaceIsEnforced_sayHowToWait_andWhatOneServerMeans() throws Exception {
    assertThat(notes())
        .contains(
            "./kith doctor",
            "kubectl -n NAMESPACE get kscope kith",
            "docs/failure.md, Open it now",
            "One server answers all Checks.",
            "Enforced namespaces then refuse what leaves",
            "keys.secret is empty: the keys that seal what is decided are in the claim state-kith-server-0");
    assertThat(notes("keys.secret=kith-keys")).doesNotContain("keys.secret is empty");
    assertThat(notes("scopes.shop=enforce"))
        .contains(
            "  kubectl -n shop get kscope kith   # ENFORCED, or what that still waits for",
            "One server answers all Checks.",
            "shop then refuse what leaves");
    assertThat(
            notes(
                "scopes.shop=enforce",
                "store.type=postgresql",
                "store.postgresql.url=jdbc:postgresql://db.example.org:5432/kith?sslmode=verify-full",
                "store.postgresql.passwordSecret.name=db",
                "keys.secret=kith-keys",
                "server.replicas=2"))
        .contains("get kscope kith")
        .doesNotContain("One server answers all Checks", "keys.secret is empty");
  }

  /** Else the test above would say nothing. */
  @Test
  void objects_withAFieldThatDoesNotExist_areRefused() throws Exception {
    var set =
        chart.objects(new Values("default")).stream()
            .filter(one -> one.kind().equals("StatefulSet"))
            .findFirst()
            .orElseThrow();

    assertThatThrownBy(() -> dryRun(set.yaml().replace("serviceName:", "servicesName:")))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining("servicesName");
  }
}
