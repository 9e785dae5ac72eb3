package io.kith.baselines.process;

/** Where code came from. */
public enum Origin {
  /** A file of an image layer, unchanged. */
  IMAGE("image"),
  /** A file of the container's writable layer. */
  WRITABLE_LAYER("writable layer"),
  /** A file of a volume or bind mount. */
  MOUNT("mount"),
  /** Memory without a file. */
  MEMFD("memory"),
  /** A file that has no name left. */
  DELETED("deleted file"),
  /** A file of the host, outside every container. */
  HOST("host"),
  /** Not captured. */
  UNKNOWN("unknown");

  private final String words;

  Origin(String words) {
    this.words = words;
  }

  /** For people. */
  public String words() {
    return words;
  }
}
