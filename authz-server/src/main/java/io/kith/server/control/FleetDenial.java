package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Reason;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;

/**
 * Denials by a check server of an edge that was approved once and that the enforced revision took
 * away, as it tells them its control server.
 *
 * @param revision that denied
 * @param pod first address of the pod, as its bridge registered it
 * @param count how often, from 1
 */
public record FleetDenial(
    Owner owner,
    String revision,
    IpAddress pod,
    long count,
    Candidate process,
    Destination destination,
    Reason reason) {
  public FleetDenial {
    requireNonNull(owner, "owner");
    requireNonNull(revision, "revision");
    requireNonNull(pod, "pod");
    requireNonNull(process, "process");
    requireNonNull(destination, "destination");
    requireNonNull(reason, "reason");
    if (count < 1) {
      throw new IllegalArgumentException("count: " + count + " (expected: from 1)");
    }
  }

  /**
   * Reads one.
   *
   * @param body as {@link #body} gave it
   * @throws IllegalArgumentException for anything else
   */
  public static FleetDenial read(
      Owner owner, String revision, IpAddress pod, long count, String body) {
    return CheckRecordJson.readDenial(owner, revision, pod, count, body);
  }

  /** Process, destination and reason, as JSON. */
  public String body() {
    return CheckRecordJson.write(this);
  }
}
