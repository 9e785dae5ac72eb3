package io.kith.baselines.destination;

/** Why a destination has its name, weakest first. */
public enum Evidence {
  /** No name: the address itself. */
  ADDRESS("address"),
  /** A DNS answer that the pod received for the address. */
  DNS("DNS answer"),
  /** What the client said: TLS SNI or HTTP authority. Never outranks where the proxy routes. */
  CLIENT_NAME("name given by the client"),
  /** The cluster that the proxy routes to. */
  MESH_SERVICE("mesh service"),
  /** The owner of the address, from the directory. */
  OWNER("owner of the address");

  private final String words;

  Evidence(String words) {
    this.words = words;
  }

  /** For people. */
  public String words() {
    return words;
  }
}
