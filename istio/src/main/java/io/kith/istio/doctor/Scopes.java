package io.kith.istio.doctor;

import java.util.Locale;

/** Modes that people asked for by objects of kind Scope. */
final class Scopes {
  private Scopes() {}

  /** The most specific scope's mode for a pod; empty where there is none. */
  static String mode(MeshPod pod, MeshObjects objects) {
    var ofMesh = "";
    var ofNamespace = "";
    for (var scope : objects.of("Scope")) {
      var mode = scope.spec().at("mode").text();
      var workload = scope.spec().at("workload");
      if (workload.present()) {
        var owner =
            scope.namespace()
                + "/"
                + workload.at("kind").text().toLowerCase(Locale.ROOT)
                + "/"
                + workload.at("name").text();
        if (owner.equals(pod.owner())) {
          return mode;
        }
      } else if (scope.namespace().equals(pod.namespace())) {
        ofNamespace = mode;
      } else if (scope.namespace().equals(objects.rootNamespace())) {
        ofMesh = mode;
      }
    }
    return ofNamespace.isEmpty() ? ofMesh : ofNamespace;
  }
}
