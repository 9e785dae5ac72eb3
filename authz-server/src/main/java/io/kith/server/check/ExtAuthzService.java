package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import com.github.benmanes.caffeine.cache.Ticker;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.process.Attribution;
import io.kith.server.provenance.MeshKeys;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * Envoy's ext_authz service: reads a Check, finds who asks, asks which process it is, decides,
 * answers.
 *
 * <p>Each Check gets exactly one answer, within its deadline, as a verdict in a successful RPC;
 * whatever fails on the way becomes a verdict as well, and under enforce never permission. What is
 * found out too late is told to the policy, to be learned from. Nothing here blocks, so it may run
 * on the threads of the network.
 */
public final class ExtAuthzService {
  /** Left for the way back when the caller gives a deadline. */
  private static final Duration MARGIN = Duration.ofMillis(20);

  private static final BoundedLog LOG = new BoundedLog(ExtAuthzService.class, 10);

  private final CheckSettings settings;
  private final Reporters reporters;
  private final WorkloadDirectory directory;
  private final ProvenanceHeaders provenance;
  private final InboundChecks inbound;
  private final Policy policy;
  private final Sidecars sidecars;
  private final ProcessSource processes;
  private final CheckObserver observer;
  private final Deadlines deadlines;
  private final InstantSource clock;
  private final SharedFlows flows = new SharedFlows();
  private final SeenConnections seen = new SeenConnections(Ticker.systemTicker());
  private final WaitingPlaces waiting;

  public ExtAuthzService(
      CheckSettings settings,
      WorkloadDirectory directory,
      MeshKeys keys,
      Policy policy,
      ProcessSource processes,
      CheckObserver observer,
      Deadlines deadlines,
      InstantSource clock) {
    this.settings = requireNonNull(settings, "settings");
    this.reporters = new Reporters(settings.reporters(), directory);
    this.directory = requireNonNull(directory, "directory");
    this.provenance = new ProvenanceHeaders(keys, directory);
    this.inbound = new InboundChecks(keys, Set.copyOf(settings.probes()));
    this.policy = requireNonNull(policy, "policy");
    this.sidecars = policy.sidecars();
    this.processes = requireNonNull(processes, "processes");
    this.observer = requireNonNull(observer, "observer");
    this.deadlines = requireNonNull(deadlines, "deadlines");
    this.clock = requireNonNull(clock, "clock");
    this.waiting = new WaitingPlaces(settings.maxWaiting());
  }

  /** Checks that wait for a bridge now. */
  public int waiting() {
    return waiting.taken();
  }

  /**
   * Answers a Check.
   *
   * @param message a CheckRequest, encoded; null when what came cannot be read
   */
  public void handle(CheckCall check, byte @Nullable [] message) {
    try {
      check.deadlineNanos = check.startedNanos + budgetNanos(check.timeoutNanos);
      check.readNanos = System.nanoTime();
      check.read = clock.instant();
      // Not kept: what it waits with is what was read of it.
      var request = message == null ? CheckMessage.UNREADABLE : CheckMessage.read(message);
      check.http = request.hasHttp;
      check.facts = CheckFacts.read(request, check.metadata);
      switch (reporters.admit(check.peer, check.facts, check.read)) {
        case Reporters.Admission.Refused(var reporter, var reason) -> {
          check.reporter = reporter;
          answer(check, Outcome.denied(Mode.ENFORCE, reason));
        }
        case Reporters.Admission.Admitted(var reporter, var workload) -> {
          check.reporter = reporter;
          check.workload = workload;
          noteFilter(check);
          var snapshot = policy.ready(workload);
          if (snapshot == null) {
            awaitSnapshot(check, reporter, workload);
          } else {
            check.snapshot = snapshot;
            admitted(check, reporter, workload, snapshot);
          }
        }
      }
    } catch (Throwable thrown) {
      failed(check, thrown);
    }
  }

  /**
   * Answers a Check that was not read to its end, by the mode of who asks.
   *
   * @param why {@code overloaded} or {@code malformed}
   */
  public void refuse(CheckCall check, Reason why) {
    check.refused = why;
    handle(check, null);
  }

