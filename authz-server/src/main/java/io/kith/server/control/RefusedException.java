package io.kith.server.control;

import static java.util.Objects.requireNonNull;

/** A request of an operator that cannot be done; the message says what was wrong and what to do. */
public final class RefusedException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What kind of obstacle it is. */
  public enum Kind {
    /** The request itself is wrong. */
    INVALID,
    /** What it names does not exist. */
    NOT_FOUND,
    /** Something else has to happen first. */
    PRECONDITION,
    /** The store did not take it; the same may be tried again. */
    STORE,
    /** Too many ask for the same at once; it may be asked for again. */
    BUSY
  }

  private final Kind kind;

  private RefusedException(Kind kind, String message) {
    super(requireNonNull(message, "message"));
    this.kind = kind;
  }

  public static RefusedException invalid(String message) {
    return new RefusedException(Kind.INVALID, message);
  }

  public static RefusedException notFound(String message) {
    return new RefusedException(Kind.NOT_FOUND, message);
  }

  public static RefusedException precondition(String message) {
    return new RefusedException(Kind.PRECONDITION, message);
  }

  public static RefusedException store(String message) {
    return new RefusedException(Kind.STORE, message);
  }

  public static RefusedException busy(String message) {
    return new RefusedException(Kind.BUSY, message);
  }

  public Kind kind() {
    return kind;
  }

  /** The message, which is never absent. */
  public String words() {
    return requireNonNull(getMessage(), "message");
  }
}
