package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;

/**
 * How a server follows control servers that has no store of its own.
 *
 * @param copy file for its own copy of the log
 * @param all holds all workloads, and not only those of the pods that run here
 */
public record Following(Path copy, boolean all) {
  public Following {
    requireNonNull(copy, "copy");
  }
}
