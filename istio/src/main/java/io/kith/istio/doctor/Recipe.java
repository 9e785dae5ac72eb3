package io.kith.istio.doctor;

import io.kith.istio.MeshNames;
import io.kith.istio.MeshOverlay;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The recipe of a mesh, and the commands that make it, or an overlay of it, again.
 *
 * @param recipes EnvoyFilters of the root namespace that say whom to ask
 * @param found the first of them; without one, an overlay, which has its settings; else nothing
 */
record Recipe(MeshObjects objects, List<MeshObject> recipes, KithFilter found) {
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

  static Recipe of(MeshObjects objects) {
    var recipes = objects.of("EnvoyFilter").stream().filter(one -> isRecipe(one, objects)).toList();
    var found =
        Stream.concat(
                recipes.stream(),
                objects.of("EnvoyFilter").stream()
                    .filter(
                        filter ->
                            MeshOverlay.Writer.HAND.wrote(filter.name())
                                || MeshOverlay.Writer.SERVER.wrote(filter.name())))
            .findFirst()
            .map(MeshObject::tree)
            .orElse(Tree.NOTHING);
    return new Recipe(objects, recipes, new KithFilter(found, objects.rootNamespace()));
  }

  private static boolean isRecipe(MeshObject filter, MeshObjects objects) {
    return filter.namespace().equals(objects.rootNamespace())
        && filter.spec().at("configPatches").stream()
            .anyMatch(
                patch ->
                    patch.at("applyTo").is("CLUSTER")
                        && patch.at("patch", "operation").is("ADD")
                        && patch.at("patch", "value", "name").is(MeshNames.SERVER));
  }

  /** Whether an EnvoyFilter is one. */
  boolean isOne(MeshObject filter) {
    return recipes.contains(filter);
  }

  /** Whether it has a gate. */
  boolean isStrict() {
    return recipes.stream().anyMatch(one -> MeshNames.GATES.stream().anyMatch(one.tree()::holds));
  }

  /** With all that it was made with. */
  String again() {
    return found.isHelms() ? found.upgrade() : found.recipe() + APPLY;
  }

  /** The same without a gate. */
  String baseline() {
    return found.isHelms() ? found.upgrade("filters.recipe=baseline") : found.recipe(false) + APPLY;
  }

  /** The same with the SPIFFE ID that the server really has, which only a person can know. */
  String serverId() {
    return again()
        + (found.isHelms()
            ? "   # istio.trustDomain, and the release's namespace: as the server's certificate"
                + " says"
            : "   # --server-id: what the server's certificate says");
  }

  /** An EnvoyFilter of Kith's again, be it the recipe or an overlay. */
  String again(MeshObject object) {
    var filter = new KithFilter(object.tree(), objects.rootNamespace());
    if (filter.isHelms()) {
      return filter.upgrade();
    }
    if (filter.isKeptByServer()) {
      return "kubectl delete " + object.kubectl() + "   # Kith writes it anew";
    }
    return filter.isOverlay() ? filter.overlay() + APPLY : again();
  }

  /**
   * All of Kith anew, with the values that it has, and one image: without that the release's.
   *
   * @param image {@code KEY=VALUE} of the chart
   */
  String oneVersion(String image) {
    return (found.isHelms()
            ? found.renew(image)
            : "helm upgrade kith CHART -n kith --reset-then-reuse-values --set "
                + KithFilter.word(image))
        + "   # one version for all of its pods, and CHART of the same";
  }

  /** Another failure mode for a pod's workload. */
  String overlay(MeshPod pod, SidecarConfig sidecar, String mode) {
    if (objects.of("EnvoyFilter").stream().anyMatch(Recipe::isKeptByServer)) {
      return "kubectl describe kscope -n "
          + pod.namespace()
          + "   # Kith keeps overlays by itself: condition FailureMode says why it does not; or"
          + " make a Scope of "
          + pod.owner()
          + (mode.equals("open") ? " with mode observe" : "");
    }
    return "kith istio overlay "
        + pod.owner()
        + labels(pod)
        + agreed(sidecar)
        + " --failure "
        + mode
        + APPLY;
  }

  /** What an overlay has in common with the recipe; without that, with the sidecar. */
  private String agreed(SidecarConfig sidecar) {
    return found.object().present()
        ? (found.isStrict() ? " --recipe strict" : "") + found.settings()
        : (sidecar.hasGate() ? " --recipe strict" : "")
            + found.settings()
            + (sidecar.named(MeshNames.INBOUND_CONNECTION).findAny().isPresent()
                ? ""
                : " --no-inbound")
            + (sidecar.named(MeshNames.SPARED).findAny().isPresent() ? " --short-cut" : "");
  }

  private static boolean isKeptByServer(MeshObject filter) {
    return MeshOverlay.Writer.SERVER.wrote(filter.name());
  }

  /** What its pods have and no others of the namespace: one label if one is enough. */
  private String labels(MeshPod pod) {
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
        .filter(one -> isOnlyOf(pod, one))
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

  private boolean isOnlyOf(MeshPod pod, Map<String, Tree> labels) {
    return objects.pods().stream()
        .filter(other -> other.namespace().equals(pod.namespace()) && other.isSelectedBy(labels))
        .allMatch(other -> other.owner().equals(pod.owner()));
  }
}
