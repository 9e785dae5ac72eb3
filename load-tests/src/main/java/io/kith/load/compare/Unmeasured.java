package io.kith.load.compare;

/** A server cannot be measured in this way here; the message says why, and what to do. */
final class Unmeasured extends Exception {
  private static final long serialVersionUID = 1L;

  Unmeasured(String message) {
    super(message);
  }
}
