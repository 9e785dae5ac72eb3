package io.kith.baselines.process;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * The code that an interpreter was given.
 *
 * @param path absolute path inside the process's root, a module name, {@code inline:} and the
 *     SHA-256 of the code, or {@code stdin}
 * @param sha256 64 lower-case hex digits, or null when not hashed
 * @param claimed read from memory that the process can write, not from its exec
 */
public record Script(String path, @Nullable String sha256, Origin origin, boolean claimed) {
  public Script {
    requireNonNull(path, "path");
    requireNonNull(origin, "origin");
    Sha256.check(sha256);
  }
}