  /**
   * Nobody waits for the answer any more, if there was none yet; what was attempted is decided and
   * recorded all the same.
   */
  public void cancelled(CheckCall check) {
    if (!check.isClaimed()) {
      observer.cancelled();
    }
  }

  private void noteFilter(CheckCall check) {
    var pod =
        switch (requireNonNull(check.facts, "read")) {
          case CheckFacts.Connection connection -> connection.source().address();
          case CheckFacts.Request request -> request.destination().address();
          case CheckFacts.Malformed _ -> null;
        };
    if (pod == null) {
      return;
    }
    var failure = check.metadata.failure();
    // of loopback, and over a Unix socket, it may be any of millions
    if (sidecars.isNews(check.connection, pod, failure) && directory.at(pod) != null) {
      sidecars.said(check.connection, pod, failure);
    }
  }

  /** The time until a Check must be answered: ours, or the caller's less the way back. */
  private long budgetNanos(long timeoutNanos) {
    return Math.min(
        settings.deadline().toNanos(), timeoutNanos - Math.min(MARGIN.toNanos(), timeoutNanos / 4));
  }

  private void admitted(CheckCall check, SpiffeId reporter, Workload workload, Snapshot snapshot) {
    switch (requireNonNull(check.facts, "read")) {
      case CheckFacts.Malformed(var detail) -> answer(check, unreadable(check, snapshot, detail));
      case CheckFacts.Connection connection -> attribute(check, connection, reporter);
      case CheckFacts.Request request ->
          answer(
              check,
              inbound.decide(
                  request,
                  workload.owner(),
                  policy.inbound(workload),
                  snapshot.mode(),
                  now(check)));
    }
  }

  private Outcome unreadable(CheckCall check, Snapshot snapshot, String detail) {
    var refused = check.refused;
    return refused instanceof Reason.Overloaded
        ? failure(check, refused)
        : Outcome.undecided(
            snapshot.mode(), refused == null ? new Reason.Malformed(detail) : refused);
  }

  /** There is nothing to decide by yet: it comes before the deadline, or the Check fails. */
  private void awaitSnapshot(CheckCall check, SpiffeId reporter, Workload workload) {
    check.snapshot = policy.snapshot(workload); // for its mode, should there be no other in time
    if (isOneTooMany(check, reporter)) {
      return;
    }
    check.askedNanos = System.nanoTime();
    deadlines.add(new Late(check));
    var coming = policy.coming(workload);
    CompletionStage<?> come = coming == null ? CompletableFuture.completedStage(null) : coming;
    var _ =
        come.whenComplete(
            (_, thrown) -> {
              try {
                if (thrown != null) {
                  failed(check, thrown);
                } else if (!check.isClaimed()) {
                  var snapshot = policy.ready(workload);
                  if (snapshot == null) {
                    throw new IllegalStateException("released again: " + workload.owner());
                  }
                  check.snapshot = snapshot;
                  admitted(check, reporter, workload, snapshot);
                }
              } catch (Throwable again) {
                failed(check, again);
              }
            });
  }

  /** Whether more Checks wait than may; then it is answered. */
  private boolean isOneTooMany(CheckCall check, SpiffeId reporter) {
    if (check.waiting) {
      return false; // it waited for something else before
    }
    if (!waiting.take(reporter)) {
      answer(check, failure(check, new Reason.Overloaded()));
      return true;
    }
    check.waiting = true;
    return false;
  }

