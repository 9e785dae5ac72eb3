package io.kith.load.mesh;

import io.kith.baselines.decision.Mode;
import java.util.List;
import java.util.Set;

/**
 * Something that breaks, with what passes meanwhile: a row of docs/failure.md.
 *
 * @param name short, unique
 * @param observe what passes while the workload is observed
 * @param shadow what passes under shadow
 * @param enforce what passes under enforce
 * @param proof what asserts the three of them
 */
record Fault(String name, Cell observe, Cell shadow, Cell enforce, Proof proof) {

  enum Answer {
    /** All of it passes. */
    PASSES("passes"),
    /** What the mode allows passes, and nothing else does. */
    AS_DECIDED("as decided"),
    /** What the mode allows passes where there was an answer in time, and nothing else does. */
    IN_TIME_OR_REFUSED("as decided where it is in time, else **refused**"),
    /** What people approved for the scope passes, and nothing else does. */
    APPROVED_OR_REFUSED("what is approved for the scope passes, else **refused**"),
    /** Nothing passes. */
    REFUSED("**refused**"),
    /** It does not come to that: the mode is not entered. */
    NOT_ENTERED("not entered");

    private final String words;

    Answer(String words) {
      this.words = words;
    }

    String words() {
      return words;
    }
  }

  /**
   * What passes.
   *
   * @param reason code that is recorded of what was not decided, or empty when nothing can be
   * @param why by what it is so, not empty where something undecided passes
   * @param counter begin of the lines of {@code /metrics} that count it, or empty when nothing does
   */
  record Cell(Answer answer, String reason, String why, String counter) {
    private Cell(Answer answer, String why) {
      this(answer, "", why, "");
    }

    static Cell passes(String why) {
      return new Cell(Answer.PASSES, why);
    }

    static Cell refused(String why) {
      return new Cell(Answer.REFUSED, why);
    }

    static Cell asDecided(String why) {
      return new Cell(Answer.AS_DECIDED, why);
    }

    static Cell inTimeOrRefused(String why) {
      return new Cell(Answer.IN_TIME_OR_REFUSED, why);
    }

    static Cell approvedOrRefused(String why) {
      return new Cell(Answer.APPROVED_OR_REFUSED, why);
    }

    static Cell notEntered(String why) {
      return new Cell(Answer.NOT_ENTERED, why);
    }

    /** The same, recorded with a reason. */
    Cell recordedAs(String code) {
      return new Cell(answer, code, why, counter);
    }

    /** The same, counted under a name with its first labels. */
    Cell countedAs(String lines) {
      return new Cell(answer, reason, why, lines);
    }

    /** For the page. */
    String words() {
      return answer.words()
          + (reason.isEmpty() ? "" : ", `" + reason + "`")
          + (why.isEmpty() ? "" : ": " + why);
    }
  }

  /** What asserts a row. */
  sealed interface Proof {
    /** {@link FailureTest}, with a whole mesh and the real Envoy, in each mode. */
    record WithEnvoy(Trouble begin, Trouble end) implements Proof {}

    /** Tests of a part. */
    record ByTests(List<Part> tests) implements Proof {}
  }

  /**
   * A test of a part.
   *
   * @param test {@code Class#method}
   * @param modes those in which it asks; none where the part knows no modes
   */
  record Part(String test, Set<Mode> modes) {}

  /** Breaks something, or mends it. */
  @FunctionalInterface
  interface Trouble {
    void happen(Breakage mesh) throws Exception;
  }

  static Fault withEnvoy(
      String name, Cell observe, Cell shadow, Cell enforce, Trouble begin, Trouble end) {
    return new Fault(name, observe, shadow, enforce, new Proof.WithEnvoy(begin, end));
  }

  static Fault byTests(String name, Cell observe, Cell shadow, Cell enforce, Part... tests) {
    return new Fault(name, observe, shadow, enforce, new Proof.ByTests(List.of(tests)));
  }

  static Part inEach(String test) {
    return under(test, Mode.values());
  }

  static Part under(String test, Mode... modes) {
    return new Part(test, Set.of(modes));
  }

  /** The part knows no modes: what comes of it in each is another row, or the same. */
  static Part ofAPart(String test) {
    return under(test);
  }

  Cell cell(Mode mode) {
    return switch (mode) {
      case OBSERVE -> observe;
      case SHADOW -> shadow;
      case ENFORCE -> enforce;
    };
  }

  /** For the names of tests. */
  @Override
  public String toString() {
    return name;
  }
}
