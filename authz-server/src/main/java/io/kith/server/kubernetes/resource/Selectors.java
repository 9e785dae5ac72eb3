package io.kith.server.kubernetes.resource;

import io.fabric8.kubernetes.api.model.LabelSelector;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.baselines.identity.Owner;
import io.kith.server.kubernetes.ClusterPods;
import io.kith.server.kubernetes.resource.Condition.Reason;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** By which labels the pods of a workload are told from all others of its namespace. */
final class Selectors {
  /** A workload's selector never changes; others that it selects as well may come. */
  private static final Duration KNOWN = Duration.ofMinutes(5);

  private static final Duration REFUSED = Duration.ofSeconds(15);

  private final KubernetesClient client;
  private final ClusterPods pods;
  private final InstantSource clock;
  private final Map<Owner, Remembered> remembered = new HashMap<>();

  private record Remembered(Found found, Instant until) {}

  /** What is found out. */
  sealed interface Found {
    /** Those labels. */
    record Labels(Map<String, String> labels) implements Found {
      public Labels {
        labels = Map.copyOf(labels);
      }
    }

    /** There are none. */
    record None(Reason reason, String message) implements Found {}

    /** The API server did not say. */
    record Unknown(String message) implements Found {}
  }

  Selectors(KubernetesClient client, ClusterPods pods, InstantSource clock) {
    this.client = client;
    this.pods = pods;
    this.clock = clock;
  }

  Found of(Owner owner) {
    var now = clock.instant();
    var before = remembered.get(owner);
    if (before != null && now.isBefore(before.until)) {
      return before.found;
    }
    Found found;
    try {
      found = find(owner);
    } catch (KubernetesClientException e) {
      found =
          before != null && before.found instanceof Found.Labels labels
              ? labels
              : new Found.Unknown(KubernetesApi.words(e));
      remembered.put(owner, new Remembered(found, now.plus(REFUSED)));
      return found;
    }
    remembered.put(
        owner, new Remembered(found, now.plus(found instanceof Found.Labels ? KNOWN : REFUSED)));
    return found;
  }

  private Found find(Owner owner) {
    var namespace = owner.namespace();
    var apps = client.apps();
    LabelSelector selector;
    switch (owner.kind()) {
      case "deployment" -> {
        var there = apps.deployments().inNamespace(namespace).withName(owner.name()).get();
        selector = there == null ? null : there.getSpec().getSelector();
      }
      case "statefulset" -> {
        var there = apps.statefulSets().inNamespace(namespace).withName(owner.name()).get();
        selector = there == null ? null : there.getSpec().getSelector();
      }
      case "daemonset" -> {
        var there = apps.daemonSets().inNamespace(namespace).withName(owner.name()).get();
        selector = there == null ? null : there.getSpec().getSelector();
      }
      default -> {
        return none(
            Reason.NO_SELECTOR,
            "a "
                + owner.kind()
                + " says no labels that only its pods have (expected: a Deployment, StatefulSet or"
                + " DaemonSet; or a Scope of a namespace of its own)");
      }
    }
    if (selector == null) {
      return none(
          Reason.NO_SELECTOR, owner + " is not there, so nobody says which labels its pods have");
    }
    if ((selector.getMatchExpressions() != null && !selector.getMatchExpressions().isEmpty())
        || selector.getMatchLabels() == null
        || selector.getMatchLabels().isEmpty()) {
      return none(
          Reason.NO_SELECTOR,
          "spec.selector of "
              + owner
              + " has matchExpressions (expected: matchLabels alone, since EnvoyFilters know no"
              + " others)");
    }
    var other = other(owner, selector.getMatchLabels());
    return other == null
        ? new Found.Labels(selector.getMatchLabels())
        : none(
            Reason.NOT_UNIQUE,
            "spec.selector of "
                + owner
                + " selects pods of "
                + other
                + " as well (give its pods a label that no others have)");
  }

  private static Found none(Reason reason, String message) {
    return new Found.None(reason, message);
  }

  /** Whose pods have these labels as well, or null. */
  private @Nullable Owner other(Owner owner, Map<String, String> labels) {
    for (var pod :
        client.pods().inNamespace(owner.namespace()).withLabels(labels).list().getItems()) {
      var whose = pods.ownerOf(owner.namespace(), pod.getMetadata().getName());
      if (whose != null && !whose.equals(owner)) {
        return whose;
      }
    }
    return null;
  }
}
