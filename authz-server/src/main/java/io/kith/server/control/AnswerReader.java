package io.kith.server.control;

import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.Observation;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Candidate;
import io.kith.server.check.CheckRecord;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Takes an answer into the log of decisions and, where it may teach something, to the learner. */
final class AnswerReader {
  /*
   * Who shares a process class shares its edge, and the worst of them says what the edge is worth:
   * a copy of the program from a writable folder must not hide behind the program of the image.
   */
  private static final Comparator<Candidate> WORST_FIRST =
      Comparator.comparing((Candidate process) -> HandRule.isImageCode(process.fingerprint()))
          .thenComparing(process -> !process.fingerprint().execSession())
          .thenComparing(Candidate::quality);

  private final Function<Workload, GovernedWorkload> workloads;
  private final DecisionLog log;
  private final InstantSource clock;

  AnswerReader(
      Function<Workload, GovernedWorkload> workloads, DecisionLog log, InstantSource clock) {
    this.workloads = workloads;
    this.log = log;
    this.clock = clock;
  }

  void read(CheckRecord answered) {
    log.add(answered);
    if (answered.workload() == null) {
      return;
    }
    var workload = workloads.apply(answered.workload());
    workload.prune(clock.instant());
    var seen = observation(answered);
    if (seen != null) {
      workload.observe(seen, answered.decision().applied() instanceof Verdict.Allow);
    }
  }

  /** What the answer teaches, or null: a repeat, a lie, or a process that is not known for sure. */
  private static @Nullable Observation observation(CheckRecord answered) {
    var flow = answered.flow();
    if (answered.repeated() || flow == null || flow.resolved().mismatch() != null) {
      return null;
    }
    var process = onlyProcess(flow);
    return process == null
        ? null
        : new Observation(
            process, flow.resolved().destination(), answered.replica(), answered.time());
  }

  private static @Nullable Candidate onlyProcess(Flow flow) {
    if (!(flow.attribution() instanceof Attributed(var candidates, _, _))) {
      return null;
    }
    var oneClass = candidates.stream().map(Candidate::processClass).distinct().count() == 1;
    var sameIdentity =
        candidates.stream()
            .allMatch(
                process ->
                    process.attested().isEmpty() || process.attested().contains(flow.spiffeId()));
    return oneClass && sameIdentity ? candidates.stream().min(WORST_FIRST).orElse(null) : null;
  }
}
