package io.kith.istio.doctor;

import io.kith.istio.MeshNames;
import io.kith.istio.MeshOverlay;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Commands that change what was found, with the mesh's own values as far as they are known. */
final class Commands {
  /** Where people say what may go past sidecars. */
  static final String APPROVED_TCP =
      "guard.approvedTcp in the chart's values, server.guard.approvedTcp in kith.yaml";

  private static final String APPLY = " | kubectl apply -f -";

  /** Labels that say who the pod is, the best first. */
  private static final List<String> LABELS =
      List.of("app.kubernetes.io/instance", "app.kubernetes.io/name", "app", "k8s-app");

  /** Parts of labels that nobody gives to a workload by hand. */
  private static final List<String> GENERATED =
      List.of(
          "-hash",
          "istio.io/",
          "statefulset.kubernetes.io/",
          "apps.kubernetes.io/",
          "controller-uid",
          "job-name");

  private Commands() {}

  /** The recipe again, with all that it was made with. */
  static String recipe(MeshObjects objects) {
    var recipe = found(objects);
    return recipe.isHelms() ? recipe.upgrade() : recipe.recipe() + APPLY;
  }

  /** Whether the recipe has a gate. */
  static boolean isStrict(MeshObjects objects) {
    return recipes(objects).anyMatch(one -> MeshNames.GATES.stream().anyMatch(one.tree()::holds));
  }

  /** The same without a gate. */
  static String baseline(MeshObjects objects) {
    var recipe = found(objects);
    return recipe.isHelms()
        ? recipe.upgrade("filters.recipe=baseline")
        : recipe.recipe(false) + APPLY;
  }

  /** The same with the SPIFFE ID that the server really has, which only a person can know. */
  static String serverId(MeshObjects objects) {
    return recipe(objects)
        + (found(objects).isHelms()
            ? "   # istio.trustDomain, and the release's namespace: as the server's certificate"
                + " says"
            : "   # --server-id: what the server's certificate says");
  }

  /** An EnvoyFilter of Kith's again, be it the recipe or an overlay. */
  static String again(MeshObject object, MeshObjects objects) {
    var filter = new KithFilter(object.tree(), objects.rootNamespace());
    if (filter.isHelms()) {
      return filter.upgrade();
    }
    if (filter.isKeptByServer()) {
      return "kubectl delete " + object.kubectl() + "   # Kith writes it anew";
    }
    return filter.isOverlay() ? filter.overlay() + APPLY : recipe(objects);
  }

  /** The recipe; without one, an overlay, which has its settings; else nothing. */
  private static KithFilter found(MeshObjects objects) {
    return Stream.concat(
            recipes(objects),
            objects.of("EnvoyFilter").stream()
                .filter(
                    filter ->
                        MeshOverlay.Writer.HAND.wrote(filter.name())
                            || MeshOverlay.Writer.SERVER.wrote(filter.name())))
        .findFirst()
        .map(one -> new KithFilter(one.tree(), objects.rootNamespace()))
        .orElse(new KithFilter(Tree.NOTHING, objects.rootNamespace()));
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

  /** All of Kith anew, with the values that it has. */
  static String oneVersion(MeshObjects objects) {
    var recipe = found(objects);
    return (recipe.isHelms()
            ? recipe.upgrade()
            : "helm upgrade kith CHART -n kith --reset-then-reuse-values")
        + "   # one version for all of its pods";
  }

  /** Another failure mode for a pod's workload. */
  static String overlay(MeshPod pod, SidecarConfig sidecar, String mode, MeshObjects objects) {
    if (objects.of("EnvoyFilter").stream().anyMatch(Commands::isKeptByServer)) {
      return "kubectl describe kscope -n "
          + pod.namespace()
          + "   # Kith keeps overlays by itself: condition FailureMode says why it does not; or"
          + " make a Scope of "
          + pod.owner()
          + (mode.equals("open") ? " with mode observe" : "");
    }
    return "kith istio overlay "
        + pod.owner()
        + labels(pod, objects)
        + agreed(sidecar, objects)
        + " --failure "
        + mode
        + APPLY;
  }

  /** What an overlay has in common with the recipe; without that, with the sidecar. */
  private static String agreed(SidecarConfig sidecar, MeshObjects objects) {
    var recipe = found(objects);
    return recipe.object().present()
        ? (recipe.isStrict() ? " --recipe strict" : "") + recipe.settings()
        : (sidecar.hasGate() ? " --recipe strict" : "")
            + recipe.settings()
            + (sidecar.named(MeshNames.INBOUND_CONNECTION).findAny().isPresent()
                ? ""
                : " --no-inbound")
            + (sidecar.named(MeshNames.SPARED).findAny().isPresent() ? " --short-cut" : "");
  }

  private static boolean isKeptByServer(MeshObject filter) {
    return MeshOverlay.Writer.SERVER.wrote(filter.name());
  }

  /** What its pods have and no others of the namespace: one label if one is enough. */
  private static String labels(MeshPod pod, MeshObjects objects) {
    var own = new TreeMap<String, Tree>();
    pod.object()
        .labels()
        .forEach(
            (key, value) -> {
              if (GENERATED.stream().noneMatch(key::contains)) {
                own.put(key, value);
              }
            });
    return Stream.concat(LABELS.stream().filter(own::containsKey), own.keySet().stream())
        .map(key -> Map.of(key, own.getOrDefault(key, Tree.NOTHING)))
        .filter(one -> isOnlyOf(pod, one, objects))
        .findFirst()
        .<Map<String, Tree>>map(one -> one)
        .or(() -> own.isEmpty() ? Optional.empty() : Optional.of(own))
        .map(
            all ->
                all.entrySet().stream()
                    .map(one -> KithFilter.word(one.getKey() + "=" + one.getValue().text()))
                    .map(one -> " --label " + one)
                    .collect(Collectors.joining()))
        .orElse(" --label KEY=VALUE");
  }

  private static boolean isOnlyOf(MeshPod pod, Map<String, Tree> labels, MeshObjects objects) {
    return objects.pods().stream()
        .filter(other -> other.namespace().equals(pod.namespace()) && other.isSelectedBy(labels))
        .allMatch(other -> other.owner().equals(pod.owner()));
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