  private void attribute(CheckCall check, CheckFacts.Connection connection, SpiffeId reporter) {
    var now = check.waiting ? System.nanoTime() : check.readNanos;
    var left = check.deadlineNanos - now;
    if (left <= 0) {
      answer(check, failure(check, new Reason.Deadline()));
      return;
    }
    var query =
        new SocketQuery(
            connection.node(),
            connection.protocol(),
            connection.source(),
            connection.destination(),
            reporter,
            connection.connection(),
            Duration.ofNanos(Math.min(left, settings.bridgeTimeout().toNanos())));
    var known = processes.known(query, now);
    if (known != null && !(known.isUnasked() && isAheadOfItsName(connection))) {
      processes.used(known);
      check.known = known;
      decide(check, connection, reporter, known.attribution());
      return;
    }
    if (isOneTooMany(check, reporter)) {
      return;
    }
    check.askedNanos = System.nanoTime();
    var asked = processes.ask(query, late -> decide(check, connection, reporter, late));
    if (!asked.isDone()) {
      deadlines.add(new Late(check));
    }
    var _ =
        asked.whenComplete(
            (attribution, thrown) -> {
              if (thrown == null) {
                decide(check, connection, reporter, attribution);
              } else {
                failed(check, thrown);
              }
            });
  }

  /**
   * Whether it would go elsewhere if its pod was told what its client says, which its bridge may
   * not have handed on before it is asked.
   */
  private boolean isAheadOfItsName(CheckFacts.Connection connection) {
    var claimed = connection.claimedNames();
    if (claimed.isEmpty()) {
      return false;
    }
    var told =
        processes.names(
            connection.source().address(), connection.destination().address(), Set.of());
    if (told.containsAll(claimed)) {
      return false;
    }
    var now = connection.destinationFacts(told).resolve(directory);
    if (now.destination().evidence() != Evidence.ADDRESS) {
      return false; // it has a name, which counts before the client's
    }
    var then = connection.destinationFacts(claimed).resolve(directory);
    return !now.equals(then);
  }

  private void decide(
      CheckCall check,
      CheckFacts.Connection connection,
      SpiffeId reporter,
      Attribution attribution) {
    try {
      var snapshot = deciding(check);
      var answered =
          processes.names(
              connection.source().address(),
              connection.destination().address(),
              connection.claimedNames());
      var destination = connection.destinationFacts(answered).resolve(directory);
      var flow = flows.of(reporter, attribution, destination);
      var decision = Decider.decide(snapshot, flow, now(check));
      answer(check, new Outcome(decision, flow, null, snapshot));
    } catch (Throwable thrown) {
      failed(check, thrown);
    }
  }

  /** What decides now: it may have changed while the Check waited. */
  private Snapshot deciding(CheckCall check) {
    if (!check.waiting) {
      return requireNonNull(check.snapshot, "admitted");
    }
    var workload = requireNonNull(check.workload, "admitted");
    var snapshot = policy.ready(workload);
    if (snapshot == null) {
      throw new IllegalStateException("nothing to decide by any more: " + workload.owner());
    }
    return snapshot;
  }

  /** The mode of who asks, as it is now; null when that is not known. */
  private @Nullable Mode mode(CheckCall check) {
    var snapshot = check.snapshot;
    if (snapshot == null || !check.waiting) {
      return snapshot == null ? null : snapshot.mode();
    }
    try {
      return policy.snapshot(requireNonNull(check.workload, "admitted")).mode();
    } catch (Throwable thrown) {
      LOG.log(Level.WARNING, "mode of a check not found", Map.of(), thrown);
      return null;
    }
  }

  /** What is answered at once is decided as of the moment when it was read. */
  private Instant now(CheckCall check) {
    return check.waiting ? clock.instant() : check.read;
  }

  private void failed(CheckCall check, Throwable thrown) {
    LOG.log(Level.WARNING, "check failed inside", Map.of(), thrown);
    answer(check, failure(check, new Reason.Internal()));
  }

  /** What a Check gets that came late or failed; denied also when its mode is not known. */
  private Outcome failure(CheckCall check, Reason reason) {
    var mode = mode(check);
    return mode != null && settings.onFailure().allows(mode)
        ? Outcome.undecided(mode, reason)
        : Outcome.denied(mode == null ? Mode.ENFORCE : mode, reason);
  }

