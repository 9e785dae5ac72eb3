package io.kith.bridge.guard;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessFingerprint;
import org.jspecify.annotations.Nullable;

/**
 * What a process did past its sidecar, with how often since the bridge started.
 *
 * @param pod id of its network namespace
 * @param fingerprintId empty when the process is not known
 * @param fingerprint null when it is not
 * @param destination null for all that there was no room for
 * @param port 0 when the protocol has none
 * @param protocol of IP: 6 TCP, 17 UDP
 * @param seen connects for TCP, packets for the rest
 * @param refused of those
 */
public record GuardEvent(
    String pod,
    String fingerprintId,
    @Nullable ProcessFingerprint fingerprint,
    GuardReason reason,
    @Nullable IpAddress destination,
    int port,
    int protocol,
    long seen,
    long refused) {
  public GuardEvent {
    requireNonNull(pod, "pod");
    requireNonNull(fingerprintId, "fingerprintId");
    requireNonNull(reason, "reason");
  }

  /** For people. */
  public String words() {
    var what = fingerprint == null ? "a process that is not known" : fingerprint.words();
    var where =
        destination == null
            ? "other destinations"
            : (destination.bytes().length == 4 ? destination : "[" + destination + "]")
                + (port == 0 ? "" : ":" + port);
    return what
        + " → "
        + where
        + ", "
        + reason.words()
        + ": "
        + seen
        + (refused == 0 ? " seen" : " seen, " + refused + " refused");
  }
}
