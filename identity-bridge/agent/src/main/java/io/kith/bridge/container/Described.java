package io.kith.bridge.container;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/** What is known of the container of a process. */
public sealed interface Described {
  /**
   * The runtime says what it is, and the kernel agrees.
   *
   * @param first its first process; null when that has ended
   */
  record Known(ContainerFacts facts, @Nullable FirstProcess first) implements Described {
    public Known {
      requireNonNull(facts, "facts");
    }
  }

  /** The process is in no container. */
  record Outside() implements Described {}

  /**
   * Nothing can be said, or not yet.
   *
   * @param why in words
   */
  record Unknown(String why) implements Described {
    public Unknown {
      requireNonNull(why, "why");
    }
  }
}
