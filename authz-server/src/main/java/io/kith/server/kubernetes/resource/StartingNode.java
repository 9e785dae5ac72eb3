package io.kith.server.kubernetes.resource;

import static java.util.Objects.requireNonNull;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Taint;
import io.kith.baselines.yaml.Json;
import io.kith.server.check.NodeBridges;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A node that has the start-up taint.
 *
 * @param uid of the object: a node that is registered anew is another one
 * @param taints all of them, in order
 * @param seen when the taint was seen for the first time
 */
record StartingNode(String name, String uid, List<Taint> taints, Instant seen) {
  StartingNode {
    taints = List.copyOf(taints);
  }

  /** What is to be done about the taint. */
  sealed interface Step {
    /**
     * Nothing yet.
     *
     * @param why in words, without the node's name
     */
    record Wait(String why) implements Step {}

    /**
     * It is taken off.
     *
     * @param patch JSON patch that does this and nothing else, or fails
     */
    record Lift(String patch) implements Step {}
  }

  /**
   * A node as it was read; null when it does not have the taint.
   *
   * @param before what was known of the node of this name, or null
   */
  static @Nullable StartingNode of(
      Node node, String key, @Nullable StartingNode before, Instant now) {
    var spec = node.getSpec();
    var taints = spec == null || spec.getTaints() == null ? List.<Taint>of() : spec.getTaints();
    if (taints.stream().noneMatch(taint -> key.equals(taint.getKey()))) {
      return null;
    }
    var uid = requireNonNull(node.getMetadata().getUid(), "uid");
    return new StartingNode(
        node.getMetadata().getName(),
        uid,
        taints,
        before != null && before.uid.equals(uid) ? before.seen : now);
  }

  /**
   * The decision. What a bridge said before the taint was seen does not count: it may be that of
   * the node's life before. Nor does what it said long ago: it may have ended.
   *
   * @param bridge what the bridge of the node said last, or null
   */
  Step step(String key, NodeBridges.@Nullable State bridge, Instant now) {
    if (bridge == null) {
      return new Step.Wait(
          "no server heard its bridge (does the DaemonSet run there, and does it reach a server?)");
    }
    if (!bridge.heard().isAfter(seen)) {
      return new Step.Wait("its bridge has said nothing since the node has the taint");
    }
    if (bridge.heard().plus(NodeBridges.RECENT).isBefore(now)) {
      return new Step.Wait("its bridge has said nothing since " + bridge.heard());
    }
    return bridge.isReady() ? new Step.Lift(patch(key)) : new Step.Wait(bridge.problem());
  }

  /**
   * From the last to the first, so that the places of those before stay. Each is compared as a
   * whole, so that no other taint can be meant.
   */
  private String patch(String key) {
    var operations = new ArrayList<Map<String, Object>>();
    operations.add(operation("test", "/metadata/uid", uid));
    for (var place = taints.size() - 1; place >= 0; place--) {
      var taint = taints.get(place);
      if (key.equals(taint.getKey())) {
        var path = "/spec/taints/" + place;
        operations.add(operation("test", path, json(taint)));
        operations.add(Map.of("op", "remove", "path", path));
      }
    }
    return Json.write(operations);
  }

  private static Map<String, Object> operation(String what, String path, Object value) {
    return Map.of("op", what, "path", path, "value", value);
  }

  private static Map<String, Object> json(Taint taint) {
    var json = new HashMap<String, Object>();
    put(json, "key", taint.getKey());
    put(json, "value", taint.getValue());
    put(json, "effect", taint.getEffect());
    put(json, "timeAdded", taint.getTimeAdded());
    return json;
  }

  private static void put(Map<String, Object> json, String name, @Nullable String value) {
    if (value != null && !value.isEmpty()) {
      json.put(name, value);
    }
  }
}
