package io.kith.load.evasion;

/**
 * A way around Kith.
 *
 * @param name short, unique; a row of docs/threat-model.md
 * @param techniques of MITRE ATT&CK, by their ids
 * @param outcome what becomes of it
 * @param because what enforces or tells it, or why it is not covered
 * @param trial goes the way and asserts the outcome
 */
record Evasion(String name, String techniques, Outcome outcome, String because, Trial trial) {
  enum Outcome {
    /** Nothing of it arrives. */
    REFUSED("refused"),
    /** It arrives, attributed to the right process and counted. */
    SEEN("seen"),
    /** It arrives, and nobody can tell. */
    NOT_COVERED("not covered");

    private final String words;

    Outcome(String words) {
      this.words = words;
    }

    String words() {
      return words;
    }
  }

  /** Goes the way and asserts the outcome. */
  @FunctionalInterface
  interface Trial {
    void run(Intruder intruder) throws Exception;
  }

  static Evasion refused(String name, String techniques, String because, Trial trial) {
    return new Evasion(name, techniques, Outcome.REFUSED, because, trial);
  }

  static Evasion seen(String name, String techniques, String because, Trial trial) {
    return new Evasion(name, techniques, Outcome.SEEN, because, trial);
  }

  static Evasion notCovered(String name, String techniques, String because, Trial trial) {
    return new Evasion(name, techniques, Outcome.NOT_COVERED, because, trial);
  }

  /** For the names of tests. */
  @Override
  public String toString() {
    return name + " (" + techniques + ")";
  }
}
