package io.kith.baselines.allow;

import static java.util.Objects.requireNonNull;

import java.time.Instant;
import java.util.Map;

/**
 * When rules were needed.
 *
 * @param since from when on somebody watched
 * @param lastUsed last flow that a rule decided, by the rule's id
 */
public record Usage(Instant since, Map<String, Instant> lastUsed) {
  public Usage {
    requireNonNull(since, "since");
    lastUsed = Map.copyOf(lastUsed);
  }
}
