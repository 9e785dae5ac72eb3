package io.kith.bridge.guard;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.Cidr;
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
    List<Target> resolvers,
    List<Target> excluded,
    List<Target> approvedTcp,
    List<Target> approvedUdp) {
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
      Target.requirePort(port, 1);
    }
  }

  /**
   * Addresses with a port.
   *
   * @param port 0: every port
   */
  public record Target(Cidr network, int port) {
    public Target {
      requireNonNull(network, "network");
      requirePort(port, 0);
    }

    private static void requirePort(int port, int least) {
      if (port < least || port > 65_535) {
        throw new IllegalArgumentException("port: " + port + " (expected: " + least + " to 65535)");
      }
    }

    /**
     * Reads {@code 10.0.0.0/8} or {@code 10.96.0.10:53}, {@code [fd00::a]:53}.
     *
     * @throws IllegalArgumentException for anything else
     */
    public static Target parse(String text) {
      if (text.startsWith("[")) {
        var end = text.indexOf(']');
        var port = end < 0 || end + 1 == text.length() ? "" : text.substring(end + 1);
        if (end > 0 && (port.isEmpty() || port.matches(":\\d{1,5}"))) {
          return new Target(
              Cidr.parse(text.substring(1, end)),
              port.isEmpty() ? 0 : Integer.parseInt(port.substring(1)));
        }
      } else {
        var colon = text.indexOf(':');
        var one = colon > 0 && text.indexOf(':', colon + 1) < 0;
        if (one && text.substring(colon + 1).matches("\\d{1,5}")) {
          return new Target(
              Cidr.parse(text.substring(0, colon)), Integer.parseInt(text.substring(colon + 1)));
        }
        if (!one) {
          return new Target(Cidr.parse(text), 0);
        }
      }
      throw new IllegalArgumentException(
          "'" + text + "' (expected: 10.0.0.0/8, 10.96.0.10:53 or [fd00::a]:53)");
    }

    @Override
    public String toString() {
      return (network.network().bytes().length == 4 ? network : "[" + network + "]")
          + (port == 0 ? "" : ":" + port);
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
