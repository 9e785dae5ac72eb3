package io.kith.istio.doctor;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Whether the API server refuses what goes round sidecars, where that is promised. */
record AdmissionRules(MeshObjects objects, KithStatus status, Findings findings) {
  private static final String ENFORCE = "enforce";

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
    new Admission(objects).gaps(enforced).forEach(this::report);
  }

  private void report(Admission.Gap gap) {
    if (gap.policy() == AdmissionPolicy.KITH_PODS) {
      for (var namespace : gap.namespaces()) {
        findings.add(
            Rule.PODS_NOT_REFUSED,
            "namespace " + namespace,
            gap.isThere()
                ? "no binding of " + gap.policy().id() + " with Deny selects it"
                : missing(gap.policy()),
            Admission.change(List.of(gap), namespace));
      }
    } else {
      findings.add(
          Rule.ADMISSION_INCOMPLETE,
          "policy " + gap.policy().id(),
          gap.isThere()
              ? "no binding of it with Deny selects " + Commands.some(gap.namespaces())
              : missing(gap.policy()),
          Admission.change(List.of(gap), gap.namespaces().getFirst()));
    }
  }

  private static String missing(AdmissionPolicy policy) {
    return "there is no policy " + policy.id() + ", so that its bindings refuse nothing";
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
}