  private void answer(CheckCall check, Outcome outcome) {
    var answeredNanos = System.nanoTime();
    if (!claim(check)) {
      late(check, outcome);
      return;
    }
    try {
      var parent = check.parent();
      var told = outcome;
      CheckRecord record;
      byte[] response;
      try {
        var spared = Spared.by(check, told, directory, policy);
        told = told.to(spared.destination(), flows);
        record = record(check, told, parent);
        var passing = provenance.of(check, told, record.time());
        response = CheckAnswers.of(record, told.failure(), check.isHttp(), passing, spared);
      } catch (Throwable thrown) {
        LOG.log(Level.WARNING, "answer not made as decided", Map.of(), thrown);
        told = unsaid(check, outcome);
        record = record(check, told, parent);
        response =
            CheckAnswers.of(
                record, told.failure(), check.isHttp(), ProvenanceHeaders.NONE, Spared.NOTHING);
      }
      check.given = record;
      try {
        policy.record(record); // first: whoever has the answer finds it in all that is asked next
      } finally {
        check.send(response);
      }
      observer.answered(
          new Answered(
              record,
              told.failure(),
              check.facts,
              told.snapshot(),
              parent,
              check.read.minusNanos(check.readNanos - check.startedNanos),
              check.waiting ? answeredNanos - check.askedNanos : 0,
              answeredNanos - check.startedNanos));
    } catch (Throwable thrown) {
      LOG.log(Level.SEVERE, "check not answered as decided, or not recorded", Map.of(), thrown);
      check.sendLastResort();
    }
  }

  /** What is told when an answer could not be made: a denial stays one, all else failed. */
  private Outcome unsaid(CheckCall check, Outcome outcome) {
    return outcome.decision().applied() instanceof Verdict.Deny
        ? outcome
        : failure(check, new Reason.Internal());
  }

  private CheckRecord record(CheckCall check, Outcome outcome, @Nullable TraceParent parent) {
    var repeated = isRepeated(check, outcome);
    return new CheckRecord(
        Ids.decision(),
        parent == null ? Ids.trace() : parent.traceId(),
        now(check),
        check.reporter,
        check.workload,
        check.facts instanceof CheckFacts.Connection connection
            ? connection.source().address()
            : null,
        outcome.flow(),
        outcome.decision(),
        repeated,
        repeated
            && check.known != null
            && outcome.failure() == null
            && check.known.isRoutine(outcome.decision()),
        false);
  }

  /*
   * Only a connection whose process was known counts as seen: Envoy asks again when an answer does
   * not come, and the first that says who it was is the one to learn from.
   */
  private boolean isRepeated(CheckCall check, Outcome outcome) {
    var flow = outcome.flow();
    if (flow == null
        || !outcome.isOfAKnownProcess()
        || !(check.facts instanceof CheckFacts.Connection connection)
        || check.reporter == null) {
      return false;
    }
    var resolved = flow.resolved();
    var known = check.known;
    if (known != null && known.hasNoted(resolved)) {
      return true;
    }
    var again = seen.again(check.reporter, connection, resolved.destination());
    if (known != null) {
      known.note(resolved);
    }
    return again;
  }

  /**
   * What becomes known after the answer changes nothing of it, and is learned from all the same.
   */
  private void late(CheckCall check, Outcome outcome) {
    var given = check.given;
    var flow = outcome.flow();
    if (given != null
        && flow != null
        && outcome.isOfAKnownProcess()
        && !isRepeated(check, outcome)) {
      var known = given.late(flow, outcome.decision().subject());
      policy.record(known);
      observer.late(new Answered(known, null, check.facts, null, null, check.read, 0, 0));
    }
  }

  /** Takes the right to answer, once; and then it waits no more. */
  private boolean claim(CheckCall check) {
    if (!check.claim()) {
      return false;
    }
    if (check.waiting && check.reporter != null) {
      waiting.leave(check.reporter);
    }
    return true;
  }

  private final class Late implements Deadlines.Entry {
    private final CheckCall check;

    Late(CheckCall check) {
      this.check = check;
    }

    @Override
    public long deadlineNanos() {
      return check.deadlineNanos;
    }

    @Override
    public boolean isDone() {
      return check.isClaimed();
    }

    @Override
    public void expire() {
      answer(check, failure(check, new Reason.Deadline()));
    }
  }
}
