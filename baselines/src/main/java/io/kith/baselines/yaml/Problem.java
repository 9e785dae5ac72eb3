package io.kith.baselines.yaml;

import static java.util.Objects.requireNonNull;

/**
 * A mistake in a configuration, where it is and what would be right.
 *
 * @param where {@code kith.yaml:12:5} or {@code KITH_SERVER_DEADLINE}
 * @param key dotted path of the key, as {@code server.checks.listen}; may be empty
 * @param what what was wrong and what was expected, in one sentence
 */
public record Problem(String where, String key, String what) {
  public Problem {
    requireNonNull(where, "where");
    requireNonNull(key, "key");
    requireNonNull(what, "what");
  }

  /** For people, on one line. */
  @Override
  public String toString() {
    return key.isEmpty() ? where + ": " + what : where + ": " + key + ": " + what;
  }
}
