package io.kith.baselines.replay;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.learning.Instance;
import io.kith.baselines.learning.LearnedEdge;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.learning.Observation;
import io.kith.baselines.learning.Proposal;
import io.kith.baselines.learning.Siblings;
import io.kith.baselines.learning.Vouchers;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.replay.Names.WorkloadKey;
import io.kith.baselines.replay.ReviewAnswer.Subject;
import io.kith.baselines.replay.ReviewQueue.Question;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A log of flows, run through the learner and the decider that the server runs.
 *
 * <p>Records come in the order of their times; the clock is that of the log and never goes back.
 * Memory is bounded by what is learned. Not thread-safe.
 */
public final class Replay {
  private static final Duration TICK = Duration.ofMinutes(15);
  private static final Duration AGEING = Duration.ofDays(1);
  private static final int MAX_IDS = 16_384;
  private static final int MAX_SENDERS = 16_384;

  /** Here, and as many where the vouchers are from. */
  private static final int MAX_WORKLOADS = 20_000;

  private final LearningSettings settings;
  private final PublicSuffixes suffixes;
  private final Candidates candidates = new Candidates();
  private final Pods pods = new Pods();
  private final Resolver resolver = new Resolver(pods);
  private final Resolver elsewhereResolver = new Resolver(new Pods());
  private final Bounded<String, SpiffeId> ids = new Bounded<>(MAX_IDS);
  private final Bounded<Sender, Known> senders = new Bounded<>(MAX_SENDERS);
  private final Map<WorkloadKey, ReplayedWorkload> workloads = new LinkedHashMap<>();
  private final Map<WorkloadKey, Learner> elsewhere = new HashMap<>();
  private final ReviewQueue reviews = new ReviewQueue();
  private Instant clock = Instant.MIN;
  private Instant nextTick = Instant.MIN;
  private Instant nextAgeing = Instant.MAX;
  private long flows;
  private long denied;

  /** Who made a connection, as it is written. */
  private record Sender(String app, String workload, String environment) {}

  private record Known(SpiffeId id, ReplayedWorkload workload) {}

  public Replay(LearningSettings settings, PublicSuffixes suffixes) {
    this.settings = settings;
    this.suffixes = suffixes;
  }

  /** Adds an answer that an operator would give. */
  public void answer(ReviewAnswer answer) {
    reviews.add(answer);
  }

  /**
   * A pod started.
   *
   * @param environment of the inventory, as its flows name it
   */
  public void started(InstanceRecord pod, String environment) {
    var workload = workload(pod.app(), id(pod.workload()), environment, pod.kind());
    var start = instant(pod.start());
    var stop = pod.stop() == null ? null : instant(pod.stop());
    workload
        .learner()
        .started(new Instance(pod.replica(), start, stop, pod.digest(), pod.kind().equals("job")));
    if (pod.ip() != null) {
      pods.started(
          IpAddress.parse(pod.ip()), workload.owner().toString(), stop, later(clock, start));
    }
  }

  /** A pod started in the environment that vouches. */
  public void startedElsewhere(InstanceRecord pod, String environment) {
    elsewhere(pod.app(), id(pod.workload()), environment, pod.kind())
        .started(
            new Instance(
                pod.replica(),
                instant(pod.start()),
                pod.stop() == null ? null : instant(pod.stop()),
                pod.digest(),
                pod.kind().equals("job")));
  }

  /** A connection in the environment that vouches. */
  public void seenElsewhere(FlowRecord flow) {
    var now = instant(flow.time());
    var resolved = isMediated(flow) ? elsewhereResolver.resolve(flow, now) : null;
    if (resolved == null || resolved.mismatch() != null) {
      return;
    }
    var candidate = candidates.of(flow).candidates().getFirst();
    elsewhere(flow.app(), id(flow.workload()), flow.environment(), null)
        .observe(new Observation(candidate, resolved.destination(), flow.replica(), now));
  }

  private Learner elsewhere(String app, SpiffeId id, String environment, @Nullable String kind) {
    var key = new WorkloadKey(Names.namespace(id, environment), app);
    var known = elsewhere.get(key);
    if (known == null) {
      requireRoom(elsewhere, app);
      known =
          new Learner(
              owner(key, kind), Origin.IMAGE, settings, suffixes, Vouchers.NONE, Siblings.UNKNOWN);
      elsewhere.put(key, known);
    }
    return known;
  }

  private ReplayedWorkload workload(
      String app, SpiffeId id, String environment, @Nullable String kind) {
    var key = new WorkloadKey(Names.namespace(id, environment), app);
    var known = workloads.get(key);
    if (known == null) {
      requireRoom(workloads, app);
      var vouchers = new VouchersElsewhere(() -> elsewhere.get(key));
      var owner = owner(key, kind);
      known =
          new ReplayedWorkload(
              owner,
              new Learner(owner, Origin.IMAGE, settings, suffixes, vouchers, this::startsOf));
      workloads.put(key, known);
    }
    return known;
  }

