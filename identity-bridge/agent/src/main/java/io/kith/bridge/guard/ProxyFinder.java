package io.kith.bridge.guard;

import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.SockDiag.Listed;
import io.kith.bridge.ffm.SockDiag.State;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which cgroup is that of a pod's proxy: of the container that its runtime calls so, and where no
 * runtime can say, of who listens on the proxy's ports as its user.
 *
 * <p>The first listener that is found stays it for as long as a process of the pod is in that
 * cgroup. Of several at once it is the one whose socket was made first: a process that joins the
 * proxy's ports later does not become the proxy.
 *
 * <p>A proxy that has ended stays the one that counts, so that nobody is the proxy, until the
 * runtime names another container or somebody listens in a cgroup that came after it.
 */
final class ProxyFinder {
  /** The runtime cannot say. */
  static final long NOT_KNOWN = -1;

  private final Map<String, Known> known = new HashMap<>();

  /**
   * The latest proxy of a pod.
   *
   * @param beside cgroups that processes of the pod were in while it was there
   */
  private record Known(long cgroup, Set<Long> beside) {
    static final Known NONE = new Known(0, Set.of());
  }

  /**
   * The cgroup of the proxy, also when it has ended; 0 when there was none yet.
   *
   * @param told what the runtime says; -1 when it cannot say, 0 when the pod has no proxy now
   * @param own cgroups that processes of the pod are in
   * @param sockets of the pod's network, or null
   */
  long of(String pod, GuardPolicy policy, long told, Set<Long> own, @Nullable SockDiag sockets)
      throws KernelException {
    if (policy.proxyCgroup() != 0) {
      return policy.proxyCgroup();
    }
    var latest = known.getOrDefault(pod, Known.NONE);
    var now = told;
    if (told == NOT_KNOWN) {
      now = own.contains(latest.cgroup) ? latest.cgroup : listening(policy, latest, own, sockets);
    }
    if (now == 0) {
      return latest.cgroup;
    }
    known.put(pod, new Known(now, own));
    return now;
  }

  private static long listening(
      GuardPolicy policy, Known latest, Set<Long> own, @Nullable SockDiag sockets)
      throws KernelException {
    if (sockets == null) {
      return 0;
    }
    return sockets.list(State.LISTENING).stream()
        .filter(socket -> policy.proxyPorts().contains(socket.tuple().sourcePort()))
        .filter(socket -> socket.uid() == policy.proxyUid())
        .filter(socket -> own.contains(socket.cgroup()))
        .filter(socket -> !latest.beside.contains(socket.cgroup()))
        .min(Comparator.comparingLong(Listed::inode))
        .map(Listed::cgroup)
        .orElse(0L);
  }

  /** Forgets the pods that are not among these. */
  void keep(Set<String> pods) {
    known.keySet().retainAll(pods);
  }
}
