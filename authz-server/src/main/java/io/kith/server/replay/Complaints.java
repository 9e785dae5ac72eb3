package io.kith.server.replay;

import java.util.function.Consumer;

/** Lines that could not be read: told one by one up to a limit, counted, or the end of it all. */
final class Complaints {
  private static final int TOLD = 20;

  private final boolean strict;
  private final Consumer<String> listener;
  private long count;

  Complaints(boolean strict, Consumer<String> listener) {
    this.strict = strict;
    this.listener = listener;
  }

  /** Tells and counts a line, or throws when every line must be good. */
  void add(MalformedLineException malformed) throws MalformedLineException {
    if (strict) {
      throw malformed;
    }
    count++;
    if (count <= TOLD) {
      listener.accept(String.valueOf(malformed.getMessage()));
    } else if (count == TOLD + 1) {
      listener.accept("more malformed lines are only counted (--strict stops at the first)");
    }
  }

  long count() {
    return count;
  }
}
