package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;

/**
 * What a person changed a scope's mode to.
 *
 * @param before the mode that it had
 * @param mode the mode that it has since
 * @param from what sets it, for people
 */
public record ModeChange(Mode before, Mode mode, String from) {
  public ModeChange {
    requireNonNull(before, "before");
    requireNonNull(mode, "mode");
    requireNonNull(from, "from");
  }

  static ModeChange of(ScopeName scope, Modes before, Modes since) {
    return new ModeChange(before.of(scope), since.of(scope), since.origin(scope));
  }
}
