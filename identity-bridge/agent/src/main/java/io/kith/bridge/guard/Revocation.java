package io.kith.bridge.guard;

import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.SockDiag.Listed;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Ends connections that are not allowed any more, a bounded number at each look. For one thread.
 */
final class Revocation {
  private static final int WAITING = 10_000;

  private final int atOnce;
  private final Deque<Doomed> waiting = new ArrayDeque<>();
  private final Map<String, Long> destroyed = new HashMap<>();
  private long all;
  private final Map<String, String> problems = new HashMap<>();

  /** How a connection is ended. */
  @FunctionalInterface
  interface Ending {
    /** Returns false when it is gone already. */
    boolean destroy(Listed socket) throws KernelException;
  }

  private record Doomed(String pod, Listed socket, Ending ending) {}

  /**
   * @param atOnce the most that are ended at one look
   */
  Revocation(int atOnce) {
    this.atOnce = atOnce;
  }

  /**
   * Puts a connection on the list; when that is full it stays open, which the pod's problem says.
   */
  void doom(String pod, Listed socket, Ending ending) {
    if (waiting.size() >= WAITING) {
      problems.put(pod, "more than " + WAITING + " connections were to be ended at once");
      return;
    }
    waiting.add(new Doomed(pod, socket, ending));
  }

  /** Ends some of those on the list. */
  void run() {
    for (var i = 0; i < atOnce && !waiting.isEmpty(); i++) {
      var doomed = waiting.remove();
      try {
        if (doomed.ending().destroy(doomed.socket())) {
          destroyed.merge(doomed.pod(), 1L, Long::sum);
          all++;
        }
      } catch (KernelException e) {
        failed(doomed.pod(), e);
      }
    }
  }

  /** The connections of a pod could not be looked at or ended. */
  void failed(String pod, KernelException why) {
    problems.put(
        pod,
        "connections that are not allowed any more stay open: "
            + why.getMessage()
            + " (CONFIG_INET_DIAG_DESTROY and CAP_NET_ADMIN are needed; without, the proxy's maximum"
            + " connection duration ends those that go through it)");
  }

  /** How many were ended, also of pods that are gone. */
  long all() {
    return all;
  }

  long destroyed(String pod) {
    return destroyed.getOrDefault(pod, 0L);
  }

  /** What went wrong for a pod, or empty. */
  String problem(String pod) {
    return problems.getOrDefault(pod, "");
  }

  /** How many wait. */
  int waiting() {
    return waiting.size();
  }

  /** Forgets the pods that are gone. */
  void keep(Set<String> pods) {
    var gone = new HashSet<>(destroyed.keySet());
    gone.addAll(problems.keySet());
    gone.removeAll(pods);
    gone.forEach(
        pod -> {
          destroyed.remove(pod);
          problems.remove(pod);
        });
    waiting.removeIf(doomed -> !pods.contains(doomed.pod()));
  }
}
