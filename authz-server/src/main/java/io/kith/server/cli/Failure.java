package io.kith.server.cli;

import static java.util.Objects.requireNonNull;

/** A command that cannot be done; the message is for the person who gave it. */
final class Failure extends Exception {
  private static final long serialVersionUID = 1L;

  private final int exitCode;

  private Failure(int exitCode, String message) {
    super(requireNonNull(message, "message"));
    this.exitCode = exitCode;
  }

  /** Refused, or not found. */
  static Failure refused(String message) {
    return new Failure(Kith.REFUSED, message);
  }

  /** Wrong arguments. */
  static Failure usage(String message) {
    return new Failure(Kith.USAGE, message);
  }

  /** No server answers. */
  static Failure unreachable(String message) {
    return new Failure(Kith.UNREACHABLE, message);
  }

  int exitCode() {
    return exitCode;
  }
}
