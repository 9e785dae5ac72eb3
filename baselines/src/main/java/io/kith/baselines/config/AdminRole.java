package io.kith.baselines.config;

import java.util.Locale;

/** What somebody may do at the admin API; each role may do what those before it may. */
public enum AdminRole {
  /** Look. */
  VIEWER,
  /** Decide about baselines, rules and modes. */
  OPERATOR,
  /** Also forget what was learned, and take in what other environments vouch for. */
  ADMIN;

  /** For configuration, logs and people. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
