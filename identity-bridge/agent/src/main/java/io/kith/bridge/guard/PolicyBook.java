package io.kith.bridge.guard;

import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the servers say about pods. Of several servers the strictest counts, as long as they are
 * attached; what was last said stays when all of them are gone. Thread-safe.
 */
final class PolicyBook {
  private final Map<String, Map<String, GuardPolicy>> byServer = new HashMap<>();
  private final Map<String, GuardPolicy> last = new HashMap<>();

  /** Pods that were not there at the last look, and that nobody has spoken of since. */
  private Set<String> missing = new HashSet<>();

  /** A server says how these pods are guarded; what it said of others before stays. */
  synchronized void said(String server, Map<String, GuardPolicy> pods) {
    byServer.computeIfAbsent(server, _ -> new HashMap<>()).putAll(pods);
    pods.keySet().forEach(this::settle);
    missing.removeAll(pods.keySet());
  }

  /** A server is gone: what others say counts, else what it said last. */
  synchronized void gone(String server) {
    var said = byServer.remove(server);
    if (said != null) {
      said.keySet().forEach(this::settle);
    }
  }

  private void settle(String pod) {
    byServer.values().stream()
        .map(pods -> pods.get(pod))
        .filter(policy -> policy != null)
        .max(Comparator.comparing(GuardPolicy::mode))
        .ifPresent(policy -> last.put(pod, policy));
  }

  /** What holds for a pod, or null when no server has spoken about it. */
  synchronized @Nullable GuardPolicy of(String pod) {
    return last.get(pod);
  }

  /**
   * Forgets the pods that are gone: those that are not among these twice in a row, since one may
   * come and be spoken of after these were listed, and no server says the same again.
   */
  synchronized void keep(Set<String> pods) {
    var absent = new HashSet<>(last.keySet());
    absent.removeAll(pods);
    missing.retainAll(absent);
    last.keySet().removeAll(missing);
    byServer.values().forEach(said -> said.keySet().removeAll(missing));
    missing = absent;
  }
}
