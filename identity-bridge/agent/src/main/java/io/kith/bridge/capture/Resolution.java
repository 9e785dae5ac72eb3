package io.kith.bridge.capture;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.process.Rung;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Who opened a connection.
 *
 * @param owners every process that may have; all of them count; empty when none is known
 * @param rung how they were found
 * @param natVerified connection tracking confirmed the addresses
 * @param originalSourcePort of the application's own socket
 * @param reasons words about what is missing or not perfect
 * @param opener the process as {@link Openers} has it, whose connections are all as certain as this
 *     one; null: there is none, or more than it stands to this one
 */
public record Resolution(
    List<Owner> owners,
    Rung rung,
    boolean natVerified,
    int originalSourcePort,
    List<String> reasons,
    Openers.@Nullable Opener opener) {
  public Resolution {
    owners = List.copyOf(owners);
    requireNonNull(rung, "rung");
    reasons = List.copyOf(reasons);
  }
}
