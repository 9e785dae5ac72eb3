package io.kith.baselines.change;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Reason;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Notices that a new revision broke a workload, and reopens for an hour what it took away.
 *
 * <p>One guard watches one workload under one enforced revision. Times are passed in; not
 * thread-safe. It remembers only edges that were once approved, so what is denied to others costs
 * nothing and changes nothing.
 */
public final class BlastRadiusGuard {
  /*
   * An intruder may cause denials at will. None of these may count, or enforcement could be turned
   * off by being attacked:
   *
   *   - a flow that no once-approved edge covers: what observe let pass was never approved
   *   - code that is not from where the workload's code comes from, inline or injected: not the program that was approved
   *   - a reason other than new_process and new_destination: the rest is about the flow itself, or
   *     a person meant it
   *   - fewer than half of the replicas: a mistake in a revision hits all of them, an intruder few
   *
   * What counts reopens the edges that were denied, each once per revision, and nothing else.
   * Denials that do not count are not held against a budget either, so nobody can spend it.
   */
  /** How long an edge stays reopened. */
  public static final Duration REOPENED = Duration.ofHours(1);

  /** Denials on several replicas count together within this time. */
  public static final Duration WINDOW = Duration.ofMinutes(10);

  /** How long an edge that could not be reopened is not tried again. */
  public static final Duration AGAIN = Duration.ofSeconds(30);

  private final List<Edge> once;
  private final Origin origin;
  private final Map<String, Map<String, Instant>> replicasByEdge = new HashMap<>();
  private final Map<String, Instant> spent = new HashMap<>();

  /**
   * A guard for a revision that has just been enforced.
   *
   * @param onceApproved edges that earlier enforced revisions had and this one has not; without
   *     those that a person took away by name
   */
  public BlastRadiusGuard(List<Edge> onceApproved) {
    this(onceApproved, Origin.IMAGE);
  }

  /**
   * The same, of a workload that runs in containers or on the host.
   *
   * @param origin where the workload's code has to come from: image or host
   */
  public BlastRadiusGuard(List<Edge> onceApproved, Origin origin) {
    this.origin = requireNonNull(origin, "origin");
    this.once = onceApproved.stream().filter(edge -> edge.strictness() != Strictness.HASH).toList();
  }

  /**
   * A flow that was denied under enforce.
   *
   * @param replica the pod as the bridge attests it, never as the process names itself
   * @param replicas how many pods the workload has now
   */
  public record Denial(
      Candidate process,
      Destination destination,
      Reason reason,
      String replica,
      int replicas,
      Instant at) {
    public Denial {
      requireNonNull(process, "process");
      requireNonNull(destination, "destination");
      requireNonNull(reason, "reason");
      requireNonNull(replica, "replica");
      requireNonNull(at, "at");
      if (replicas < 1) {
        throw new IllegalArgumentException("replicas: " + replicas + " (expected: 1 or more)");
      }
    }
  }

  /** An edge that may pass again until a time. */
  public record Reopened(Edge edge, Instant until, String why) {
    /** The edge as a rule beside the baseline, which ends by itself. */
    public Edge temporary() {
      return Edge.byHand(
          edge.process(),
          edge.destination(),
          null,
          null,
          new Provenance.ByHand("blast-radius guard", why, until));
    }
  }

  /** Whether a denial is one that counts: of an edge that was approved and is not reopened yet. */
  public boolean counts(Denial denial) {
    return mayCount(denial)
        && once.stream().anyMatch(edge -> !isSpent(edge, denial.at()) && covers(edge, denial));
  }

  /** Takes note of a denial; the edges to be reopened because of it, mostly none. */
  public List<Reopened> denied(Denial denial) {
    if (!mayCount(denial)) {
      return List.of();
    }
    var reopened = new ArrayList<Reopened>();
    for (var edge : once) {
      if (!isSpent(edge, denial.at()) && covers(edge, denial)) {
        var seen = replicasByEdge.computeIfAbsent(edge.id(), _ -> new HashMap<>());
        seen.merge(denial.replica(), denial.at(), (one, other) -> one.isAfter(other) ? one : other);
        seen.values().removeIf(at -> at.isBefore(denial.at().minus(WINDOW)));
        if (seen.size() >= half(denial.replicas())) {
          spent.put(edge.id(), Instant.MAX);
          reopened.add(
              new Reopened(
                  edge,
                  denial.at().plus(REOPENED),
                  "approved before, and denied on "
                      + seen.size()
                      + " of "
                      + denial.replicas()
                      + " replicas since the new revision"));
        }
      }
    }
    return reopened;
  }

  /**
   * Takes back that an edge is reopened, as that could not be written: denials count again, after a
   * while.
   */
  public void notReopened(Edge edge, Instant at) {
    spent.put(edge.id(), at.plus(AGAIN));
  }

  private boolean isSpent(Edge edge, Instant at) {
    var until = spent.get(edge.id());
    return until != null && at.isBefore(until);
  }

  /** ⌈R/2⌉. */
  private static int half(int replicas) {
    return (replicas + 1) / 2;
  }

  private static boolean covers(Edge edge, Denial denial) {
    return edge.process().equals(denial.process().processClass())
        && edge.destination().covers(denial.destination())
        && !edge.provenance().endedAt(denial.at());
  }

  private boolean mayCount(Denial denial) {
    var fingerprint = denial.process().fingerprint();
    var script = fingerprint.script();
    return (denial.reason() instanceof Reason.NewProcess
            || denial.reason() instanceof Reason.NewDestination)
        && fingerprint.origin() == origin
        && fingerprint.entryKind() != EntryKind.INLINE
        && (script == null
            || script.origin() == origin
            || fingerprint.entryKind() == EntryKind.MODULE)
        && fingerprint.injectedMappings().isEmpty()
        && !fingerprint.execSession();
  }
}
