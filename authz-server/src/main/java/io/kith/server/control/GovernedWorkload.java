package io.kith.server.control;

import io.kith.baselines.change.BlastRadiusGuard;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.learning.Instance;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.Observation;
import io.kith.baselines.learning.Vouchers;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One workload: what the log of changes and the allow-lists say of it, what it learns, and the
 * snapshot compiled from both.
 *
 * <p>The snapshot is compiled when a Check first asks for it, and given up when none did for long:
 * most workloads of a large mesh are at rest. Where compiling fails, there is none until it can be
 * compiled: that of before may allow what was denied since. Thread-safe; reading the snapshot of
 * one that is not at rest takes no lock.
 */
final class GovernedWorkload {
  /** Since the last Check, until the snapshot is given up. */
  static final Duration REST_AFTER = Duration.ofMinutes(10);

  private static final System.Logger LOG = System.getLogger(GovernedWorkload.class.getName());
  private static final Duration CIRCUMSTANCES_AGE = Duration.ofSeconds(10);

  private final Workload workload;
  private final Owner owner;
  private final Origin origin;
  private final Fold fold;
  private final Function<Owner, HandRules> files;
  private final InstantSource clock;
  private final LongAdder failures;
  private final LongAdder unread = new LongAdder();
  private final WorkloadLearning learning;
  private volatile Refusals refusals = new Refusals();
  private volatile DeclaredVouchers vouchers = new DeclaredVouchers(List.of(), List.of());
  private volatile @Nullable Snapshot snapshot;
  private volatile @Nullable Throwable problem;

  /** A Check asked since {@link #rest}. Not volatile: it may be seen late, and rests later then. */
  private boolean used;

  private Instant lastUsed = Instant.MIN;
  private volatile Inbound inbound = Inbound.ACCEPT;
  private Standing standing;
  private Mode asked = Mode.OBSERVE;
  private List<Edge> byHand = List.of();
  private @Nullable Approvals approvals;
  private @Nullable Compiled enforcedRules;
  private @Nullable Compiled waitingRules;
  private @Nullable Baseline learnedFrom;
  private @Nullable BlastRadiusGuard guard;
  private @Nullable Baseline guarded;
  private Instant circumstancesUntil = Instant.MIN;

  /**
   * @param files what the allow-lists say of an owner now
   * @param failures counts every time that it could not be compiled
   */
  GovernedWorkload(
      Workload workload,
      Learners learners,
      Fold fold,
      Function<Owner, HandRules> files,
      InstantSource clock,
      LongAdder failures) {
    this.clock = clock;
    this.failures = failures;
    this.workload = workload;
    this.owner = workload.owner();
    this.origin = Learners.originOf(workload);
    this.fold = fold;
    this.files = files;
    this.standing = Standing.none(owner);
    Vouchers now =
        (process, destination, external, digests) ->
            vouchers.vouch(process, destination, external, digests);
    this.learning =
        new WorkloadLearning(() -> learners.of(workload, now), fold.of(owner).relearned());
  }

  Owner owner() {
    return owner;
  }

  /** As it was known when it began to be governed. */
  Workload workload() {
    return workload;
  }

  Origin origin() {
    return origin;
  }

  /**
   * What to decide by; null while there is a {@link #problem}. Of one at rest it is compiled now:
   * less than a millisecond, mostly.
   */
  @Nullable Snapshot snapshot() {
    var compiled = snapshot;
    if (!used) {
      used = true;
    }
    return compiled == null ? wake() : compiled;
  }

  private synchronized @Nullable Snapshot wake() {
    if (snapshot == null && problem == null) {
      attempt(
          () -> {
            var now = clock.instant();
            lastUsed = now;
            compile(now);
          });
    }
    return snapshot;
  }

  private void attempt(Runnable compiling) {
    var before = problem;
    try {
      compiling.run();
      problem = null;
      if (before != null) {
        LOG.log(Level.INFO, "{0} is compiled: it is decided about again", owner);
      }
    } catch (RuntimeException | Error thrown) {
      failures.increment();
      snapshot = null;
      enforcedRules = null;
      waitingRules = null;
      problem = thrown;
      if (before == null) {
        LOG.log(
            Level.ERROR,
            owner
                + " could not be compiled: its Checks are refused as internal under enforce until"
                + " it can, and it is tried again every few seconds",
            thrown);
      }
    }
  }

  /** Why its latest change could not be compiled; null when it is up to date. */
  @Nullable Throwable problem() {
    return problem;
  }

  /** The mode by what the log says now, compiled or not. */
  Mode current() {
    return applied(fold.modes().of(owner), fold.of(owner));
  }

  /** Gives up the snapshot when no Check asked for long. */
  synchronized void rest(Instant now) {
    if (used) {
      used = false;
      lastUsed = now;
    } else if (snapshot != null && !now.isBefore(lastUsed.plus(REST_AFTER))) {
      snapshot = null;
      enforcedRules = null;
      waitingRules = null;
    }
  }

