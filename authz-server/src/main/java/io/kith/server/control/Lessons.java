package io.kith.server.control;

import io.kith.baselines.change.BlastRadiusGuard.Denial;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.learning.Observation;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.RunningPod;
import java.lang.System.Logger.Level;
import java.time.InstantSource;
import java.util.Comparator;
import org.jspecify.annotations.Nullable;

/**
 * Takes an answer into the log of decisions and, where it may teach something, to the learner and
 * to the guard over a new revision.
 */
final class Lessons {
  private static final System.Logger LOG = System.getLogger(Lessons.class.getName());
  private static final String GUARD = "blast-radius guard";

  private final Workloads workloads;
  private final RunningPods pods;
  private final DecisionLog log;
  private final RuleUse use;
  private final @Nullable Journal journal;
  private final FleetDenials fleet;
  private final InstantSource clock;

  /**
   * Of a server.
   *
   * @param journal where the guard reopens edges, or null where that is not this server's to do
   * @param fleet gets the denials that count, where it is another server's to do
   */
  Lessons(
      Workloads workloads,
      RunningPods pods,
      DecisionLog log,
      RuleUse use,
      @Nullable Journal journal,
      FleetDenials fleet,
      InstantSource clock) {
    this.workloads = workloads;
    this.pods = pods;
    this.log = log;
    this.use = use;
    this.journal = journal;
    this.fleet = fleet;
    this.clock = clock;
  }

  void read(CheckRecord answered) {
    log.add(answered);
    if (answered.workload() == null) {
      return;
    }
    var workload = workloads.find(answered.workload().owner());
    if (workload == null) {
      return; // not held any more, or not yet
    }
    var now = clock.instant();
    workload.tick(false, now);
    use.note(answered);
    var pod = pods.podOf(answered, workload, now);
    var seen = observation(answered, workload.origin(), pod);
    if (seen == null) {
      return;
    }
    workload.observe(seen, answered.decision().applied() instanceof Verdict.Allow, now);
    var revision = answered.decision().revision();
    if (revision != null
        && answered.decision().mode() == Mode.ENFORCE
        && answered.decision().applied() instanceof Verdict.Deny(_, var reason)) {
      denied(
          workload,
          revision,
          pod,
          new Denial(
              seen.process(),
              seen.destination(),
              reason,
              seen.replica(),
              workload.replicas(now),
              now));
    }
  }

  private void denied(
      GovernedWorkload workload, String revision, @Nullable RunningPod pod, Denial denial) {
    if (journal != null) {
      reopen(workload, revision, denial, journal);
    } else if (pod != null && workload.isGuarded(denial)) {
      fleet.add(workload.owner(), revision, pod.address(), denial);
    }
  }

  /**
   * Takes a denial by a check server, which saw it at one of its pods.
   *
   * @param running how many pods of the workload all check servers together have
   * @return whether the guard counted it
   */
  boolean read(FleetDenial told, int running) {
    var workload = workloads.find(told.owner());
    if (workload == null
        || journal == null
        || !told.revision().equals(workload.guardedRevision())) {
      return false;
    }
    var now = clock.instant();
    var denial =
        new Denial(
            told.process(),
            told.destination(),
            told.reason(),
            told.pod().toString(),
            Math.max(running, workload.replicas(now)),
            now);
    if (!workload.isGuarded(denial)) {
      return false;
    }
    reopen(workload, told.revision(), denial, journal);
    return true;
  }

  private static void reopen(
      GovernedWorkload workload, String revision, Denial denial, Journal journal) {
    for (var reopened : workload.denied(denial)) {
      try {
        var added =
            journal.add(
                GUARD,
                reopened.why(),
                fold ->
                    new Journal.Drafted<>(
                        // a person may have taken it away since the guard began to look
                        fold.of(workload.owner()).life().isGone(reopened.edge())
                            ? new Amendment.Reopen(workload.owner(), revision, reopened.temporary())
                            : null,
                        reopened));
        if (added.changed()) {
          LOG.log(
              Level.WARNING,
              () ->
                  "an edge was reopened for an hour: owner="
                      + workload.owner()
                      + " edge="
                      + reopened.edge().id()
                      + " revision="
                      + revision);
        }
      } catch (RefusedException e) {
        workload.notReopened(reopened, denial.at());
        LOG.log(Level.WARNING, "an edge was not reopened", e);
      }
    }
  }

  /** What the answer teaches, or null: a repeat, a lie, or a process that is not known for sure. */
  private static @Nullable Observation observation(
      CheckRecord answered, Origin origin, @Nullable RunningPod pod) {
    var flow = answered.flow();
    if (answered.repeated() || flow == null || flow.resolved().mismatch() != null) {
      return null;
    }
    var process = onlyProcess(flow, origin);
    return process == null
        ? null
        : new Observation(
            process,
            flow.resolved().destination(),
            replica(answered, pod),
            answered.time(),
            pod == null ? null : pod.started());
  }

  private static String replica(CheckRecord answered, @Nullable RunningPod pod) {
    var address = pod == null ? answered.replica() : pod.address();
    return address == null ? "" : address.toString();
  }

  private static @Nullable Candidate onlyProcess(Flow flow, Origin origin) {
    if (!(flow.attribution() instanceof Attributed(var candidates, _, _))) {
      return null;
    }
    var oneClass = candidates.stream().map(Candidate::processClass).distinct().count() == 1;
    var sameIdentity =
        candidates.stream()
            .allMatch(
                process ->
                    process.attested().isEmpty() || process.attested().contains(flow.spiffeId()));
    return oneClass && sameIdentity
        ? candidates.stream().min(worstFirst(origin)).orElse(null)
        : null;
  }

  /*
   * Who shares a process class shares its edge, and the worst of them says what the edge is worth:
   * a copy of the program from a writable folder must not hide behind the program of the image.
   */
  private static Comparator<Candidate> worstFirst(Origin origin) {
    return Comparator.comparing(
            (Candidate process) -> RuleFromDecision.isOwnCode(process.fingerprint(), origin))
        .thenComparing(process -> !process.fingerprint().execSession())
        .thenComparing(Candidate::quality);
  }
}
