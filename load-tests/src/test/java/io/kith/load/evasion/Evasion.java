package io.kith.load.evasion;

import java.util.EnumSet;
import java.util.Set;

/**
 * A way around Kith.
 *
 * @param name short, unique; a row of docs/threat-model.md
 * @param techniques of MITRE ATT&CK, by their ids
 * @param outcome what becomes of it
 * @param because what enforces or tells it, or why it is not covered
 * @param places where it is gone, at least one
 * @param trial goes the way and asserts the outcome
 */
record Evasion(
    String name,
    String techniques,
    Outcome outcome,
    String because,
    Set<Place> places,
    Trial trial) {
  Evasion {
    places = Set.copyOf(places);
  }

  /** What the pod is made of. */
  enum Place {
    /** Namespaces, cgroups and an overlay. */
    NAMESPACES("namespaces"),
    /** A container of a Docker Engine. */
    CONTAINER("container");

    private final String words;

    Place(String words) {
      this.words = words;
    }

    String words() {
      return words;
    }
  }

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

  private static Evasion of(
      String name, String techniques, Outcome outcome, String because, Trial trial) {
    return new Evasion(name, techniques, outcome, because, EnumSet.allOf(Place.class), trial);
  }

  /** The same, gone in one place only. */
  Evasion onlyIn(Place place) {
    return new Evasion(name, techniques, outcome, because, Set.of(place), trial);
  }

  static Evasion refused(String name, String techniques, String because, Trial trial) {
    return of(name, techniques, Outcome.REFUSED, because, trial);
  }

  static Evasion seen(String name, String techniques, String because, Trial trial) {
    return of(name, techniques, Outcome.SEEN, because, trial);
  }

  static Evasion notCovered(String name, String techniques, String because, Trial trial) {
    return of(name, techniques, Outcome.NOT_COVERED, because, trial);
  }

  /** For the names of tests. */
  @Override
  public String toString() {
    return name + " (" + techniques + ")";
  }
}
