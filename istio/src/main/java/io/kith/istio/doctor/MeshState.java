package io.kith.istio.doctor;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a mesh beside its sidecars.
 *
 * @param rootNamespace where EnvoyFilters are for all of the mesh
 * @param objects of the API server as parsed YAML or JSON; lists of them as well
 * @param status what {@code kith status -o json} prints, parsed, or null when nobody asked
 * @param metrics what Kith's servers count, in Prometheus' form, one after another, or null when
 *     nobody asked
 * @param now when all of it was read
 */
public record MeshState(
    String rootNamespace,
    List<? extends Map<String, ?>> objects,
    @Nullable Map<String, ?> status,
    @Nullable String metrics,
    Instant now) {
  /** With which the kind of a list ends. */
  private static final String LIST = "List";

  public MeshState {
    requireNonNull(rootNamespace, "rootNamespace");
    requireNonNull(now, "now");
    objects = List.copyOf(objects);
  }

  /** The objects, sorted by what kind they are. */
  MeshObjects sorted() {
    var byKind = new LinkedHashMap<String, List<MeshObject>>();
    for (var object : objects) {
      add(byKind, new Tree(object));
    }
    var between = new HashMap<String, MeshObject>();
    for (var kind : Owners.BETWEEN) {
      for (var object : byKind.getOrDefault(kind, List.of())) {
        between.put(Owners.key(object.namespace(), kind, object.name()), object);
      }
    }
    var pods =
        byKind.getOrDefault("Pod", List.of()).stream()
            .map(pod -> new MeshPod(pod, Owners.of(pod, between)))
            .filter(pod -> !pod.isOver())
            .toList();
    return new MeshObjects(rootNamespace, byKind, pods);
  }

  private static void add(Map<String, List<MeshObject>> byKind, Tree tree) {
    if (tree.at("items").value() instanceof List<?>) {
      var kind = tree.at("kind").text();
      if (kind.length() > LIST.length() && kind.endsWith(LIST)) {
        byKind.computeIfAbsent(
            kind.substring(0, kind.length() - LIST.length()), _ -> new ArrayList<>());
      }
      tree.at("items").list().forEach(item -> add(byKind, item));
    } else {
      var object = MeshObject.of(tree);
      byKind.computeIfAbsent(object.kind(), _ -> new ArrayList<>()).add(object);
    }
  }
}
