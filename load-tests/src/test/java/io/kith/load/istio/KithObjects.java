package io.kith.load.istio;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.kith.load.mesh.Mesh;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Kith's resources in a namespace of a real API server. */
record KithObjects(ControlPlane plane, String namespace) {
  /** As the client has it: null when it is not there. */
  GenericKubernetesResource object(String kind, String name) {
    return plane
        .client()
        .genericKubernetesResources("kith.io/v1", kind)
        .inNamespace(namespace)
        .withName(name)
        .get();
  }

  /** As {@code True Enforced: words}; empty when there is none of that generation. */
  String condition(String kind, String name, String type) {
    var object = object(kind, name);
    List<Map<String, Object>> conditions =
        object == null ? null : object.get("status", "conditions");
    return Stream.ofNullable(conditions)
        .flatMap(List::stream)
        .filter(one -> type.equals(one.get("type")))
        .filter(
            one ->
                kind.equals("Baseline")
                    || (one.get("observedGeneration") instanceof Number seen
                        && seen.longValue() == object.getMetadata().getGeneration()))
        .map(one -> one.get("status") + " " + one.get("reason") + ": " + one.get("message"))
        .findFirst()
        .orElse("");
  }

  void awaitCondition(String kind, String name, String type, String beginning)
      throws InterruptedException {
    try {
      Mesh.await(
          kind + " " + name + " has " + type + " " + beginning,
          Mesh.PATIENCE,
          () -> condition(kind, name, type).startsWith(beginning));
    } catch (IllegalStateException e) {
      throw new IllegalStateException(e.getMessage() + "; " + state(kind, name), e);
    }
  }

  /** As the API server has it now, in words. */
  private String state(String kind, String name) {
    var object = object(kind, name);
    return object == null
        ? "it is not there"
        : "it has generation %d and the status %s"
            .formatted(
                object.getMetadata().getGeneration(),
                object.getAdditionalProperties().get("status"));
  }
}
