package io.kith.bridge.ffm;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The processors for which the kernel keeps lists of its own, as in its LRU maps: those of the
 * machine, of which a container may be given fewer.
 */
public final class Processors {
  private static final Path POSSIBLE = Path.of("/sys/devices/system/cpu/possible");

  private Processors() {}

  /** How many there may be, from 1; where the kernel does not say, those that this process has. */
  public static int possible() {
    try {
      return count(Files.readString(POSSIBLE));
    } catch (IOException | IllegalArgumentException _) {
      return Runtime.getRuntime().availableProcessors();
    }
  }

  /**
   * Numbers up to the last one.
   *
   * @param list as the kernel writes it, such as {@code 0-3,8-11}
   * @throws IllegalArgumentException when it is none
   */
  static int count(String list) {
    var text = list.strip();
    return Integer.parseInt(
            text.substring(Math.max(text.lastIndexOf('-'), text.lastIndexOf(',')) + 1))
        + 1;
  }
}
