package io.kith.istio.doctor;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Objects by their kinds.
 *
 * @param pods that are not over
 */
record MeshObjects(String rootNamespace, Map<String, List<MeshObject>> byKind, List<MeshPod> pods) {
  private static final String INJECTION = "istio-injection";
  static final String REVISION = "istio.io/rev";
  private static final String INJECT = "sidecar.istio.io/inject";
  private static final String SELECTOR = "workloadSelector";

  /** When an object was made; of several Sidecars the first counts. */
  static final String CREATED = "creationTimestamp";

  List<MeshObject> of(String kind) {
    return byKind.getOrDefault(kind, List.of());
  }

  /** Whether objects of this kind were asked for, though there may be none. */
  boolean isRead(String kind) {
    return byKind.containsKey(kind);
  }

  /** Namespaces whose pods get sidecars. */
  Set<String> injected() {
    return of("Namespace").stream()
        .filter(
            namespace ->
                namespace.label(INJECTION).isEmpty()
                    ? !namespace.label(REVISION).isEmpty()
                    : namespace.label(INJECTION).equals("enabled"))
        .map(MeshObject::name)
        .collect(Collectors.toSet());
  }

  /** Whether somebody said that a pod gets no sidecar. */
  static boolean isOptedOut(MeshPod pod) {
    var label = pod.object().label(INJECT);
    return (label.isEmpty() ? pod.object().annotation(INJECT) : label).equals("false");
  }

  /** Text of a key in one of Istio's own maps. */
  String istio(String map, String key) {
    return of("ConfigMap").stream()
        .filter(one -> one.namespace().equals(rootNamespace) && one.name().equals(map))
        .map(one -> one.tree().at("data", key).text())
        .findFirst()
        .orElse("");
  }

  /** The one Sidecar that istiod goes by for a pod; null where there is none. */
  @Nullable MeshObject sidecarOf(MeshPod pod) {
    return of("Sidecar").stream()
        .filter(
            sidecar ->
                sidecar.spec().at(SELECTOR).present()
                    ? sidecar.namespace().equals(pod.namespace())
                        && pod.isSelectedBy(sidecar.spec().at(SELECTOR, "labels").entries())
                    : sidecar.namespace().equals(pod.namespace())
                        || sidecar.namespace().equals(rootNamespace))
        .min(
            Comparator.comparing(
                    (MeshObject sidecar) -> !sidecar.namespace().equals(pod.namespace()))
                .thenComparing(sidecar -> !sidecar.spec().at(SELECTOR).present())
                .thenComparing(sidecar -> sidecar.tree().at("metadata", CREATED).text())
                .thenComparing(MeshObject::name))
        .orElse(null);
  }

  /** The version of istiod by its image, or null where no pod of it is known. */
  @Nullable Version istiod() {
    for (var pod : pods()) {
      if (pod.object().label("app").equals("istiod")) {
        for (var container : pod.containers()) {
          var image = container.spec().at("image").text();
          var version = Version.parse(image.substring(image.lastIndexOf(':') + 1));
          if (version != null) {
            return version;
          }
        }
      }
    }
    return null;
  }
}
