package io.kith.istio.doctor;

import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Who owns a pod: a ReplicaSet or Job that something else made counts as that. */
final class Owners {
  /** What owns pods and may be owned itself. */
  static final Set<String> BETWEEN = Set.of("ReplicaSet", "Job");

  private static final String HASH = "pod-template-hash";

  private Owners() {}

  /**
   * The owner, as {@code shop/deployment/cart}; a pod that nothing owns is its own.
   *
   * @param between ReplicaSets and Jobs by {@link #key}; may lack some, and names tell then
   */
  static String of(MeshObject pod, Map<String, MeshObject> between) {
    var reference = controller(pod);
    if (!reference.present()) {
      return pod.namespace() + "/pod/" + pod.name();
    }
    var kind = reference.at("kind").text();
    var name = reference.at("name").text();
    var known = between.get(key(pod.namespace(), kind, name));
    var above = known == null ? Tree.NOTHING : controller(known);
    return pod.namespace()
        + "/"
        + (above.present()
            ? word(above.at("kind").text()) + "/" + above.at("name").text()
            : known == null ? byName(pod, kind, name) : word(kind) + "/" + name);
  }

  static String key(String namespace, String kind, String name) {
    return namespace + "/" + kind + "/" + name;
  }

  private static Tree controller(MeshObject object) {
    return object.tree().at("metadata", "ownerReferences").stream()
        .filter(reference -> reference.at("controller").isTrue())
        .findFirst()
        .orElse(Tree.NOTHING);
  }

  private static String byName(MeshObject pod, String kind, String name) {
    var hash = "-" + pod.label(HASH);
    if (kind.equals("ReplicaSet") && hash.length() > 1 && name.endsWith(hash)) {
      return "deployment/" + name.substring(0, name.length() - hash.length());
    }
    if (kind.equals("Job") && name.matches(".+-\\d{8,10}")) { // as a CronJob names them
      return "cronjob/" + name.substring(0, name.lastIndexOf('-'));
    }
    return word(kind) + "/" + name;
  }

  private static String word(String kind) {
    return kind.toLowerCase(Locale.ROOT);
  }
}
