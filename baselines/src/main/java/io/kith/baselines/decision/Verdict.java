package io.kith.baselines.decision;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.edge.Edge;
import org.jspecify.annotations.Nullable;

/** The answer to a flow. */
public sealed interface Verdict {
  /**
   * It may pass.
   *
   * @param edge what allows it, or null when nothing had to
   */
  record Allow(@Nullable Edge edge) implements Verdict {}

  /**
   * It may not.
   *
   * @param nearest the edge that came closest, or null
   */
  record Deny(@Nullable Edge nearest, Reason reason) implements Verdict {
    public Deny {
      requireNonNull(reason, "reason");
    }
  }

  /** Its one word in logs and metrics. */
  default String word() {
    return switch (this) {
      case Allow _ -> "allow";
      case Deny _ -> "deny";
    };
  }
}
