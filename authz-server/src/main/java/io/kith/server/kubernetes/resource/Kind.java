package io.kith.server.kubernetes.resource;

/** Kinds of Kith's group. */
enum Kind {
  EGRESS_ALLOW_LIST("EgressAllowList", "egressallowlists"),
  SCOPE("Scope", "scopes"),
  BASELINE("Baseline", "baselines");

  static final String GROUP = "kith.io";
  static final String VERSION = "v1";

  private final String word;
  private final String plural;

  Kind(String word, String plural) {
    this.word = word;
    this.plural = plural;
  }

  String word() {
    return word;
  }

  String plural() {
    return plural;
  }
}