  /** Whether no snapshot is held. */
  boolean isAtRest() {
    return snapshot == null;
  }

  /** What is applied: under enforce without a baseline, observe. */
  synchronized Mode mode() {
    return applied(asked, standing);
  }

  private static Mode applied(Mode asked, Standing standing) {
    return asked == Mode.ENFORCE && standing.life().enforced() == null ? Mode.OBSERVE : asked;
  }

  /** What is asked of requests that come in to it. */
  Inbound inbound() {
    return inbound;
  }

  /** What all servers know by now; merged for the asker, who may decide nothing by writing it. */
  Learner learner() {
    return learning.whole();
  }

  WorkloadLearning learning() {
    return learning;
  }

  /**
   * What only a person may bring into the baseline, because it was refused, as of now. Under
   * enforce that is everything outside of the newest revision that nobody allowed by hand: what was
   * refused is remembered by this server alone, and until it restarts.
   */
  synchronized Predicate<Edge> refused(Instant now) {
    var remembered = refusals;
    if (asked != Mode.ENFORCE || standing.life().enforced() == null) {
      return remembered::include;
    }
    // copied, since who asks holds the learner, which is never held before this
    var passing =
        Stream.concat(approved().stream(), byHand.stream().filter(rule -> isCurrent(rule, now)))
            .map(Life.Granted::by)
            .collect(Collectors.toSet());
    return edge -> remembered.include(edge) || !passing.contains(Life.Granted.by(edge));
  }

  /** Whether it has an identity to speak with, and so something to learn. */
  boolean speaks() {
    return !workload.spiffeIds().isEmpty();
  }

  /** Connections that nobody had time to learn from. */
  long unread() {
    return unread.sum();
  }

  synchronized Mode asked() {
    return asked;
  }

  /** What sets the mode that is asked for, in words. */
  String modeFrom() {
    return fold.modes().origin(owner);
  }

  synchronized Standing standing() {
    return standing;
  }

  /**
   * Takes what the log and the allow-lists say by now, and compiles it unless at rest. Where that
   * fails there is a {@link #problem}, until a call succeeds.
   */
  synchronized void refresh(Instant now) {
    attempt(
        () -> {
          take(now);
          if (snapshot != null || problem != null) {
            compile(now);
          }
        });
  }

  private void take(Instant now) {
    var modes = fold.modes();
    standing = fold.of(owner);
    approvals = null;
    asked = modes.of(owner);
    inbound = modes.inbound(owner);
    byHand = Standing.current(standing.allowed(), now.minus(Standing.KEPT_AFTER_END));
    var rules = rules();
    vouchers = new DeclaredVouchers(standing.vouchers(), rules.allowed());
    if (!Objects.equals(learnedFrom, standing.life().newest())) {
      learnedFrom = standing.life().newest();
      learning.decided(learnedFrom);
    }
    watch(standing.life().enforced());
  }

  /** What people wrote for it, in files and by hand, without what is allowed by an edge. */
  private HandRules rules() {
    var written = files.apply(owner);
    return new HandRules(
        written.allowed(),
        Stream.concat(standing.denied().stream().map(RuleByHand::of), written.denied().stream())
            .toList(),
        standing.quarantined().stream().map(RuleByHand::of).toList());
  }

  /**
   * Rules with all that they were compiled from: compiling is what costs, and modes are no part.
   */
  private record Compiled(Baseline baseline, List<Edge> byHand, HandRules written, Rules rules) {
    /** Those before, where they are of the same. */
    static @Nullable Compiled of(
        @Nullable Baseline baseline,
        List<Edge> byHand,
        HandRules written,
        @Nullable Compiled before) {
      if (baseline == null) {
        return null;
      }
      return before != null
              && before.baseline.equals(baseline)
              && before.byHand.equals(byHand)
              && before.written.equals(written)
          ? before
          : new Compiled(baseline, byHand, written, Rules.of(baseline, byHand, written));
    }
  }

  /** Under enforce the enforced baseline decides; without one the workload stays in observe. */
  private void compile(Instant now) {
    var rules = rules();
    var life = standing.life();
    var waiting = life.waiting();
    var enforced = life.enforced();
    var first = Compiled.of(enforced, byHand, rules, enforcedRules);
    var second =
        Compiled.of(waiting == null ? null : waiting.baseline(), byHand, rules, waitingRules);
    enforcedRules = first;
    waitingRules = second;
    snapshot =
        new Snapshot(
            mode(),
            fold.modes().unattributedAllowed(owner),
            origin,
            first == null ? null : first.rules(),
            second == null ? null : second.rules(),
            learning.circumstances(now));
    circumstancesUntil = now.plus(CIRCUMSTANCES_AGE);
  }

