package io.kith.server.kubernetes.resource;

import static java.util.Objects.requireNonNull;

import java.util.Comparator;
import java.util.Map;

/**
 * An object as the API server has it.
 *
 * @param created as RFC 3339 in UTC, so that texts order as times do
 * @param generation grows with every change of the spec
 * @param by who changed the spec last, as far as the object says: nobody proves that name
 * @param spec JSON
 * @param status JSON; empty before the first
 */
record ClusterObject(
    Kind kind,
    String namespace,
    String name,
    String uid,
    String created,
    long generation,
    String by,
    Map<String, Object> spec,
    Map<String, Object> status) {
  /** The older one counts where two say different things. */
  static final Comparator<ClusterObject> BY_AGE =
      Comparator.comparing(ClusterObject::created).thenComparing(ClusterObject::key);

  ClusterObject {
    requireNonNull(kind, "kind");
    spec = Map.copyOf(spec);
    status = Map.copyOf(status);
  }

  /** As {@code shop/checkout}. */
  String key() {
    return namespace + "/" + name;
  }

  /** Whether another is this very object with the same spec. */
  boolean saysTheSame(ClusterObject other) {
    return uid.equals(other.uid) && generation == other.generation;
  }

  /** For the log of changes. */
  String author() {
    return "kubernetes as " + by;
  }
}
