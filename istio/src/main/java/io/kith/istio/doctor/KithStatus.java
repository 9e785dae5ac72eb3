package io.kith.istio.doctor;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
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

  /** Those that are connected here; where check servers follow, also what those heard of nodes. */
  List<Bridge> bridges() {
    var own =
        tree.at("bridges").stream()
            .map(
                bridge ->
                    new Bridge(
                        bridge.at("node").text(),
                        bridge.at("problems").stream().map(Tree::text).toList(),
                        bridge.at("canary_ok").isTrue()));
    var names = tree.at("bridges").stream().map(bridge -> bridge.at("node").text()).toList();
    var elsewhere =
        tree.at("nodes").stream()
            .filter(node -> !names.contains(node.at("node").text()))
            .map(node -> new Bridge(node.at("node").text(), problem(node), true));
    return Stream.concat(own, elsewhere).toList();
  }

  private static List<String> problem(Tree node) {
    var problem = node.at("problem").text();
    return problem.isEmpty() ? List.of() : List.of(problem);
  }

  /** Whether it says what check servers heard; one of before did not. */
  boolean tellsNodes() {
    return tree.at("nodes").present();
  }
}
