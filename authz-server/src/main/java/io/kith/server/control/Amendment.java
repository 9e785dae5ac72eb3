package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Approval;
import io.kith.baselines.change.Voucher;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one entry of the log of changes says.
 *
 * <p>Complete in itself: what it does depends on the entries before it and on nothing else, so that
 * every server that folds the log arrives at the same state.
 */
sealed interface Amendment {
  /** An amendment of one workload. */
  sealed interface OfWorkload extends Amendment {
    Owner owner();
  }

  /**
   * A scope has a mode from now on.
   *
   * @param steps revisions that come into force, or into shadow, with it
   */
  record SetMode(ScopeName scope, Mode mode, List<Step> steps) implements Amendment {
    /**
     * A revision that waits takes the place that the mode has for it.
     *
     * @param approvals that the server made for it, as far as it lacked them
     */
    record Step(Owner owner, String revision, List<Approval> approvals) {
      Step {
        requireNonNull(owner, "owner");
        requireNonNull(revision, "revision");
        approvals = List.copyOf(approvals);
      }
    }

    public SetMode {
      requireNonNull(scope, "scope");
      requireNonNull(mode, "mode");
      steps = List.copyOf(steps);
    }
  }

  /**
   * No command says a scope's mode any more: its object, kith.yaml or the scope around it does.
   *
   * @param mode that it had with that where it was written, for people. What it has follows from
   *     the entries before it and from kith.yaml
   */
  record InheritMode(ScopeName scope, Mode mode) implements Amendment {
    public InheritMode {
      requireNonNull(scope, "scope");
      requireNonNull(mode, "mode");
    }
  }

  /** A revision waits for a person. */
  record Propose(Owner owner, SignedBaseline signed) implements OfWorkload {}

  /** An approver signed edges. */
  record Approve(Owner owner, Approval approval) implements OfWorkload {}

  /** A revision that waited does so no more. */
  record Reject(Owner owner, String revision) implements OfWorkload {}

  /** The revision before the enforced one is enforced again. */
  record Rollback(Owner owner, String from, String to) implements OfWorkload {}

  /**
   * A rule by hand allows.
   *
   * @param edge by hand
   * @param approval needed where it leaves the mesh, else null
   */
  record Allow(Owner owner, Edge edge, @Nullable Approval approval) implements OfWorkload {}

  /** A rule by hand denies what the edge covers. */
  record Deny(Owner owner, Edge edge) implements OfWorkload {}

  /** Denied, and kept from being learned. */
  record Quarantine(Owner owner, Edge edge) implements OfWorkload {}

  /** A rule by hand is gone. */
  record Remove(Owner owner, String id) implements OfWorkload {}

  /** Somebody saw an edge or a decision. */
  record Ack(Owner owner, String id) implements OfWorkload {}

  /**
   * What was learned is forgotten.
   *
   * @param process of this class only, or null for all
   */
  record Relearn(Owner owner, @Nullable ProcessClass process) implements OfWorkload {}

  /**
   * Another environment vouches for edges.
   *
   * @param environment which; all vouchers are of it
   * @param to where this is. Null in entries of earlier versions, which have that in place of the
   *     environment: what they vouch for is replaced as well
   * @param withdrawn workloads for which it vouches no more; of others nothing is said
   */
  record Import(
      String environment,
      @Nullable String to,
      String keyId,
      List<Voucher> vouchers,
      List<Owner> withdrawn)
      implements Amendment {
    public Import {
      requireNonNull(environment, "environment");
      requireNonNull(keyId, "keyId");
      vouchers = List.copyOf(vouchers);
      withdrawn = List.copyOf(withdrawn);
      for (var voucher : vouchers) {
        if (!voucher.environment().equals(environment)) {
          throw new IllegalArgumentException(
              "vouchers: of '" + voucher.environment() + "' (expected: of '" + environment + "')");
        }
      }
    }
  }

  /**
   * The blast-radius guard lets an edge pass again for a while.
   *
   * @param revision under which it was denied
   * @param edge by hand, with an end
   */
  record Reopen(Owner owner, String revision, Edge edge) implements OfWorkload {}

  /**
   * An object of a cluster says how a scope is governed.
   *
   * @param declared null: no object speaks of it any more
   * @param steps revisions that come into force, or into shadow, with it
   */
  record Declare(ScopeName scope, @Nullable DeclaredScope declared, List<SetMode.Step> steps)
      implements Amendment {
    public Declare {
      requireNonNull(scope, "scope");
      steps = List.copyOf(steps);
      if (declared == null && !steps.isEmpty()) {
        throw new IllegalArgumentException("steps: " + steps.size() + " (expected: none)");
      }
    }
  }

  /**
   * An object of a cluster holds an allow-list.
   *
   * @param object its namespace and name
   * @param text the list; null: there is no such object any more
   */
  record WriteList(String object, @Nullable String text) implements Amendment {
    public WriteList {
      requireNonNull(object, "object");
    }
  }

  /** Its one word in the log. */
  default String kind() {
    return switch (this) {
      case SetMode _ -> "mode";
      case InheritMode _ -> "inherit";
      case Declare _ -> "declare";
      case WriteList _ -> "list";
      case Propose _ -> "propose";
      case Approve _ -> "approve";
      case Reject _ -> "reject";
      case Rollback _ -> "rollback";
      case Allow _ -> "allow";
      case Deny _ -> "deny";
      case Quarantine _ -> "quarantine";
      case Remove _ -> "remove";
      case Ack _ -> "ack";
      case Relearn _ -> "relearn";
      case Import _ -> "import";
      case Reopen _ -> "reopen";
    };
  }

  /** What it is about: an owner or a scope. */
  default String subject() {
    return switch (this) {
      case SetMode(var scope, _, _) -> scope.toString();
      case InheritMode(var scope, _) -> scope.toString();
      case Declare(var scope, _, _) -> scope.toString();
      case WriteList(var object, _) -> ClusterLists.nameOf(object);
      case Import _ -> new ScopeName.Mesh().toString();
      case OfWorkload one -> one.owner().toString();
    };
  }
}
