package io.kith.load.compare;

/** Whom Envoy asks, by its name in the output. */
enum Authorizer {
  /** Nobody: the recipe without its filters. */
  NONE("none", "no filter"),
  /** Envoy itself: its RBAC filters allow the same. */
  RBAC("rbac", "Envoy's RBAC filter"),
  NULL_JAVA_DIRECT("null-java-direct", "null gRPC-Java, direct"),
  OPA("opa", "OPA-Envoy"),
  KITH("kith", "Kith"),
  /** Kith, about connections only: their requests are spared a Check. */
  KITH_SHORT_CUT("kith-shortcut", "Kith, with the short cut");

  private final String id;
  private final String words;

  Authorizer(String id, String words) {
    this.id = id;
    this.words = words;
  }

  /** As in JSON and on the command line. */
  String id() {
    return id;
  }

  /** For people. */
  String words() {
    return words;
  }

  /** A server is asked. */
  boolean asks() {
    return this != NONE && this != RBAC;
  }

  /** Refuses what is not in its policy. */
  boolean decides() {
    return this != NONE && this != NULL_JAVA_DIRECT;
  }

  /** Envoy proves its pod's identity to the server. */
  boolean takesTls() {
    return asks() && this != OPA;
  }

  boolean isKith() {
    return this == KITH || this == KITH_SHORT_CUT;
  }

  /** Whether it makes a difference to that kind of request. */
  boolean isFor(EnvoyShape shape) {
    return this != KITH_SHORT_CUT || shape == EnvoyShape.l7;
  }
}
