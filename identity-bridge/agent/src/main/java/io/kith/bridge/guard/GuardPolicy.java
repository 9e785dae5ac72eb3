package io.kith.bridge.guard;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.NetworkTarget;
import java.util.List;

/**
 * How the traffic of one pod is guarded, as the server says.
 *
 * @param mode refused under enforce only; under observe and shadow counted
 * @param proxyUid user of the proxy, whose connections are not redirected
 * @param proxyGid its group, likewise
 * @param proxyCgroup of the proxy's container; 0: whoever listens on the proxy's ports as its user
 * @param proxyPorts ports of the pod's own proxy that only the proxy may dial
 * @param redirectsV4 TCP over IPv4 is redirected to the proxy
 * @param redirectsV6 TCP over IPv6 is
 * @param resolvers where names may be asked for, over UDP and TCP, with their port
 * @param excluded TCP that is taken out of the redirection
 * @param approvedTcp TCP that may go past the sidecar
 * @param approvedUdp UDP that may
 */
public record GuardPolicy(
    Mode mode,
    int proxyUid,
    int proxyGid,
    long proxyCgroup,
    List<Integer> proxyPorts,
    boolean redirectsV4,
    boolean redirectsV6,
    List<NetworkTarget> resolvers,
    List<NetworkTarget> excluded,
    List<NetworkTarget> approvedTcp,
    List<NetworkTarget> approvedUdp) {
  /** Ports of Istio's sidecar: admin, both listeners, HBONE, pilot-agent, health, metrics. */
  public static final List<Integer> ISTIO_PORTS =
      List.of(15_000, 15_001, 15_004, 15_006, 15_008, 15_020, 15_021, 15_090);

  /** The most rules of one pod; more are refused as a whole. */
  public static final int MAX_TARGETS = 1_024;

  public GuardPolicy {
    requireNonNull(mode, "mode");
    proxyPorts = List.copyOf(proxyPorts);
    resolvers = List.copyOf(resolvers);
    excluded = List.copyOf(excluded);
    approvedTcp = List.copyOf(approvedTcp);
    approvedUdp = List.copyOf(approvedUdp);
    var targets = resolvers.size() + excluded.size() + approvedTcp.size() + approvedUdp.size();
    if (targets > MAX_TARGETS) {
      throw new IllegalArgumentException(
          "policy with " + targets + " destinations (expected: at most " + MAX_TARGETS + ")");
    }
    for (var port : proxyPorts) {
      if (port < 1 || port > 65_535) {
        throw new IllegalArgumentException("proxy port: " + port + " (expected: 1 to 65535)");
      }
    }
  }

  /** What holds for a pod about which no server has spoken: counted, nothing refused. */
  public static GuardPolicy unspoken(int proxyUid) {
    return new GuardPolicy(
        Mode.OBSERVE,
        proxyUid,
        proxyUid,
        0,
        ISTIO_PORTS,
        true,
        true,
        List.of(),
        List.of(),
        List.of(),
        List.of());
  }
}
