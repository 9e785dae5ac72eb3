package io.kith.server.control;

/** The words with which people say why. */
final class Notes {
  static final int MAX = 1_000;

  private Notes() {}

  /**
   * Refuses a note that says nothing, or that no log should have.
   *
   * @param what what it should say
   */
  static void require(String note, String what) throws RefusedException {
    if (note.isBlank()) {
      throw RefusedException.invalid("note: blank (expected: " + what + ")");
    }
    if (note.length() > MAX) {
      throw RefusedException.invalid(
          "note: " + note.length() + " characters (expected: at most " + MAX + ")");
    }
    if (note.indexOf('\0') >= 0) {
      throw RefusedException.invalid("note: has a NUL (expected: " + what + ")");
    }
  }
}
