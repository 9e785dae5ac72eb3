package io.kith.bridge.guard;

import io.kith.baselines.destination.NetworkTarget;
import io.kith.baselines.identity.IpAddress;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The judgement of {@link GuardPrograms} about TCP, for sockets that were opened before it held.
 *
 * @param proxyCgroup 0: not known
 * @param own addresses of the pod
 */
record PolicyJudge(GuardPolicy policy, long proxyCgroup, Set<IpAddress> own) {

  /**
   * Why a connection may not be, or null when it may.
   *
   * @param gid -1 when not known
   */
  @Nullable GuardReason against(IpAddress destination, int port, int uid, int gid, long cgroup) {
    var proxyUser = uid == policy.proxyUid() || gid == policy.proxyGid();
    if (proxyUser && (proxyCgroup == 0 || cgroup == proxyCgroup)) {
      return null;
    }
    var reason = reason(destination, port, proxyUser);
    return reason == null
            || covers(policy.approvedTcp(), destination, port)
            || covers(policy.resolvers(), destination, port)
        ? null
        : reason;
  }

  private @Nullable GuardReason reason(IpAddress destination, int port, boolean proxyUser) {
    if (destination.isLoopback() || own.contains(destination)) {
      return policy.proxyPorts().contains(port) ? GuardReason.PROXY_PORT : null;
    }
    if (proxyUser) {
      return GuardReason.PROXY_USER;
    }
    var redirected = destination.bytes().length == 4 ? policy.redirectsV4() : policy.redirectsV6();
    if (!redirected) {
      return GuardReason.FAMILY;
    }
    return covers(policy.excluded(), destination, port) ? GuardReason.EXCLUDED : null;
  }

  private static boolean covers(List<NetworkTarget> targets, IpAddress destination, int port) {
    return targets.stream()
        .anyMatch(
            target ->
                (target.port() == 0 || target.port() == port)
                    && destination.isIn(target.network().network(), target.network().prefix()));
  }
}
