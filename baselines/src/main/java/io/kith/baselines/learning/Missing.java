package io.kith.baselines.learning;

import java.time.Duration;
import java.util.Locale;

/** One thing that learning still needs. */
public sealed interface Missing {
  /** The workload has not been seen at all. */
  record Start() implements Missing {}

  /** So much more of observation. */
  record Time(Duration left) implements Missing {}

  /** Runs of a job. */
  record Runs(int had, int needed) implements Missing {}

  /** So much more without a new edge. */
  record Quiet(Duration left) implements Missing {}

  /**
   * Less to be unseen.
   *
   * @param deficit estimated share of the traffic, 0 to 1
   * @param most the share that may be
   */
  record Coverage(double deficit, double most) implements Missing {}

  /** For people. */
  default String words() {
    return switch (this) {
      case Start() -> "the first connection";
      case Time(var left) -> Learner.words(left) + " more of observation, or the end of a test run";
      case Runs(var had, var needed) -> had + " of " + needed + " runs";
      case Quiet(var left) -> Learner.words(left) + " more without a new edge";
      case Coverage(var deficit, var most) ->
          String.format(
              Locale.ROOT,
              "less to be unseen: an estimated %.1f %% of the traffic (at most %.1f %%)",
              deficit * 100,
              most * 100);
    };
  }
}
