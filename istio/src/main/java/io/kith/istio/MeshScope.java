package io.kith.istio;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The sidecars that a failure mode is for; the most specific scope counts.
 *
 * @param namespace null: the whole mesh
 * @param name what the scope is called within its namespace; null: all of the namespace
 * @param labels of the pods of that name; empty without a name
 */
public record MeshScope(
    @Nullable String namespace, @Nullable String name, Map<String, String> labels) {
  /** The whole mesh. */
  public static final MeshScope MESH = new MeshScope(null, null, Map.of());

  public MeshScope {
    labels = Map.copyOf(labels);
    if (name != null && namespace == null) {
      throw new IllegalArgumentException("scope: " + name + " (expected: its namespace as well)");
    }
    if (name != null && labels.isEmpty()) {
      throw new IllegalArgumentException(
          "scope: "
              + name
              + " (expected: labels that its pods have, and no others of the namespace)");
    }
    if (name == null && !labels.isEmpty()) {
      throw new IllegalArgumentException(
          "selector: "
              + labels
              + " (expected: none, unless the scope is a workload: labels of the whole mesh would"
              + " open pods of every namespace)");
    }
  }

  /** All of a namespace. */
  public static MeshScope namespace(String namespace) {
    return new MeshScope(namespace, null, Map.of());
  }

  /**
   * Reads {@code *}, {@code NAMESPACE}, or an owner such as {@code shop/deployment/checkout}.
   *
   * @param labels of the owner's pods
   */
  public static MeshScope parse(String text, Map<String, String> labels) {
    if (text.equals("*")) {
      return new MeshScope(null, null, labels);
    }
    var parts = text.split("/", -1);
    if ((parts.length != 1 && parts.length != 3) || text.matches(".*[^A-Za-z0-9./-].*")) {
      throw new IllegalArgumentException(
          "scope: '" + text + "' (expected: *, NAMESPACE or NAMESPACE/KIND/NAME)");
    }
    for (var part : parts) {
      if (part.isEmpty()) {
        throw new IllegalArgumentException(
            "scope: '" + text + "' (expected: *, NAMESPACE or NAMESPACE/KIND/NAME)");
      }
    }
    return parts.length == 1
        ? new MeshScope(text, null, labels)
        : new MeshScope(parts[0], parts[1] + "-" + parts[2], labels);
  }

  /** How much more it counts than the recipe. */
  int rank() {
    return namespace == null ? 1 : name == null ? 2 : 3;
  }
}
