package io.kith.istio.doctor;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Whether the API server refuses pods that go round their sidecars, where that is promised. */
record AdmissionRules(MeshObjects objects, KithStatus status, Findings findings) {
  static final String BINDING = "ValidatingAdmissionPolicyBinding";

  /** Of Kith's chart. */
  private static final String POLICY = "kith-pods";

  private static final String ENFORCE = "enforce";
  private static final String NAME = "kubernetes.io/metadata.name";

  void judge(Collection<MeshPod> meshed, Set<String> injected, List<String> notJudged) {
    var enforced = enforced(meshed, injected);
    if (!enforced.isEmpty() && !objects.isRead(BINDING)) {
      notJudged.add(
          "admission of pods in "
              + Commands.some(List.copyOf(enforced))
              + ": no ValidatingAdmissionPolicyBindings were read");
      return;
    }
    for (var namespace : enforced) {
      if (objects.of(BINDING).stream().noneMatch(binding -> refuses(binding, namespace))) {
        findings.add(
            Rule.PODS_NOT_REFUSED,
            "namespace " + namespace,
            "no binding of " + POLICY + " with Deny selects it",
            "helm upgrade kith CHART -n kith --reuse-values --set"
                + " admission.enabled=true,admission.pods=all   # or scopes."
                + namespace
                + "=enforce, if all of it is to be enforced");
      }
    }
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

  /** Whether it refuses whatever pod comes to the namespace. */
  private boolean refuses(MeshObject binding, String namespace) {
    var resources = binding.spec().at("matchResources");
    return binding.spec().at("policyName").is(POLICY)
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
