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
 */
final class ProxyFinder {
  /** The runtime cannot say. */
  static final long NOT_KNOWN = -1;

  private final Map<String, Long> known = new HashMap<>();

  /**
   * The cgroup of the proxy; 0 when there is none yet.
   *
   * @param told what the runtime says; -1 when it cannot say, 0 when the pod has no proxy
   * @param own cgroups that processes of the pod are in
   * @param sockets of the pod's network, or null
   */
  long of(String pod, GuardPolicy policy, long told, Set<Long> own, @Nullable SockDiag sockets)
      throws KernelException {
    if (policy.proxyCgroup() != 0) {
      return policy.proxyCgroup();
    }
    if (told != NOT_KNOWN) {
      known.remove(pod);
      return told;
    }
    var before = known.get(pod);
    if (before != null && own.contains(before)) {
      return before;
    }
    if (sockets == null) {
      return 0;
    }
    var first =
        sockets.list(State.LISTENING).stream()
            .filter(socket -> policy.proxyPorts().contains(socket.tuple().sourcePort()))
            .filter(socket -> socket.uid() == policy.proxyUid())
            .filter(socket -> own.contains(socket.cgroup()))
            .min(Comparator.comparingLong(Listed::inode));
    if (first.isEmpty()) {
      known.remove(pod);
      return 0;
    }
    known.put(pod, first.get().cgroup());
    return first.get().cgroup();
  }

  /** Forgets the pods that are not among these. */
  void keep(Set<String> pods) {
    known.keySet().retainAll(pods);
  }
}
