package io.kith.baselines.change;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;

/**
 * Another environment has seen a process class go to a destination: evidence for the learner, not a
 * permission.
 *
 * @param destination as it is called here
 * @param environment where it was seen
 * @param revision baseline that says so
 */
public record Voucher(
    Owner owner,
    ProcessClass process,
    DestinationPattern destination,
    String environment,
    String revision) {
  /** For people. */
  public String words() {
    return owner + ": " + process.words() + " → " + destination.words();
  }
}
