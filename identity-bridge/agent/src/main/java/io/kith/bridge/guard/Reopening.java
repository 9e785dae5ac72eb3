package io.kith.bridge.guard;

import io.kith.bridge.capture.Pod;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.SockDiag;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * Helps connections that cannot be opened because connection tracking takes them for another one,
 * which had the same addresses: a client's for the proxy's, or the other way round. For one thread.
 */
final class Reopening {
  /*
   * A connection of the proxy's own that the other end reset stays tracked for 10 s, as one that is not redirected,
   * and so is a connection of a client to there that gets the port: the guard drops its first packet. A client's that
   * the proxy reset stays tracked as redirected, and the proxy's own that gets its port would come back to the proxy
   * and be asked about as if it were a client's: dropped too. The bridge marks those that it is asked about at once
   * (Conntrack.original), but a proxy with more of them than it may ask about, or without an answer in time, asks
   * about none. Marked as one whose next is new, it is forgotten when that packet is sent again.
   */
  private static final int AT_ONCE = 1_000;

  private final Guard.Node node;
  private final Map<String, String> problems = new HashMap<>();

  Reopening(Guard.Node node) {
    this.node = node;
  }

  /** First packets of a pod's connections were dropped since the last look. */
  void look(Pod pod) {
    var sockets = node.sockets(pod);
    if (sockets == null) {
      return;
    }
    try {
      var connecting = sockets.list(SockDiag.State.CONNECTING);
      for (var socket : connecting.subList(0, Math.min(AT_ONCE, connecting.size()))) {
        node.letReopen(pod, socket.tuple());
      }
      problems.remove(pod.id());
    } catch (KernelException e) {
      problems.put(
          pod.id(),
          "connections that get the port of one that was reset may take seconds to open: "
              + e.getMessage());
    }
  }

  /** What went wrong for a pod, or empty. */
  String problem(String pod) {
    return problems.getOrDefault(pod, "");
  }

  /** Forgets the pods that are not among these. */
  void keep(Set<String> pods) {
    problems.keySet().retainAll(pods);
  }
}