  /** A guard watches for what this revision took away, without what a person took away by name. */
  private void watch(@Nullable Baseline enforced) {
    if (Objects.equals(guarded, enforced)) {
      return;
    }
    guarded = enforced;
    guard = null;
  }

  /** Made when something is denied, as most are never asked. */
  private @Nullable BlastRadiusGuard guard() {
    if (guard == null && guarded != null) {
      guard = new BlastRadiusGuard(standing.life().gone(), origin);
    }
    return guard;
  }

  /** What the guard lets pass again because of a denial, mostly nothing. */
  synchronized List<BlastRadiusGuard.Reopened> denied(BlastRadiusGuard.Denial denial) {
    var watching = guard();
    if (watching == null) {
      return List.of();
    }
    return watching.denied(denial).stream()
        .filter(reopened -> !standing.isTakenAway(reopened.edge(), denial.at()))
        .filter(reopened -> !standing.life().reopened().contains(Life.Granted.by(reopened.edge())))
        .toList();
  }

  /** Has the guard try again later, as it could not be written. */
  synchronized void notReopened(BlastRadiusGuard.Reopened reopened, Instant at) {
    if (guard != null) {
      guard.notReopened(reopened.edge(), at);
    }
  }

  /** Whether the guard counts a denial, here or at a control server. */
  synchronized boolean isGuarded(BlastRadiusGuard.Denial denial) {
    var watching = guard();
    return watching != null && watching.counts(denial);
  }

  /** The revision that the guard watches, or null. */
  synchronized @Nullable String guardedRevision() {
    return guarded == null ? null : guarded.revision();
  }

  /** Pods that run now, or that usually do when fewer speak; at least one. */
  int replicas(Instant now) {
    return learning.replicas(now);
  }

  /** Takes note of a pod that runs; a rollout begins with the first pod of an image. */
  void runs(Instance instance, Instant now) {
    if (learning.runs(instance, now)) {
      tick(true, now);
    }
  }

  /**
   * Learns from a connection.
   *
   * @param passed it was not refused
   */
  void observe(Observation seen, boolean passed, Instant now) {
    var fresh = learning.observe(seen);
    refusals.note(seen.process().processClass(), seen.destination(), passed);
    tick(fresh, now);
  }

  /** Forgets rules that ended long ago, and notices what is true only for a while. */
  synchronized void tick(boolean changed, Instant now) {
    var compiled = snapshot;
    if (compiled == null) {
      return; // that is looked at when it is compiled
    }
    if (Standing.current(standing.allowed(), now.minus(Standing.KEPT_AFTER_END)).size()
            != byHand.size()
        || ((changed || !now.isBefore(circumstancesUntil))
            && !learning.circumstances(now).equals(compiled.circumstances()))) {
      refresh(now);
    } else if (!now.isBefore(circumstancesUntil)) {
      circumstancesUntil = now.plus(CIRCUMSTANCES_AGE);
    }
  }

  /** Counts an answer that nobody had time to learn from. */
  void missed() {
    unread.increment();
  }

  /**
   * Begins to learn anew, as the log says.
   *
   * @param process forgets only this class, or null for everything
   */
  synchronized void relearn(@Nullable ProcessClass process, Instant now) {
    try {
      learning.relearn(process, fold.of(owner).relearned());
      if (process == null) {
        refusals = new Refusals();
      }
    } finally {
      refresh(now);
    }
  }

  /**
   * Takes what was said before it was known, and learns anew if that was: of which process is not
   * known any more, so it forgets all of them. Once it is known it is told by {@link #relearn}.
   */
  synchronized void catchUp(Instant now) {
    if (learning.isOf(fold.of(owner).relearned())) {
      refresh(now);
    } else {
      relearn(null, now);
    }
  }

  /** Rules by hand that allow, as edges; ended ones for a day. */
  synchronized List<Edge> byHand() {
    return byHand;
  }

  /** Where it may go by what people approved; kept until something of that changes. */
  synchronized Approvals approvals() {
    var made = approvals;
    if (made == null) {
      made = Approvals.of(standing.life().enforced(), byHand, rules());
      approvals = made;
    }
    return made;
  }

  /** Edges of the newest revision. */
  synchronized List<Edge> approved() {
    var newest = standing.life().newest();
    return newest == null ? List.of() : newest.edges();
  }

  /** Whether a person denies the whole of an edge, by hand. */
  synchronized boolean isTakenAway(Edge edge, Instant now) {
    return standing.isTakenAway(edge, now);
  }

  /** Whether a rule of an allow-list has that id. */
  boolean isOfAFile(String id) {
    var written = files.apply(owner);
    return Stream.concat(written.allowed().stream(), written.denied().stream())
        .anyMatch(rule -> rule.id().equals(id));
  }

  static boolean isCurrent(Edge edge, Instant now) {
    return !edge.provenance().endedAt(now) && edge.provenance() instanceof Provenance.ByHand;
  }
}
