package io.kith.istio.doctor;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What {@code kith status -o json} prints.
 *
 * @param tree nothing when nobody asked
 */
record KithStatus(Tree tree, Map<String, String> modes) {
  /** A node's bridge. */
  record Bridge(String node, List<String> problems, boolean findsItself) {}

  static KithStatus of(@Nullable Map<String, ?> status) {
    var tree = new Tree(status);
    var modes = new HashMap<String, String>();
    for (var workload : tree.at("workloads").list()) {
      modes.put(workload.at("owner").text(), workload.at("mode").text());
    }
    return new KithStatus(tree, modes);
  }

  boolean isKnown() {
    return tree.present();
  }

  /** The mode of a pod's workload: the server's word, else that of a Scope; empty: not known. */
  String mode(MeshPod pod, MeshObjects objects) {
    var told = modes.get(pod.owner());
    return told == null ? Scopes.mode(pod, objects) : told;
  }

  String version() {
    return tree.at("server_version").text();
  }

  /** Whether bridges are connected to servers that this one only hears of. */
  boolean hasCheckServers() {
    return !tree.at("check_servers").list().isEmpty();
  }

  Map<String, String> checkServers() {
    var versions = new HashMap<String, String>();
    for (var server : tree.at("check_servers").list()) {
      versions.put(server.at("name").text(), server.at("version").text());
    }
    return versions;
  }

  List<Bridge> bridges() {
    return tree.at("bridges").stream()
        .map(
            bridge ->
                new Bridge(
                    bridge.at("node").text(),
                    bridge.at("problems").stream().map(Tree::text).toList(),
                    bridge.at("canary_ok").isTrue()))
        .toList();
  }
}
