package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.WorkloadDirectory;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How a server follows control servers that has no store of its own.
 *
 * @param copy file for its own copy of the log
 * @param pods tells whose pods run here, so that only their workloads are held; null to hold all
 */
public record Following(Path copy, @Nullable WorkloadDirectory pods) {
  public Following {
    requireNonNull(copy, "copy");
  }
}
