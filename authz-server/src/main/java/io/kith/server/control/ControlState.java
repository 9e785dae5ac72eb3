package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.learning.Proposal;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.Policy;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The control side of one server, in memory: a restart begins learning anew.
 *
 * <p>The check path reads compiled snapshots without a lock and hands in its answers; what people
 * ask for reads or changes the rest. A workload enters enforce only by {@link #setMode} and only
 * with a baseline. Thread-safe.
 */
public final class ControlState implements Policy, AutoCloseable {
  private static final System.Logger AUDIT = System.getLogger("io.kith.audit");
  private static final int QUEUE = 65_536;
  private static final Duration MAX_TTL = Duration.ofDays(3_650);

  private final ConcurrentHashMap<Owner, GovernedWorkload> workloads = new ConcurrentHashMap<>();
  private final LearningSettings learning;
  private final InstantSource clock;
  private final Consumer<AuditEntry> audit;
  private final VerdictCounts counts = new VerdictCounts();
  private final DecisionLog log = new DecisionLog();
  private final LongAdder dropped = new LongAdder();
  private final Object changes = new Object();
  private final Answers answers;
  private volatile Modes modes;

  /**
   * The state before the first connection.
   *
   * @param queue how many answers may wait to be learned from
   * @param audit gets every change that a person makes
   */
  ControlState(
      Collection<Workload> known,
      List<ScopeEntry> scopes,
      LearningSettings learning,
      InstantSource clock,
      int queue,
      Consumer<AuditEntry> audit) {
    this.learning = requireNonNull(learning, "learning");
    this.clock = requireNonNull(clock, "clock");
    this.audit = requireNonNull(audit, "audit");
    this.modes = Modes.of(scopes);
    this.answers = new Answers(queue, new AnswerReader(this::governed, log, clock)::read);
    known.forEach(this::governed);
  }

  /** As configured; changes are written to the log {@code io.kith.audit}. */
  public static ControlState of(
      KithConfig config, WorkloadDirectory directory, InstantSource clock) {
    return new ControlState(
        directory.all(),
        config.scopes(),
        config.learning(),
        clock,
        QUEUE,
        entry -> AUDIT.log(Level.INFO, entry::line));
  }

  @Override
  public Snapshot snapshot(Workload workload) {
    return governed(workload).snapshot();
  }

  private GovernedWorkload governed(Workload workload) {
    var found = workloads.get(workload.owner());
    return found == null ? added(workload) : found;
  }

  /*
   * setMode publishes the modes and then visits the workloads. A workload that is added meanwhile
   * is either visited, or reads the published modes here.
   */
  private GovernedWorkload added(Workload workload) {
    var fresh = new GovernedWorkload(workload, learning);
    fresh.govern(modes);
    var before = workloads.putIfAbsent(workload.owner(), fresh);
    if (before != null) {
      return before;
    }
    fresh.govern(modes);
    return fresh;
  }

  @Override
  public void record(CheckRecord answered) {
    counts.add(answered.decision());
    if (!answers.offer(answered, answered.decision().applied() instanceof Deny)) {
      dropped.increment();
      if (answered.workload() != null && !answered.repeated()) {
        governed(answered.workload()).missed();
      }
    }
  }

  /**
   * Answers whose details were left out because the queue was full; they are counted all the same.
   */
  public long dropped() {
    return dropped.sum();
  }

  /**
   * Waits until everything recorded before is learned from and in the log of decisions.
   *
   * @throws InterruptedException when the caller is told to give up
   */
  public void flush() throws InterruptedException {
    answers.flush();
  }

  /** Every Check answered so far. */
  public List<VerdictCount> counts() {
    return counts.now();
  }

  /** Every workload, in the order of their owners. */
  public List<WorkloadState> states() {
    return inOrder().stream().map(workload -> workload.state(clock.instant())).toList();
  }

  /**
   * What is known of a workload's edges, rules by hand first.
   *
   * @param owner null for every workload
   */
  public List<KnownEdge> edges(@Nullable Owner owner) throws RefusedException {
    var now = clock.instant();
    var asked = owner == null ? inOrder() : List.of(known(owner));
    return asked.stream().flatMap(workload -> workload.edges(now).stream()).toList();
  }

  /**
   * The latest decisions, newest first.
   *
   * @param owner null for every workload and for what is nobody's
   */
  public List<CheckRecord> decisions(@Nullable Owner owner, boolean deniedOnly, int limit)
      throws RefusedException {
    return log.latest(owner == null ? null : known(owner).owner(), deniedOnly, limit);
  }

  /**
   * Ends learning for a workload and proposes its baseline, by the learner's ordinary rules. Call
   * {@link #flush} first, so that what was answered before counts.
   *
   * @throws RefusedException when the workload is not known or there is nothing to propose
   */
  public Proposal finishTestRun(Owner owner, String note, String by) throws RefusedException {
    requireNote(note, "why the test run is complete");
    synchronized (changes) {
      var workload = known(owner);
      var before = workload.revision();
      var proposal = workload.finishTestRun();
      if (proposal == null) {
        throw RefusedException.precondition(
            owner
                + " showed nothing that may be learned (run its traffic first; kith show "
                + owner
                + " lists what was seen and why it was left out)");
      }
      audit.accept(
          new AuditEntry(
              "baseline", owner.toString(), by, note, before, proposal.baseline().revision()));
      return proposal;
    }
  }

  /**
   * Sets the mode of a scope. Enforce puts the proposed baselines of the workloads that the scope
   * speaks for in force; no other mode forgets any.
   *
   * @return the mode that the scope had
   * @throws RefusedException when the scope covers no known workload, or a workload that would be
   *     enforced has no baseline; then nothing changes
   */
  public Mode setMode(ScopeName scope, Mode mode, String note, String by) throws RefusedException {
    requireNote(note, "why the mode changes");
    synchronized (changes) {
      requireCovered(scope);
      var before = modes.of(scope);
      var next = modes.with(scope, mode);
      var governed =
          inOrder().stream().filter(workload -> next.governs(scope, workload.owner())).toList();
      if (mode == Mode.ENFORCE) {
        requireBaselines(governed);
        governed.forEach(GovernedWorkload::enforceProposed);
      }
      modes = next;
      workloads.values().forEach(workload -> workload.govern(next));
      audit.accept(new AuditEntry("mode", scope.toString(), by, note, before.word(), mode.word()));
      return before;
    }
  }

  private void requireCovered(ScopeName scope) throws RefusedException {
    switch (scope) {
      case ScopeName.Mesh() -> {}
      case ScopeName.One(var owner) -> known(owner);
      case ScopeName.Namespace(var name) -> {
        if (workloads.keySet().stream().noneMatch(scope::covers)) {
          throw RefusedException.notFound(
              "namespace '" + name + "' has no workload (expected: one of " + namespaces() + ")");
        }
      }
    }
  }

  private List<String> namespaces() {
    return workloads.keySet().stream().map(Owner::namespace).distinct().sorted().toList();
  }

  private static void requireBaselines(List<GovernedWorkload> governed) throws RefusedException {
    var without =
        governed.stream()
            .filter(workload -> workload.speaks() && !workload.canEnforce())
            .map(workload -> workload.owner().toString())
            .toList();
    if (!without.isEmpty()) {
      throw RefusedException.precondition(
          "no baseline yet: "
              + String.join(", ", without)
              + " (end learning first: kith learn finish OWNER --note TEXT)");
    }
  }

  /**
   * Allows the process and destination of a decision from now on.
   *
   * @param ttl how long, or null for ever
   * @throws RefusedException when the decision is not known, is of another workload, or cannot be
   *     allowed by a rule
   */
  public KnownEdge allow(
      Owner owner, String decisionId, @Nullable Duration ttl, String note, String by)
      throws RefusedException {
    requireNote(note, "why this is allowed");
    if (ttl != null && (!ttl.isPositive() || ttl.compareTo(MAX_TTL) > 0)) {
      throw RefusedException.invalid(
          "ttl: " + ttl + " (expected: more than nothing and at most 3650 days)");
    }
    synchronized (changes) {
      var workload = known(owner);
      var answered = decision(owner, decisionId);
      var now = clock.instant();
      var until = ttl == null ? null : now.plus(ttl);
      var edge = HandRule.of(owner, answered, new Provenance.ByHand(by, note, until), now);
      if (!workload.allow(edge, now)) {
        throw RefusedException.precondition(
            owner
                + " has "
                + GovernedWorkload.MAX_RULES
                + " rules by hand, which is the limit (what is normal belongs into the baseline:"
                + " kith learn finish "
                + owner
                + ")");
      }
      audit.accept(
          new AuditEntry(
              "allow",
              owner.toString(),
              by,
              note,
              answered.decision().applied().word() + " " + decisionId,
              edge.id() + " " + edge.words() + (until == null ? "" : " until " + until)));
      return workload.edges(now).stream()
          .filter(known -> known.edge().equals(edge))
          .findFirst()
          .orElseThrow();
    }
  }

  private CheckRecord decision(Owner owner, String decisionId) throws RefusedException {
    var answered = log.find(decisionId);
    if (answered == null) {
      throw RefusedException.notFound(
          "decision '"
              + decisionId
              + "' is not among the latest (kith decisions --denied lists them)");
    }
    var workload = answered.workload();
    if (workload == null || !workload.owner().equals(owner)) {
      throw RefusedException.notFound(
          "decision "
              + decisionId
              + " is not of "
              + owner
              + " but of "
              + (workload == null ? "nobody's workload" : workload.owner()));
    }
    return answered;
  }

  private static void requireNote(String note, String what) throws RefusedException {
    if (note.isBlank()) {
      throw RefusedException.invalid("note: blank (expected: " + what + ")");
    }
  }

  private GovernedWorkload known(Owner owner) throws RefusedException {
    var found = workloads.get(owner);
    if (found == null) {
      var some = inOrder().stream().limit(10).map(GovernedWorkload::owner).toList();
      throw RefusedException.notFound(
          "workload '"
              + owner
              + "' is not known (known: "
              + (some.isEmpty() ? "none" : some)
              + ")");
    }
    return found;
  }

  private List<GovernedWorkload> inOrder() {
    return workloads.values().stream()
        .sorted(Comparator.comparing(GovernedWorkload::owner))
        .toList();
  }

  /** Reads what waits and stops. */
  @Override
  public void close() {
    answers.close();
  }
}