  private static void requireRoom(Map<WorkloadKey, ?> known, String app) {
    if (known.size() >= MAX_WORKLOADS) {
      throw new IllegalArgumentException(
          "app: '"
              + app
              + "' is one too many (expected: at most "
              + MAX_WORKLOADS
              + " workloads in one replay)");
    }
  }

  private static Owner owner(WorkloadKey key, @Nullable String kind) {
    return new Owner(key.namespace(), kind == null ? "workload" : kind, key.app());
  }

  private int startsOf(String name) {
    var key = Names.keyOf(name);
    var workload = key == null ? null : workloads.get(key);
    return workload == null ? -1 : workload.learner().starts();
  }

  /**
   * Decides a connection, and learns from it.
   *
   * @throws IllegalArgumentException when the record cannot be understood; nothing has changed then
   */
  public ReplayVerdict decide(FlowRecord flow) {
    var time = instant(flow.time());
    var sender = new Sender(flow.app(), flow.workload(), flow.environment());
    var known = senders.get(sender);
    var id = known == null ? id(flow.workload()) : known.id;
    var mediated = isMediated(flow);
    var attribution = candidates.of(flow);
    var resolved = mediated ? resolver.resolve(flow, later(clock, time)) : null;
    if (known == null) {
      known = new Known(id, workload(flow.app(), id, flow.environment(), null));
      senders.put(sender, known);
    }
    var workload = known.workload;

    advance(time);
    flows++;
    if (!mediated) {
      return unmediated(workload);
    }
    if (resolved == null) { // to itself: health checks and side processes
      return new ReplayVerdict(workload.isEnforced(), true, null, false, null, null);
    }
    // what a log dates back would look as if it had lasted since then
    return decide(workload, flow, id, attribution, resolved, clock);
  }

  private static boolean isMediated(FlowRecord flow) {
    var target = flow.target();
    return target.port() > 0
        && (target.protocol().equals("tcp") || target.protocol().equals("udp"));
  }

  private ReplayVerdict unmediated(ReplayedWorkload workload) {
    if (!workload.isEnforced()) {
      return new ReplayVerdict(false, true, null, false, null, null);
    }
    var reason = new Reason.Unmediated().code();
    count(workload, reason);
    return new ReplayVerdict(true, false, reason, false, null, null);
  }

  private ReplayVerdict decide(
      ReplayedWorkload workload,
      FlowRecord flow,
      SpiffeId id,
      Attribution.Attributed attribution,
      Resolved seen,
      Instant time) {
    var candidate = attribution.candidates().getFirst();
    var process = candidate.processClass();
    var remembered = remembered(workload, candidate, seen, time);
    var judged = new Flow(id, attribution, remembered == null ? seen : remembered);
    var decision = Decider.decide(workload.snapshot(clock), judged, clock);
    var exact = Exact.of(seen.destination());
    if (remembered == null && seen.mismatch() == null) {
      learn(workload, candidate, seen.destination(), exact, flow, time);
    }
    if (!workload.isEnforced()) {
      return new ReplayVerdict(false, true, null, false, null, null);
    }
    if (decision.applied() instanceof Allow && !decision.flagged()) {
      return verdict(decision, null);
    }
    var learnable = remembered == null && seen.mismatch() == null;
    var next = learnable ? workload.learner().confirm(process, exact, clock) : null;
    if (next != null) {
      workload.enforce(next, clock);
      decision = Decider.decide(workload.snapshot(clock), judged, clock);
    }
    var review =
        learnable && (decision.flagged() || decision.applied() instanceof Deny)
            ? question(workload, process, exact, decision.flagged())
            : null;
    if (decision.applied() instanceof Deny(_, var reason)) {
      count(workload, reason.code());
    }
    return verdict(decision, review);
  }

  private static ReplayVerdict verdict(Decision decision, @Nullable String review) {
    return switch (decision.applied()) {
      case Allow(var edge) ->
          new ReplayVerdict(
              true, true, null, decision.flagged(), edge == null ? null : edge.id(), review);
      case Deny(var nearest, var reason) ->
          new ReplayVerdict(
              true, false, reason.code(), false, nearest == null ? null : nearest.id(), review);
    };
  }

  private void count(ReplayedWorkload workload, String reason) {
    denied++;
    workload.denied(reason);
  }

  /** A public address without a name that carried one for this process not long ago. */
  private static @Nullable Resolved remembered(
      ReplayedWorkload workload, Candidate candidate, Resolved seen, Instant time) {
    var destination = seen.destination();
    return switch (Reach.of(destination)) {
      case EXTERNAL_NAME -> {
        workload.addresses().remember(candidate.processClass(), destination, time);
        yield null;
      }
      case PUBLIC_ADDRESS -> {
        var named = workload.addresses().named(candidate.processClass(), destination, time);
        yield named == null ? null : new Resolved(named, null);
      }
      case INTERNAL, SENSITIVE -> null;
    };
  }

