package io.kith.load.compare;

/** A server under comparison, by its name in the output. */
enum Contender {
  /** Kith, asked about sockets that it was asked about before. */
  KITH("kith", "Kith, known sockets"),
  /** Kith, asked about another socket each time, so that its bridge is asked each time. */
  KITH_BRIDGE("kith-bridge", "Kith, new sockets"),
  NULL_JAVA_DIRECT("null-java-direct", "null gRPC-Java, direct"),
  NULL_JAVA("null-java", "null gRPC-Java, default"),
  NULL_GO("null-go", "null gRPC-Go"),
  OPA("opa", "OPA-Envoy");

  private final String id;
  private final String words;

  Contender(String id, String words) {
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

  /** Its program is compiled while it runs. */
  boolean isJava() {
    return this != NULL_GO && this != OPA;
  }

  boolean isKith() {
    return this == KITH || this == KITH_BRIDGE;
  }
}
