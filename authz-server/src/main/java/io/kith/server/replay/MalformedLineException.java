package io.kith.server.replay;

/** A line that is not what it should be; the message names file, line and what was expected. */
public final class MalformedLineException extends Exception {
  private static final long serialVersionUID = 1L;

  MalformedLineException(String place, String problem) {
    super(place + ": " + problem, null, false, false);
  }
}
