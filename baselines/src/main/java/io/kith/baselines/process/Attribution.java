package io.kith.baselines.process;

import static java.util.Objects.requireNonNull;

import java.util.List;

/** What is known about the process behind a connection. */
public sealed interface Attribution {
  /**
   * Every process that may have opened the socket or been handed it; all of them must be allowed.
   *
   * @param candidates at least one
   * @param reasons words about what is not perfect; may be empty
   */
  record Attributed(List<Candidate> candidates, Rung rung, List<String> reasons)
      implements Attribution {
    public Attributed {
      candidates = List.copyOf(candidates);
      if (candidates.isEmpty()) {
        throw new IllegalArgumentException("candidates: none (expected: Unattributed instead)");
      }
      requireNonNull(rung, "rung");
      reasons = List.copyOf(reasons);
    }
  }

  /**
   * A bridge answered that it does not know.
   *
   * @param rung the best that the node could do
   */
  record Unattributed(Rung rung, List<String> reasons) implements Attribution {
    public Unattributed {
      requireNonNull(rung, "rung");
      reasons = List.copyOf(reasons);
    }
  }

  /** No bridge answered. */
  record BridgeUnavailable(String why) implements Attribution {
    public BridgeUnavailable {
      requireNonNull(why, "why");
    }
  }

  /** What there is to say about how the answer was found; may be empty. */
  default List<String> remarks() {
    return switch (this) {
      case Attributed(_, _, var reasons) -> reasons;
      case Unattributed(_, var reasons) -> reasons;
      case BridgeUnavailable(var why) -> List.of(why);
    };
  }

  /** The rung of the answer. */
  default Rung foundBy() {
    return switch (this) {
      case Attributed(_, var rung, _) -> rung;
      case Unattributed(var rung, _) -> rung;
      case BridgeUnavailable _ -> Rung.NONE;
    };
  }
}
