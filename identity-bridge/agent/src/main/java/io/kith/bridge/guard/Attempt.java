package io.kith.bridge.guard;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.capture.OwnerRecord;
import java.util.Arrays;

/**
 * What a process tried past its sidecar, with how often.
 *
 * @param cgroup that is guarded, not necessarily the process's own
 * @param port of the destination; 0 when the protocol has none
 * @param protocol of IP: 6 TCP, 17 UDP
 * @param owner who connected or sent first; all zero when the socket is older than the guard
 * @param seen since it was first seen; packets, where it is not TCP
 * @param refused of those
 */
record Attempt(
    long cgroup,
    IpAddress destination,
    int port,
    int protocol,
    GuardReason reason,
    Owner owner,
    long seen,
    long refused) {

  static Attempt of(byte[] key, byte[] value, boolean withImage) {
    return new Attempt(
        GuardRecord.number(key, 0),
        GuardRecord.address(key, GuardRecord.ATTEMPT_ADDRESS),
        GuardRecord.shortNumber(key, GuardRecord.ATTEMPT_PORT),
        key[GuardRecord.ATTEMPT_PROTOCOL] & 0xff,
        GuardReason.of(key[GuardRecord.ATTEMPT_REASON]),
        OwnerRecord.owner(
            Arrays.copyOfRange(value, GuardRecord.OWNER, GuardRecord.ATTEMPT_BYTES), withImage),
        GuardRecord.number(value, GuardRecord.SEEN),
        GuardRecord.number(value, GuardRecord.REFUSED));
  }
}
