package io.kith.istio.doctor;

import java.util.Locale;
import java.util.Map;

/**
 * An object of the API server.
 *
 * @param namespace empty for what belongs to none
 */
record MeshObject(String kind, String namespace, String name, Tree tree) {
  static MeshObject of(Tree tree) {
    var metadata = tree.at("metadata");
    return new MeshObject(
        tree.at("kind").text(), metadata.at("namespace").text(), metadata.at("name").text(), tree);
  }

  Map<String, Tree> labels() {
    return tree.at("metadata", "labels").entries();
  }

  String label(String key) {
    return tree.at("metadata", "labels", key).text();
  }

  String annotation(String key) {
    return tree.at("metadata", "annotations", key).text();
  }

  Tree spec() {
    return tree.at("spec");
  }

  /** As a finding names it. */
  String subject() {
    return (namespace.isEmpty() ? "" : namespace + "/")
        + kind.toLowerCase(Locale.ROOT)
        + "/"
        + name;
  }

  /** As {@code kubectl} wants it. */
  String kubectl() {
    return kind.toLowerCase(Locale.ROOT)
        + " "
        + name
        + (namespace.isEmpty() ? "" : " -n " + namespace);
  }
}
