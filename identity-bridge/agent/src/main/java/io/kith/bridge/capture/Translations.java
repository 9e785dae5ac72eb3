package io.kith.bridge.capture;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Conntrack;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.Tuple;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the addresses of connections were before they were redirected to the proxy. Thread-safe. */
final class Translations {
  private static final IpAddress LOOPBACK_V4 = IpAddress.parse("127.0.0.1");
  private static final IpAddress LOOPBACK_V6 = IpAddress.parse("::1");

  private final List<Integer> proxyPorts;

  /**
   * @param proxyPorts where the proxy listens for redirected connections
   */
  Translations(List<Integer> proxyPorts) {
    this.proxyPorts = List.copyOf(proxyPorts);
  }

  /** What connection tracking says about a connection that the proxy has. */
  sealed interface Translation {
    /** There was none: the proxy was dialled. */
    record None() implements Translation {}

    /** This was it before NAT. */
    record Undone(Tuple tuple) implements Translation {}

    /** Nothing: its addresses may be as the proxy saw them. */
    record Unknown(String why) implements Translation {}

    /** It is another connection than the one asked about, so a match would be chance. */
    record Other(String why) implements Translation {}
  }

  /**
   * Turns the addresses back.
   *
   * @param conntrack of the pod, or null for the reason {@code why}
   * @param seen as the proxy has the connection, with the destination that it was made for
   */
  Translation undone(@Nullable Conntrack conntrack, String why, Tuple seen) {
    if (seen.source().isLoopback()) {
      return new Translation.None(); // sidecars redirect nothing on loopback
    }
    if (conntrack == null) {
      return new Translation.Unknown("connection tracking cannot be read: " + why);
    }
    Tuple other = null;
    var loopback = seen.source().isIpv4() ? LOOPBACK_V4 : LOOPBACK_V6;
    for (var port : proxyPorts) {
      try {
        var reply = new Tuple(loopback, port, seen.source(), seen.sourcePort());
        // The proxy may reset it: then its own next one to there, if it got the same port, would
        // be translated likewise and come back to it, were this not forgotten at once.
        var original = conntrack.original(reply);
        if (original != null
            && original.destination().equals(seen.destination())
            && original.destinationPort() == seen.destinationPort()) {
          return new Translation.Undone(original);
        }
        other = original == null ? other : original;
      } catch (KernelException e) {
        return new Translation.Unknown("connection tracking did not answer: " + e.getMessage());
      }
    }
    return other == null
        ? new Translation.Unknown(
            "not tracked as redirected: the addresses are taken as the proxy saw them")
        : new Translation.Other(
            "connection tracking knows this one as " + other + ", not as asked");
  }
}
