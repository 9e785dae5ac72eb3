package io.kith.istio;

import static io.kith.istio.Yaml.map;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An object of Istio that changes what istiod sends to sidecars.
 *
 * @param priority filters of higher priority are applied later, wherever they are
 * @param revision of the control plane whose webhook looks at it
 * @param selector labels of the pods that it is for; empty: all of the namespace, and in the root
 *     namespace all of the mesh
 */
record EnvoyFilter(
    String name,
    String namespace,
    int priority,
    String revision,
    Map<String, String> labels,
    Map<String, String> selector,
    List<Patch> patches) {

  /** Which side of a sidecar is meant. */
  enum Side {
    SIDECAR_OUTBOUND,
    SIDECAR_INBOUND
  }

  /**
   * One change.
   *
   * @param listener which part of a listener; null where it is about none, or all
   * @param value null where something is taken away
   */
  record Patch(
      String applyTo,
      Side side,
      @Nullable Map<String, Object> listener,
      String operation,
      @Nullable Map<String, Object> value) {

    static Patch addCluster(Map<String, Object> cluster) {
      return new Patch("CLUSTER", Side.SIDECAR_OUTBOUND, null, "ADD", cluster);
    }

    static Patch addListener(Map<String, Object> listener) {
      return new Patch("LISTENER", Side.SIDECAR_OUTBOUND, null, "ADD", listener);
    }

    static Patch ofNetworkFilter(
        Side side, Chain chain, String operation, String filter, Map<String, Object> value) {
      return new Patch("NETWORK_FILTER", side, chain.with(filter, null), operation, value);
    }

    static Patch ofHttpFilter(
        Side side, String operation, String filter, Map<String, Object> value) {
      return new Patch(
          "HTTP_FILTER", side, Chain.EVERY.with(Typed.HTTP_MANAGER, filter), operation, value);
    }

    static Patch removeNetworkFilter(Chain chain, String filter) {
      return new Patch(
          "NETWORK_FILTER", Side.SIDECAR_OUTBOUND, chain.with(filter, null), "REMOVE", null);
    }

    static Patch removeHttpFilter(String filter) {
      return new Patch(
          "HTTP_FILTER",
          Side.SIDECAR_OUTBOUND,
          Chain.EVERY.with(Typed.HTTP_MANAGER, filter),
          "REMOVE",
          null);
    }

    private Map<String, Object> document() {
      var match = map("context", side.name());
      if (listener != null) {
        match.put("listener", listener);
      }
      var patch = map("operation", operation);
      if (value != null) {
        patch.put("value", value);
      }
      return map("applyTo", applyTo, "match", match, "patch", patch);
    }
  }

  /**
   * Which filter chains are meant.
   *
   * @param listener name of the listener; null: of every one
   * @param name null: every one
   */
  record Chain(@Nullable String listener, @Nullable String name) {
    static final Chain EVERY = new Chain(null, null);

    private Map<String, Object> with(String filter, @Nullable String subFilter) {
      var filterMatch = map("name", filter);
      if (subFilter != null) {
        filterMatch.put("subFilter", map("name", subFilter));
      }
      var chain = map();
      if (name != null) {
        chain.put("name", name);
      }
      chain.put("filter", filterMatch);
      var match = map();
      if (listener != null) {
        match.put("name", listener);
      }
      match.put("filterChain", chain);
      return match;
    }
  }

  EnvoyFilter {
    labels = Map.copyOf(labels);
    selector = Map.copyOf(selector);
    patches = List.copyOf(patches);
  }

  Map<String, Object> document() {
    var allLabels = map("istio.io/rev", revision);
    labels.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(label -> allLabels.put(label.getKey(), label.getValue()));
    var spec = map("priority", priority);
    if (!selector.isEmpty()) {
      var wanted = map();
      selector.entrySet().stream()
          .sorted(Map.Entry.comparingByKey())
          .forEach(label -> wanted.put(label.getKey(), label.getValue()));
      spec.put("workloadSelector", map("labels", wanted));
    }
    var changes = new ArrayList<Object>();
    patches.forEach(patch -> changes.add(patch.document()));
    spec.put("configPatches", changes);
    return map(
        "apiVersion",
        "networking.istio.io/v1alpha3",
        "kind",
        "EnvoyFilter",
        "metadata",
        map("name", name, "namespace", namespace, "labels", allLabels),
        "spec",
        spec);
  }
}
