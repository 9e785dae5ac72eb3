package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessFingerprint;
import org.jspecify.annotations.Nullable;

/**
 * What a guard refused in the kernel, past the sidecar, since its bridge told of it before.
 *
 * @param traceId of the span that tells of it: 32 hex digits
 * @param node whose guard it was
 * @param pod id of its network namespace
 * @param fingerprintId empty when the process is not known
 * @param fingerprint null when it is not
 * @param reason the guard's, as a word
 * @param destination null for all that the bridge had no room for
 * @param port 0 when the protocol has none
 * @param protocol of IP: 6 TCP, 17 UDP
 * @param refused connects for TCP, packets for everything else; at least 1
 */
public record GuardRefusal(
    String traceId,
    String node,
    String pod,
    String fingerprintId,
    @Nullable ProcessFingerprint fingerprint,
    String reason,
    @Nullable IpAddress destination,
    int port,
    int protocol,
    long refused) {
  public GuardRefusal {
    requireNonNull(traceId, "traceId");
    requireNonNull(node, "node");
    requireNonNull(pod, "pod");
    requireNonNull(fingerprintId, "fingerprintId");
    requireNonNull(reason, "reason");
  }

  /** Address and port, or {@code others}. */
  public String destinationWords() {
    return destinationWords(destination, port);
  }

  /** The same of a destination that was not refused. */
  public static String destinationWords(@Nullable IpAddress destination, int port) {
    if (destination == null) {
      return "others";
    }
    return (destination.isIpv4() ? destination : "[" + destination + "]")
        + ":"
        + Integer.toUnsignedString(port);
  }
}
