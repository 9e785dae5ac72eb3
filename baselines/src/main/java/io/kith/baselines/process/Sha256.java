package io.kith.baselines.process;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The text form of a SHA-256: 64 lower-case hex digits. */
final class Sha256 {
  private static final Pattern FORM = Pattern.compile("[0-9a-f]{64}");

  private Sha256() {}

  static void check(@Nullable String text) {
    if (text != null && !FORM.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "sha256: '" + text + "' (expected: 64 lower-case hex digits)");
    }
  }
}
