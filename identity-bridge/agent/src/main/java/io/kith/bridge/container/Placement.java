package io.kith.bridge.container;

import static java.util.Objects.requireNonNull;

/** Where the kernel says that a process is. */
public sealed interface Placement {
  /** In no container that a runtime of this node made, or gone. */
  record Outside() implements Placement {}

  /**
   * In a container.
   *
   * @param id of the container: 64 hex digits
   */
  record In(String id) implements Placement {
    public In {
      requireNonNull(id, "id");
    }
  }

  /**
   * Not to be told.
   *
   * @param why in words
   */
  record Unclear(String why) implements Placement {
    public Unclear {
      requireNonNull(why, "why");
    }
  }
}
