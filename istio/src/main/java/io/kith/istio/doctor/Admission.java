package io.kith.istio.doctor;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Whether the API server refuses what goes round sidecars: whether the policies of Kith's chart are
 * there, and bound so that they deny. What they say is not looked at.
 */
public final class Admission {
  private static final String NAME = "kubernetes.io/metadata.name";

  private final MeshObjects objects;

  /**
   * A policy that does not refuse everywhere where it should.
   *
   * @param isThere else no binding of it counts
   * @param namespaces in order, not empty
   */
  record Gap(AdmissionPolicy policy, boolean isThere, List<String> namespaces) {}

  Admission(MeshObjects objects) {
    this.objects = objects;
  }

  /**
   * That of a cluster.
   *
   * @param objects the chart's ValidatingAdmissionPolicies, and all
   *     ValidatingAdmissionPolicyBindings and Namespaces that there are; JSON, each with its kind
   */
  public static Admission of(Collection<? extends Map<String, ?>> objects) {
    var all = new ArrayList<Map<String, ?>>();
    for (var object : objects) {
      var trimmed = Trimmed.object(object); // a large cluster's namespaces are held
      if (trimmed != null) {
        all.add(trimmed);
      }
    }
    for (var kind : List.of(AdmissionPolicy.KIND, AdmissionPolicy.BINDING)) {
      all.add(Map.of("kind", kind + "List", "items", List.of())); // read, if there are none too
    }
    return new Admission(new MeshState("", all, null, null, Instant.EPOCH).sorted());
  }

  /** Names of the chart's policies. */
  public static List<String> policies() {
    return Arrays.stream(AdmissionPolicy.values()).map(AdmissionPolicy::id).toList();
  }

  /** Namespaces whose pods get sidecars, in order. */
  public List<String> injected() {
    return objects.injected().stream().sorted().toList();
  }

  /**
   * Which policies refuse nothing in which of these namespaces, with the command that changes it;
   * null where all of them refuse in all.
   *
   * @param namespaces in order
   */
  public @Nullable String problem(Collection<String> namespaces) {
    var gaps = gaps(namespaces);
    if (gaps.isEmpty()) {
      return null;
    }
    var policies = new LinkedHashMap<String, List<String>>();
    for (var gap : gaps) {
      policies
          .computeIfAbsent(
              gap.isThere() ? Commands.some(gap.namespaces()) : "", _ -> new ArrayList<>())
          .add(gap.policy().id());
    }
    var words = new ArrayList<String>();
    policies.forEach(
        (where, which) ->
            words.add(
                where.isEmpty()
                    ? "there is no policy " + String.join(", ", which)
                    : "no binding of " + String.join(", ", which) + " with Deny selects " + where));
    return String.join("; ", words) + ": " + change(gaps, gaps.getFirst().namespaces().getFirst());
  }

  List<Gap> gaps(Collection<String> namespaces) {
    var gaps = new ArrayList<Gap>();
    for (var policy : AdmissionPolicy.values()) {
      var isThere =
          !objects.isRead(AdmissionPolicy.KIND)
              || objects.of(AdmissionPolicy.KIND).stream()
                  .anyMatch(one -> one.name().equals(policy.id()));
      var without =
          namespaces.stream()
              .filter(
                  namespace ->
                      !isThere
                          || objects.of(AdmissionPolicy.BINDING).stream()
                              .noneMatch(binding -> refuses(binding, policy, namespace)))
              .toList();
      if (!without.isEmpty()) {
        gaps.add(new Gap(policy, isThere, without));
      }
    }
    return gaps;
  }

  /**
   * The command with which they refuse everywhere.
   *
   * @param namespace that could be enforced as a whole instead
   */
  static String change(List<Gap> gaps, String namespace) {
    var values = new LinkedHashSet<String>();
    gaps.forEach(gap -> values.addAll(List.of(gap.policy().chartValues().split(","))));
    return "helm upgrade kith CHART -n kith --reuse-values --set "
        + String.join(",", values)
        + (gaps.stream().anyMatch(gap -> gap.policy().isOfPods())
            ? "   # or scopes." + namespace + "=enforce, if all of it is to be enforced"
            : "");
  }

  /** Whether it refuses whatever comes to the namespace. */
  private boolean refuses(MeshObject binding, AdmissionPolicy policy, String namespace) {
    var resources = binding.spec().at("matchResources");
    return binding.spec().at("policyName").is(policy.id())
        && binding.spec().at("validationActions").stream().anyMatch(action -> action.is("Deny"))
        && resources.at("objectSelector").entries().isEmpty()
        && resources.at("resourceRules").list().isEmpty()
        && resources.at("excludeResourceRules").list().isEmpty()
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
