package io.kith.baselines.allow;

import static java.util.Objects.requireNonNull;

/**
 * Something that is not wrong and should not stay: a rule that people wrote, or an edge of a
 * baseline.
 *
 * @param where file, line and column of the rule, or {@code by hand: OWNER ID}, or the baseline
 * @param rule the rule in words
 * @param what what is the matter and what to do
 */
public record Finding(Kind kind, String where, String rule, String what) {
  /** What is the matter. */
  public enum Kind {
    /** No flow needed it for long. */
    UNUSED,
    /** A rule that denies covers all of it. */
    SHADOWED,
    /** Another rule or the baseline allows all of it already. */
    REDUNDANT,
    /** It allows more than a person can mean. */
    OVER_BROAD,
    /** It ends soon, or has ended. */
    EXPIRING,
    /** A rule by hand allows and has no end. */
    ENDLESS,
    /** It asks for a path and nothing else. */
    PATH_ONLY
  }

  public Finding {
    requireNonNull(kind, "kind");
    requireNonNull(where, "where");
    requireNonNull(rule, "rule");
    requireNonNull(what, "what");
  }

  /** For people, on one line. */
  @Override
  public String toString() {
    return where + ": " + rule + ": " + what;
  }
}
