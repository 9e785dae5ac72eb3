package io.kith.bridge.process;

import io.kith.baselines.process.ProcessFingerprint;
import java.util.List;

/**
 * What a process turned out to be.
 *
 * @param id {@link FingerprintId} of the fingerprint
 * @param imageProved the executable is the one that the kernel saw, not what a name says now
 * @param remarks words about what is missing or late; may be empty
 */
public record Identified(
    String id, ProcessFingerprint fingerprint, boolean imageProved, List<String> remarks) {
  public Identified {
    remarks = List.copyOf(remarks);
  }
}
