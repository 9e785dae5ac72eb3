package io.kith.baselines.decision;

import java.util.Locale;

/** What Kith does with a verdict. */
public enum Mode {
  /** Learn; allow. */
  OBSERVE,
  /** Decide by the revision that would be enforced, record the verdict, allow. */
  SHADOW,
  /** Decide and apply. */
  ENFORCE;

  /** For configuration, logs and people. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Reads {@link #word()}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Mode parse(String text) {
    for (var mode : values()) {
      if (mode.word().equals(text)) {
        return mode;
      }
    }
    throw new IllegalArgumentException(
        "mode: '" + text + "' (expected: observe, shadow or enforce)");
  }
}
