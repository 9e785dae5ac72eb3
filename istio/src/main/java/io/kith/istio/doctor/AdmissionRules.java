package io.kith.istio.doctor;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Whether the API server refuses what goes round sidecars, where that is promised. */
record AdmissionRules(MeshObjects objects, KithStatus status, Findings findings) {
  private static final String ENFORCE = "enforce";
  private static final String NAME = "kubernetes.io/metadata.name";

  void judge(Collection<MeshPod> meshed, Set<String> injected, List<String> notJudged) {
    var enforced = enforced(meshed, injected);
    if (enforced.isEmpty()) {
      return;
    }
    if (!objects.isRead(AdmissionPolicy.BINDING)) {
      notJudged.add(
          "admission of pods in "
              + Commands.some(List.copyOf(enforced))
              + ": no ValidatingAdmissionPolicyBindings were read");
      return;
    }
    if (!objects.isRead(AdmissionPolicy.KIND)) {
      notJudged.add(
          "whether the policies that are bound are there: no ValidatingAdmissionPolicies were read");
    }
    for (var policy : AdmissionPolicy.values()) {
      judge(policy, enforced);
    }
  }

  private void judge(AdmissionPolicy policy, Set<String> enforced) {
    var isThere =
        !objects.isRead(AdmissionPolicy.KIND)
            || objects.of(AdmissionPolicy.KIND).stream()
                .anyMatch(one -> one.name().equals(policy.id()));
    var without =
        enforced.stream()
            .filter(
                namespace ->
                    !isThere
                        || objects.of(AdmissionPolicy.BINDING).stream()
                            .noneMatch(binding -> refuses(binding, policy, namespace)))
            .toList();
    var change = "helm upgrade kith CHART -n kith --reuse-values --set " + policy.chartValues();
    if (policy == AdmissionPolicy.KITH_PODS) {
      for (var namespace : without) {
        findings.add(
            Rule.PODS_NOT_REFUSED,
            "namespace " + namespace,
            isThere ? "no binding of " + policy.id() + " with Deny selects it" : missing(policy),
            change + orEnforce(namespace));
      }
    } else if (!without.isEmpty()) {
      findings.add(
          Rule.ADMISSION_INCOMPLETE,
          "policy " + policy.id(),
          isThere
              ? "no binding of it with Deny selects " + Commands.some(without)
              : missing(policy),
          change + (policy.isOfPods() ? orEnforce(without.getFirst()) : ""));
    }
  }

  private static String missing(AdmissionPolicy policy) {
    return "there is no policy " + policy.id() + ", so that its bindings refuse nothing";
  }

  private static String orEnforce(String namespace) {
    return "   # or scopes." + namespace + "=enforce, if all of it is to be enforced";
  }

  /** Namespaces with a workload under enforce, or with a Scope that says so for what comes. */
  private Set<String> enforced(Collection<MeshPod> meshed, Set<String> injected) {
    var enforced = new TreeSet<String>();
    for (var pod : meshed) {
      if (status.mode(pod, objects).equals(ENFORCE)) {
        enforced.add(pod.namespace());
      }
    }
    for (var scope : objects.of("Scope")) {
      if (scope.spec().at("mode").is(ENFORCE)) {
        if (scope.namespace().equals(objects.rootNamespace())) {
          enforced.addAll(injected);
        } else {
          enforced.add(scope.namespace());
        }
      }
    }
    return enforced;
  }

  /** Whether it refuses whatever comes to the namespace. */
  private boolean refuses(MeshObject binding, AdmissionPolicy policy, String namespace) {
    var resources = binding.spec().at("matchResources");
    return binding.spec().at("policyName").is(policy.id())
        && binding.spec().at("validationActions").stream().anyMatch(action -> action.is("Deny"))
        && resources.at("objectSelector").entries().isEmpty()
        && selects(resources.at("namespaceSelector"), labels(namespace));
  }

  private Map<String, String> labels(String namespace) {
    var labels = new HashMap<String, String>();
    objects.of("Namespace").stream()
        .filter(one -> one.name().equals(namespace))
        .forEach(one -> one.labels().forEach((key, value) -> labels.put(key, value.text())));
    labels.put(NAME, namespace); // the API server sees to that
    return labels;
  }

  private static boolean selects(Tree selector, Map<String, String> labels) {
    return selector.at("matchLabels").entries().entrySet().stream()
            .allMatch(wanted -> wanted.getValue().is(labels.getOrDefault(wanted.getKey(), "")))
        && selector.at("matchExpressions").stream().allMatch(one -> holds(one, labels));
  }

  private static boolean holds(Tree expression, Map<String, String> labels) {
    var key = expression.at("key").text();
    var values = expression.at("values").stream().map(Tree::text).collect(Collectors.toSet());
    return switch (expression.at("operator").text()) {
      case "In" -> labels.containsKey(key) && values.contains(labels.get(key));
      case "NotIn" -> !labels.containsKey(key) || !values.contains(labels.get(key));
      case "Exists" -> labels.containsKey(key);
      case "DoesNotExist" -> !labels.containsKey(key);
      default -> false;
    };
  }
}
