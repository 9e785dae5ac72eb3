package io.kith.baselines.config;

import java.util.Locale;

/** What a server does; {@code docs/roles.md} says where each has its place. */
public enum ServerRole {
  /** Everything; it may have check servers besides. */
  ALL,
  /** Keeps the store, learns, serves the admin API and check servers; answers no Checks. */
  CONTROL,
  /** Answers Checks by what a control server gives it; has no store and no admin API. */
  CHECK;

  /** As in {@code kith.yaml}. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether it answers Checks. */
  public boolean checks() {
    return this != CONTROL;
  }
}
