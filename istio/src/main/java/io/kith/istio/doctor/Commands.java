package io.kith.istio.doctor;

import io.kith.istio.MeshNames;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshSettings;
import java.util.List;
import java.util.stream.Stream;

/** Commands that change what was found, with the mesh's own values as far as they are known. */
final class Commands {
  private static final String APPLY = " | kubectl apply -f -";

  /** Labels that say who the pod is, the best first. */
  private static final List<String> LABELS =
      List.of("app.kubernetes.io/instance", "app.kubernetes.io/name", "app", "k8s-app");

  private Commands() {}

  /** The recipe again. */
  static String recipe(MeshObjects objects) {
    var cluster =
        recipes(objects)
            .flatMap(one -> one.spec().at("configPatches").stream())
            .map(patch -> patch.at("patch", "value"))
            .filter(value -> value.at("name").is(MeshNames.SERVER))
            .findFirst()
            .orElse(Tree.NOTHING);
    return "kith istio recipe "
        + (recipes(objects).anyMatch(one -> MeshNames.GATES.stream().anyMatch(one.tree()::holds))
            ? "strict"
            : "baseline")
        + " --server "
        + address(cluster)
        + " --server-id "
        + pinned(cluster).stream().findFirst().orElse("SPIFFE-ID")
        + rootNamespace(objects)
        + APPLY;
  }

  /** EnvoyFilters of the root namespace that say whom to ask. */
  static Stream<MeshObject> recipes(MeshObjects objects) {
    return objects.of("EnvoyFilter").stream().filter(one -> isRecipe(one, objects));
  }

  static boolean isRecipe(MeshObject filter, MeshObjects objects) {
    return filter.namespace().equals(objects.rootNamespace())
        && filter.spec().at("configPatches").stream()
            .anyMatch(
                patch ->
                    patch.at("applyTo").is("CLUSTER")
                        && patch.at("patch", "operation").is("ADD")
                        && patch.at("patch", "value", "name").is(MeshNames.SERVER));
  }

  private static String rootNamespace(MeshObjects objects) {
    return objects.rootNamespace().equals(MeshSettings.ROOT_NAMESPACE)
        ? ""
        : " --root-namespace " + objects.rootNamespace();
  }

  private static String address(Tree cluster) {
    var address =
        cluster.at("load_assignment", "endpoints").stream()
            .flatMap(locality -> locality.at("lb_endpoints").stream())
            .map(endpoint -> endpoint.at("endpoint", "address"))
            .findFirst()
            .orElse(Tree.NOTHING);
    if (address.at("pipe").present()) {
      return "unix:" + address.at("pipe", "path").text();
    }
    var host = address.at("socket_address", "address").text();
    return host.isEmpty()
        ? "HOST:PORT"
        : (host.contains(":") ? "[" + host + "]" : host)
            + ":"
            + address.at("socket_address", "port_value").text();
  }

  /** The names, one of which the server has to prove; empty where any will do. */
  static List<String> pinned(Tree cluster) {
    var tls = cluster.at("transport_socket", "typed_config", "common_tls_context");
    return Stream.of(
            tls.at("validation_context"),
            tls.at("combined_validation_context", "default_validation_context"))
        .flatMap(
            context ->
                Stream.concat(
                    context.at("match_typed_subject_alt_names").stream()
                        .map(name -> name.at("matcher", "exact").text()),
                    context.at("match_subject_alt_names").stream()
                        .map(name -> name.at("exact").text())))
        .toList();
  }

  /** Another failure mode for a pod's workload. */
  static String overlay(MeshPod pod, SidecarConfig sidecar, String mode, MeshObjects objects) {
    if (objects.of("EnvoyFilter").stream().anyMatch(Commands::isKeptByServer)) {
      return "kubectl describe kscope -n "
          + pod.namespace()
          + "   # Kith keeps overlays by itself: condition FailureMode says why it does not; or make a"
          + " Scope of "
          + pod.owner()
          + (mode.equals("open") ? " with mode observe" : "");
    }
    return "kith istio overlay "
        + pod.owner()
        + " --label "
        + label(pod)
        + (sidecar.hasGate() ? " --recipe strict" : "")
        + (sidecar.named(MeshNames.SPARED).findAny().isPresent() ? " --short-cut" : "")
        + (sidecar.named(MeshNames.INBOUND_CONNECTION).findAny().isPresent() ? "" : " --no-inbound")
        + " --failure "
        + mode
        + rootNamespace(objects)
        + APPLY;
  }

  private static boolean isKeptByServer(MeshObject filter) {
    return MeshOverlay.Writer.SERVER.wrote(filter.name());
  }

  private static String label(MeshPod pod) {
    return LABELS.stream()
        .filter(key -> !pod.object().label(key).isEmpty())
        .findFirst()
        .map(key -> key + "=" + pod.object().label(key))
        .orElse("KEY=VALUE");
  }

  /** As {@code a, b and 3 more}. */
  static String some(List<String> names) {
    var limit = 5;
    return names.size() <= limit
        ? String.join(", ", names)
        : String.join(", ", names.subList(0, limit)) + " and " + (names.size() - limit) + " more";
  }

  /** How to start the pods of a workload anew. */
  static String restart(MeshPod pod) {
    var parts = pod.owner().split("/", -1);
    return switch (parts[1]) {
      case "deployment", "statefulset", "daemonset" ->
          "kubectl rollout restart " + parts[1] + "/" + parts[2] + " -n " + parts[0];
      case "pod" -> // nobody would make it again
          "kubectl get pod "
              + pod.name()
              + " -n "
              + pod.namespace()
              + " -o yaml | kubectl replace --force -f -";
      default -> // which makes another
          "kubectl delete pod " + pod.name() + " -n " + pod.namespace();
    };
  }
}