  private void learn(
      ReplayedWorkload workload,
      Candidate candidate,
      Destination destination,
      Exact exact,
      FlowRecord flow,
      Instant time) {
    var learner = workload.learner();
    var isNew =
        learner.observe(
            new Observation(
                candidate, destination, flow.replica(), time, learner.startOf(flow.replica())));
    if (isNew) {
      workload.remember(candidate.processClass(), exact, subject(flow));
    }
  }

  private static Subject subject(FlowRecord flow) {
    var target = flow.target();
    return new Subject(
        flow.app(),
        flow.process().path(),
        flow.process().script(),
        target.host(),
        target.host() == null ? target.ip() : null,
        target.port());
  }

  /** Asks a person about an edge, unless it is one that nobody is asked about. */
  private @Nullable String question(
      ReplayedWorkload workload, ProcessClass process, Exact exact, boolean again) {
    var edge = workload.learner().patternOf(process, exact);
    if (edge == null) {
      return null;
    }
    var openEnded = workload.learner().isOpenEnded(process, exact);
    var id =
        openEnded ? workload.owner() + ":" + process.words() + ":any:" + exact.port() : edge.id();
    DestinationPattern asked = openEnded ? exact : edge.destination();
    var item =
        reviews.open(
            new Question(workload, process, asked),
            workload.subject(process, exact),
            again,
            id,
            clock);
    return item == null ? null : item.id;
  }

  /** Moves the clock, and does what became due: answers, proposals, ageing. */
  private void advance(Instant time) {
    clock = later(clock, time);
    takeAnswers();
    if (!clock.isBefore(nextTick)) {
      nextTick = clock.plus(TICK);
      tick();
      takeAnswers();
    }
  }

  private void takeAnswers() {
    for (var question : reviews.approvedBy(clock)) {
      var workload = question.workload();
      var next = workload.learner().approve(question.process(), question.destination());
      if (next != null && workload.isEnforced()) {
        workload.enforce(next, clock);
      }
    }
  }

  private void tick() {
    workloads.values().stream()
        .filter(workload -> !workload.isEnforced())
        .toList()
        .forEach(this::proposeWhenReady);
    if (!clock.isBefore(nextAgeing)) {
      workloads.values().stream().filter(ReplayedWorkload::isEnforced).forEach(this::age);
    }
    if (nextAgeing.equals(Instant.MAX) || !clock.isBefore(nextAgeing)) {
      nextAgeing = clock.plus(AGEING);
    }
  }

  private void proposeWhenReady(ReplayedWorkload workload) {
    if (!workload.isReady(clock)) {
      return;
    }
    var proposal = workload.learner().proposeAt(clock);
    if (proposal != null) {
      workload.enforce(proposal.baseline(), clock);
      proposal.approved().forEach(edge -> workload.settle(edge.edge()));
      proposal.leftOut().forEach(edge -> backlog(workload, edge));
    }
  }

  /** What did not make it into the first baseline is asked at once. */
  private void backlog(ReplayedWorkload workload, LearnedEdge edge) {
    var process = edge.edge().process();
    for (var exact : workload.learner().destinationsOf(edge.edge())) {
      question(workload, process, exact, false);
    }
  }

  private void age(ReplayedWorkload workload) {
    var next = workload.learner().age(clock);
    if (next != null) {
      workload.enforce(next, clock);
    }
  }

  /** What came of it so far. */
  public ReplaySummary summary() {
    var byReason = new TreeMap<String, Long>();
    for (var workload : workloads.values()) {
      workload.deniedByReason().forEach((reason, n) -> byReason.merge(reason, n, Long::sum));
    }
    return new ReplaySummary(
        flows,
        denied,
        byReason,
        workloads.values().stream().map(workload -> workload.summary(clock)).toList());
  }

  /**
   * Ends learning for the workloads that still learn, as a tester says that the test run is over.
   * Those that showed nothing that may be learned are left as they are.
   *
   * @return what each of them would be given, and what was left out
   */
  public List<Proposal> finishTestRun() {
    var proposals = new ArrayList<Proposal>();
    for (var workload : workloads.values()) {
      var learner = workload.learner();
      if (!workload.isEnforced()
          && learner.edges().stream().anyMatch(edge -> edge.state() != EdgeState.QUARANTINED)) {
        var proposal = learner.finishTestRun();
        workload.enforce(proposal.baseline(), clock);
        proposals.add(proposal);
      }
    }
    return proposals;
  }

  /** The latest baselines that were learned; none of workloads that still learn. */
  public List<Baseline> baselines() {
    return workloads.values().stream()
        .map(workload -> workload.learner().proposed())
        .filter(Objects::nonNull)
        .map(Objects::requireNonNull)
        .toList();
  }

  private SpiffeId id(String text) {
    var known = ids.get(text);
    if (known == null) {
      known = SpiffeId.parse(text);
      ids.put(text, known);
    }
    return known;
  }

  private static Instant later(Instant one, Instant other) {
    return one.isAfter(other) ? one : other;
  }

  /** To the microsecond. */
  private static Instant instant(double seconds) {
    var micros = Math.round(seconds * 1e6);
    return Instant.ofEpochSecond(
        Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1_000L);
  }
}
