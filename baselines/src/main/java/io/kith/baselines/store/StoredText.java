package io.kith.baselines.store;

/** Text that every store gives back as it got it. */
final class StoredText {
  private StoredText() {}

  /** Refuses what a database would refuse or alter: NUL and halves of surrogate pairs. */
  static void check(String text, String what) {
    for (var i = 0; i < text.length(); i++) {
      var c = text.charAt(i);
      if (c == 0) {
        throw new IllegalArgumentException(what + ": holds NUL at " + i + " (expected: text)");
      }
      if (Character.isSurrogate(c)) {
        if (!Character.isHighSurrogate(c)
            || i + 1 == text.length()
            || !Character.isLowSurrogate(text.charAt(i + 1))) {
          throw new IllegalArgumentException(
              what + ": holds half a character at " + i + " (expected: text)");
        }
        i++;
      }
    }
  }

  /** The same, of a bounded length: an index holds no more. */
  static void check(String text, String what, int max) {
    if (text.isBlank() || text.length() > max) {
      throw new IllegalArgumentException(
          what + ": " + text.length() + " characters (expected: 1 to " + max + ")");
    }
    check(text, what);
  }
}
