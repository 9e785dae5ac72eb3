package io.kith.istio.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AdmissionTest {
  private final List<Map<String, Object>> objects = new ArrayList<>();

  private void bound(String policy, List<String> actions, Map<String, Object> resources) {
    objects.add(Map.of("kind", AdmissionPolicy.KIND, "metadata", Map.of("name", policy)));
    objects.add(
        Map.of(
            "kind",
            AdmissionPolicy.BINDING,
            "metadata",
            Map.of("name", policy + "-one"),
            "spec",
            Map.of(
                "policyName", policy, "validationActions", actions, "matchResources", resources)));
  }

  private void allBound() {
    Admission.policies().forEach(policy -> bound(policy, List.of("Deny"), Map.of()));
  }

  private void remove(String kind, String name) {
    objects.removeIf(
        one -> kind.equals(one.get("kind")) && Map.of("name", name).equals(one.get("metadata")));
  }

  @Test
  void problem_whereAllOfThemDeny_isNone() {
    allBound();

    assertThat(Admission.of(objects).problem(List.of("ops", "shop"))).isNull();
  }

  @Test
  void problem_whereNothingIsInstalled_namesAll_andOneCommand() {
    assertThat(Admission.of(objects).problem(List.of("shop")))
        .isEqualTo(
            "there is no policy kith-pods, kith-pods-running, kith-ephemeral-containers,"
                + " kith-sessions, kith-pod-labels, kith-mesh-resources, kith-failure-modes: helm"
                + " upgrade kith CHART -n kith --reuse-values --set"
                + " admission.enabled=true,admission.pods=all,admission.meshResources=true   # or"
                + " scopes.shop=enforce, if all of it is to be enforced");
  }

  @Test
  void problem_ofSomeThatDoNotDenyThere_namesThese_andWhere() {
    allBound();
    remove(AdmissionPolicy.BINDING, "kith-pods-one");
    bound(
        "kith-pods",
        List.of("Deny"),
        Map.of("namespaceSelector", Map.of("matchLabels", Map.of("istio-injection", "enabled"))));
    objects.add(
        Map.of(
            "kind",
            "Namespace",
            "metadata",
            Map.of("name", "ops", "labels", Map.of("istio-injection", "enabled"))));
    remove(AdmissionPolicy.BINDING, "kith-failure-modes-one");
    bound("kith-failure-modes", List.of("Warn", "Audit"), Map.of());
    remove(AdmissionPolicy.KIND, "kith-mesh-resources");
    var admission = Admission.of(objects);

    assertThat(admission.injected()).containsExactly("ops");
    assertThat(admission.problem(List.of("ops", "shop")))
        .isEqualTo(
            "no binding of kith-pods with Deny selects shop; there is no policy"
                + " kith-mesh-resources; no binding of kith-failure-modes with Deny selects ops,"
                + " shop: helm upgrade kith CHART -n kith --reuse-values --set"
                + " admission.enabled=true,admission.pods=all,admission.meshResources=true   # or"
                + " scopes.shop=enforce, if all of it is to be enforced");
  }
}
