package io.kith.load.tools;

/**
 * A program that a run needs is not there and could not be fetched; the message says what is
 * missing and how to get it.
 */
public final class MissingToolException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public MissingToolException(String message) {
    super(message);
  }
}
