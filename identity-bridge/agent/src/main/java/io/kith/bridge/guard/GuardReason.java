package io.kith.bridge.guard;

import java.util.Locale;

/** Why something that left a pod did not go through its sidecar. */
public enum GuardReason {
  /**
   * TCP of the proxy's user or group, which is never redirected, by a process that is not the
   * proxy.
   */
  PROXY_USER(1, "runs as the proxy's user, which is not redirected, and is not the proxy"),
  /** TCP of an address family that is not redirected: mostly IPv6. */
  FAMILY(2, "an address family that is not redirected"),
  /** TCP to a port or block that is taken out of the redirection. */
  EXCLUDED(3, "a port or block that is taken out of the redirection"),
  /** TCP to a port of the pod's own proxy: its admin interface, or a listener dialled directly. */
  PROXY_PORT(4, "a port of the pod's own proxy, dialled directly"),
  /** UDP, other than to a resolver, within the pod or as a reply. */
  UDP(5, "UDP, which no sidecar sees"),
  /**
   * TCP whose first packet left the pod although it should have gone to the proxy: the redirection
   * is missing, or the socket was made as the proxy's user.
   */
  NOT_REDIRECTED(6, "left the pod though it should have been redirected"),
  /** Neither TCP nor UDP: an ICMP echo request, SCTP, a protocol of a raw socket. */
  OTHER_PROTOCOL(7, "neither TCP nor UDP"),
  /** UDP to a resolver by somebody else than the proxy: counted, and never refused. */
  RESOLVER(8, "asked a resolver");

  private final int code;
  private final String words;

  GuardReason(int code, String words) {
    this.code = code;
    this.words = words;
  }

  /** As the programs write it: 1 to 15. */
  int code() {
    return code;
  }

  /** Whether it went past the sidecar; else it is counted for who is on the node. */
  public boolean isPastSidecar() {
    return this != RESOLVER;
  }

  /** For people. */
  public String words() {
    return words;
  }

  /** For metrics. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  static GuardReason of(int code) {
    for (var reason : values()) {
      if (reason.code == code) {
        return reason;
      }
    }
    throw new IllegalArgumentException("reason " + code + " (expected: 1 to 8)");
  }
}
