package io.kith.server.verb;

import static java.util.Objects.requireNonNull;

/** A command that cannot be done; the message is for the person who gave it. */
public final class Failure extends Exception {
  /** Exit code: refused, failed or not found. */
  public static final int REFUSED = 1;

  /** Exit code: wrong arguments. */
  public static final int USAGE = 2;

  /** Exit code: no server answers. */
  public static final int UNREACHABLE = 3;

  /** Exit code: done, and there is something to look at: findings, or differences. */
  public static final int FOUND = 4;

  private static final long serialVersionUID = 1L;

  private final int exitCode;

  private Failure(int exitCode, String message) {
    super(requireNonNull(message, "message"));
    this.exitCode = exitCode;
  }

  /** Refused, or not found. */
  public static Failure refused(String message) {
    return new Failure(REFUSED, message);
  }

  /** Wrong arguments. */
  public static Failure usage(String message) {
    return new Failure(USAGE, message);
  }

  /** No server answers. */
  public static Failure unreachable(String message) {
    return new Failure(UNREACHABLE, message);
  }

  public int exitCode() {
    return exitCode;
  }
}
