package io.kith.baselines.learning;

import io.kith.baselines.decision.Circumstances;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.Support.Standing;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What is normal for one workload, learned from its connections.
 *
 * <p>Takes times from its callers and keeps a bounded number of edges; more are counted and
 * dropped. What was seen merges commutatively ({@link #merge}); what was proposed and approved is a
 * decision and does not. Thread-safe.
 */
public final class Learner {
  /*
   * Two books. Clean evidence counts towards support. What an intruder would add (Risk) is written
   * into a book of its own, so that it neither counts nor spoils an edge that is clean elsewhere.
   *
   * From seen to normal: generalise (Generaliser), ask whether the evidence is enough (Support),
   * ask whether all has been seen (Coverage and a quiet time). The clock starts when the first pod
   * starts, so that a workload that never speaks ends learning with an empty baseline instead of
   * being taught by its first intruder.
   *
   * Learning goes on under enforcement, from the denied attempts themselves. Such an edge is
   * confirmed by a voucher or a person; by support alone only where nobody attends. The members of
   * a pattern that are approved already do not speak for a new one.
   */
  private static final int OPEN_ENDED = 8;

  private static final String LATE = "enough support after learning ended";

  private final Owner owner;
  private final Origin origin;
  private final LearningSettings settings;
  private final Support support;
  final Instances instances = new Instances();
  final Units units = new Units();
  final Book book;
  final RiskBook risky;
  private final Approvals approvals = new Approvals();
  private final Completeness completeness;
  private final PortBudget budget;
  final Written written = new Written();
  private volatile int starts;
  private @Nullable Baseline proposed;
  private @Nullable Instant latest;

  /** Of a workload whose code is that of its image. */
  public Learner(Owner owner, LearningSettings settings) {
    this(owner, Origin.IMAGE, settings);
  }

  /**
   * Of a workload alone, without anybody to ask about it.
   *
   * @param origin where the workload's code has to come from: image or host
   */
  public Learner(Owner owner, Origin origin, LearningSettings settings) {
    this(owner, origin, settings, PublicSuffixes.UNKNOWN, Vouchers.NONE, Siblings.UNKNOWN);
  }

  public Learner(
      Owner owner,
      Origin origin,
      LearningSettings settings,
      PublicSuffixes suffixes,
      Vouchers vouchers,
      Siblings siblings) {
    this.owner = owner;
    this.origin = origin;
    this.settings = settings;
    this.support = new Support(settings, instances, vouchers);
    this.book = new Book(settings, new Generaliser(suffixes));
    this.risky = new RiskBook(settings);
    this.completeness = new Completeness(settings, instances, book, units, support);
    this.budget = new PortBudget(book, siblings);
  }

  /** Adds a pod, with or without traffic; a later call with more knowledge completes it. */
  public synchronized void started(Instance instance) {
    instances.started(instance);
    starts = instances.total();
  }

  /**
   * Adds a pod that somebody watches while it runs. To be said again at least once in half an hour:
   * it counts as ended an hour after it was last said or seen.
   *
   * <p>A start that is more than a minute later than before, with the same name, is another run of
   * the pod. Learning begins when the first pod is watched and not when it started: what it did
   * before was not seen.
   *
   * @param now not before its start
   * @return whether the pod, its start or its image is new
   */
  public synchronized boolean runs(Instance instance, Instant now) {
    var isNew = instances.runs(instance, now);
    starts = instances.total();
    return isNew;
  }

  /**
   * Adds a connection.
   *
   * @return whether its process and exact destination are new, and may be learned
   */
  public synchronized boolean observe(Observation seen) {
    var replica = instances.seen(seen);
    starts = instances.total();
    latest = latest == null || seen.time().isAfter(latest) ? seen.time() : latest;
    var reach = Reach.of(seen.destination());
    var risk = Risk.of(seen.process(), origin);
    if (risk != null) {
      risky.add(seen, reach, risk);
      return false;
    }
    if (budget.isExceededBy(seen.process().processClass(), Exact.of(seen.destination()))) {
      risky.add(seen, reach, "more dynamic ports than the destination had starts");
      return false;
    }
    if (units.add(Sightings.unit(replica, Math.floorDiv(seen.time().getEpochSecond(), 3_600L)))) {
      written.unitsAdded();
    }
    return book.add(seen, replica, reach);
  }

  /**
   * Adds what another learner saw of the same workload, in any order and any grouping.
   *
   * @param other not changed; must not be merged into this one by another thread the other way
   *     round at the same time
   */
  public synchronized void merge(Learner other) {
    synchronized (other) {
      written.othersAdded();
      instances.merge(other.instances);
      units.addAll(other.units);
      book.merge(other.book);
      risky.merge(other.risky);
      absorbed(other.latest);
    }
  }

  /** Completes what was added to the books. */
  void absorbed(@Nullable Instant until) {
    starts = instances.total();
    if (until != null && (latest == null || until.isAfter(latest))) {
      latest = until;
    }
  }

  /** When the latest connection was seen, or null. */
  @Nullable Instant latest() {
    return latest;
  }

  Owner owner() {
    return owner;
  }

  /**
   * Ends learning now, as a tester says that the test run is over, and proposes the baseline.
   *
   * <p>Every edge that carries no risk is approved; the run itself is its support.
   */
  public synchronized Proposal finishTestRun() {
    return finishTestRun(_ -> false);
  }

  /**
   * The same, when some of what was seen had been refused: a test run approves what passed, and
   * nobody gets what was refused into a baseline by trying it again.
   *
   * @param refused edges that are left for a person, unless they were approved before
   */
  public synchronized Proposal finishTestRun(Predicate<Edge> refused) {
    return propose(now(), true, "seen in the test run", refused);
  }

  /**
   * Proposes the baseline if learning is complete by that time.
   *
   * @return null while {@link #waitsFor} says what is missing
   */
  public synchronized @Nullable Proposal proposeAt(Instant now) {
    return missing(now).isEmpty() ? propose(now, false, "enough support", _ -> false) : null;
  }

  private Instant now() {
    return latest == null ? Instant.EPOCH : latest;
  }

  private Proposal propose(Instant now, boolean testRunEnded, String why, Predicate<Edge> refused) {
    var proposal = proposal(now, testRunEnded, why, refused);
    proposal
        .approved()
        .forEach(edge -> addApproval(edge.edge().process(), edge.edge().destination()));
    proposed = proposal.baseline();
    return proposal;
  }

  /**
   * What the end of a test run would propose now; nothing is decided by it ({@link #decided}).
   *
   * @param refused edges that are left for a person, unless they were approved before
   */
  public synchronized Proposal afterTestRun(Predicate<Edge> refused) {
    return proposal(now(), true, "seen in the test run", refused);
  }

  /** What has enough support by that time, complete or not; nothing is decided by it. */
  public synchronized Proposal supportedAt(Instant now, Predicate<Edge> refused) {
    return proposal(now, false, "enough support", refused);
  }

  private Proposal proposal(
      Instant now, boolean testRunEnded, String why, Predicate<Edge> refused) {
    var approved = new ArrayList<LearnedEdge>();
    var leftOut = new ArrayList<LearnedEdge>();
    for (var edge : judged(now, testRunEnded)) {
      if (edge.state() == EdgeState.CANDIDATE && refused.test(edge.edge())) {
        leftOut.add(
            new LearnedEdge(
                edge.edge(),
                EdgeState.CANDIDATE,
                edge.process(),
                "it was refused: only a person allows it",
                edge.evidence()));
      } else if (edge.state() == EdgeState.CANDIDATE || edge.state() == EdgeState.APPROVED) {
        approved.add(approved(edge, why));
      } else {
        leftOut.add(edge);
      }
    }
    var edges = new ArrayList<>(approvals.edges());
    approved.forEach(edge -> edges.add(edge.edge()));
    var parent = proposed == null ? null : proposed.revision();
    return new Proposal(Baseline.of(owner, parent, edges), approved, leftOut);
  }

  /**
   * Takes over what was decided elsewhere, in place of what was approved here.
   *
   * @param baseline the newest that holds, or null for none
   */
  public synchronized void decided(@Nullable Baseline baseline) {
    var edges = baseline == null ? List.<Edge>of() : baseline.edges();
    approvals.clear();
    edges.forEach(edge -> approvals.add(edge.process(), edge.destination()));
    budget.decided(edges);
    proposed = baseline;
  }

  /** Forgets what was seen of a process class; what is approved stays. */
  public synchronized void forget(ProcessClass process) {
    book.forget(process);
    risky.forget(process);
  }

  /** How many pods run, as far as their starts and their traffic tell. */
  public synchronized int running(Instant now) {
    return instances.running(Set.of(), now);
  }

  /** How many pods ran at a time, as the median over the workload's life; may be 0. */
  public synchronized int usual(Instant now) {
    return instances.concurrent(now);
  }

  /** The images that were seen, with the first start of each; may be empty. */
  public synchronized Map<String, Instant> images() {
    return Map.copyOf(instances.digests());
  }

  private Baseline revise() {
    var parent = proposed == null ? null : proposed.revision();
    var baseline = Baseline.of(owner, parent, approvals.edges());
    proposed = baseline;
    return baseline;
  }

  /**
   * Approves an edge for a reviewer.
   *
   * @return the next revision, or null when it was approved before
   */
  public synchronized @Nullable Baseline approve(
      ProcessClass process, DestinationPattern destination) {
    return addApproval(process, destination) ? revise() : null;
  }

  /**
   * Approves the edge of a destination that was denied, if it needs nobody's answer by now.
   *
   * @return the next revision, or null
   */
  public synchronized @Nullable Baseline confirm(
      ProcessClass process, Exact destination, Instant now) {
    if (proposed == null) {
      return null;
    }
    var group = book.groupOf(process, destination);
    if (group == null || !isConfirmed(group, now)) {
      return null;
    }
    return approve(process, group.pattern());
  }

  /**
   * Edges that appeared after learning ended and need nobody's answer by that time: somebody
   * vouches for them, or they lasted where nobody attends. Nothing is decided by it.
   *
   * @return none before a baseline was {@link #decided}
   */
  public synchronized List<LearnedEdge> confirmedAt(Instant now) {
    if (proposed == null) {
      return List.of();
    }
    return book.groups().stream()
        .filter(group -> isConfirmed(group, now))
        .map(group -> approved(judge(group, now, false), LATE))
        .toList();
  }

  private static LearnedEdge approved(LearnedEdge edge, String why) {
    return new LearnedEdge(edge.edge(), EdgeState.APPROVED, edge.process(), why, edge.evidence());
  }

  private boolean isConfirmed(Group group, Instant now) {
    var fresh = group.fresh(approvals);
    return fresh != null && (support.isConfirmedLate(fresh, now) || isInherited(fresh, now));
  }

  /** A program that moved within its image does what it did, on nearly all pods since. */
  private boolean isInherited(Group fresh, Instant now) {
    return support.isNewEverywhere(fresh, now) && approvals.knew(fresh.process(), fresh.members());
  }

  /** The edge that a destination belongs to as things are, or null. */
  public synchronized @Nullable Edge patternOf(ProcessClass process, Exact destination) {
    var group = book.groupOf(process, destination);
    return group == null ? null : group.edge();
  }

  /** The same with its standing, or null. */
  public synchronized @Nullable LearnedEdge edgeOf(
      ProcessClass process, Exact destination, Instant now) {
    var group = book.groupOf(process, destination);
    return group == null ? null : judge(group, now, false);
  }

  /** The exact destinations that were seen of an edge; none when it may never be learned. */
  public synchronized List<Exact> destinationsOf(Edge edge) {
    return book.exact(edge.process()).keySet().stream()
        .filter(exact -> Patterns.covers(edge.destination(), exact))
        .toList();
  }

  /**
   * Whether a process class reaches so many unrelated external names on that port that it has no
   * list at all: one question to a person, instead of one for each name.
   */
  public synchronized boolean isOpenEnded(ProcessClass process, Exact destination) {
    return book.unrelatedParents(process, destination) >= OPEN_ENDED;
  }

  /** Every edge with its state, the busiest first. */
  public synchronized List<LearnedEdge> edges() {
    return judged(now(), false);
  }

  private List<LearnedEdge> judged(Instant now, boolean testRunEnded) {
    var edges = new ArrayList<LearnedEdge>();
    book.groups().forEach(group -> edges.add(judge(group, now, testRunEnded)));
    risky.forEach(
        (key, entry) ->
            edges.add(
                new LearnedEdge(
                    Edge.learned(key.process(), key.destination()),
                    EdgeState.QUARANTINED,
                    entry.sightings().words(),
                    entry.why(),
                    entry.sightings().evidence())));
    edges.sort(
        Comparator.comparingLong((LearnedEdge edge) -> edge.evidence().connections())
            .reversed()
            .thenComparing(edge -> edge.edge().id()));
    return edges;
  }

  private LearnedEdge judge(Group group, Instant now, boolean testRunEnded) {
    var sightings = group.sightings();
    var standing = standing(group, sightings, now, testRunEnded);
    return new LearnedEdge(
        group.edge(), standing.state(), group.words(), standing.why(), sightings.evidence());
  }

  private Standing standing(Group group, Sightings sightings, Instant now, boolean testRunEnded) {
    var fresh = group.fresh(approvals);
    if (fresh == null) {
      return isStale(sightings, now)
          ? new Standing(EdgeState.STALE, "not seen since " + sightings.last())
          : new Standing(EdgeState.APPROVED, "in the baseline");
    }
    return support.of(fresh, now, testRunEnded);
  }

  private boolean isStale(Sightings sightings, Instant now) {
    return Duration.between(sightings.last(), now).compareTo(settings.stale()) > 0
        && idle(sightings.last(), now).compareTo(patience(sightings)) > 0;
  }

  /** Running time since the last sight: a workload that is scaled to zero forgets nothing. */
  private Duration idle(Instant last, Instant now) {
    return instances.running(last, now);
  }

  private Duration patience(Sightings sightings) {
    var gaps = sightings.longestGap().multipliedBy(3);
    return gaps.compareTo(settings.stale()) > 0 ? gaps : settings.stale();
  }

  /**
   * Takes edges out of the baseline that have been stale for as long again.
   *
   * @return the next revision, or null when nothing aged out
   */
  public synchronized @Nullable Baseline age(Instant now) {
    var aged = unusedAt(now, 2).keySet();
    aged.forEach(edge -> approvals.remove(edge.process(), edge.destination()));
    return aged.isEmpty() ? null : revise();
  }

  /**
   * Approved edges that are stale, with when they were last seen; nothing is decided by it. An edge
   * that was never seen is none of them ({@link #idleSince}).
   *
   * @param times 1 for stale, 2 for stale as long again, by the time that the workload ran
   */
  public synchronized Map<Edge, Instant> unusedAt(Instant now, int times) {
    var unused = new HashMap<Edge, Instant>();
    for (var group : book.groups()) {
      if (Duration.between(group.last(), now).compareTo(settings.stale().multipliedBy(times)) <= 0
          || !approvals.contain(group.process(), group.pattern())) {
        continue; // the common case, without merging the evidence
      }
      var sightings = group.sightings();
      var last = sightings.last();
      if (idle(last, now).compareTo(patience(sightings).multipliedBy(times)) > 0) {
        unused.put(group.edge(), last);
      }
    }
    return unused;
  }

  /**
   * Running time of the workload since a moment at which an edge that was never seen was approved,
   * or since learning began: how long it could have been used and was not.
   */
  public synchronized Duration idleSince(Instant approved, Instant now) {
    var began = instances.earliest();
    return began == null ? Duration.ZERO : idle(began.isAfter(approved) ? began : approved, now);
  }

  /** What learning still needs, in words; empty when a baseline may be proposed. */
  public List<String> waitsFor(Instant now) {
    return missing(now).stream().map(Missing::words).toList();
  }

  /** The same, to be told apart or put into words later. */
  public synchronized List<Missing> missing(Instant now) {
    return completeness.waitsFor(now);
  }

  /** Share of the traffic that is estimated to be unseen, 0 to 1. */
  public synchronized double deficit() {
    return completeness.deficit(now());
  }

  /** What is true of the workload now and is no part of its baseline. */
  public synchronized Circumstances circumstances(Instant now) {
    return new Circumstances(rollouts(now), budget.left());
  }

  /** Images that are new, and not the first. */
  private Map<String, Instant> rollouts(Instant now) {
    var digests = instances.digests();
    if (digests.size() < 2) {
      return Map.of();
    }
    var oldest = digests.values().stream().min(Comparator.naturalOrder()).orElseThrow();
    var rollouts = new HashMap<String, Instant>();
    digests.forEach(
        (digest, first) -> {
          var until = first.plus(settings.upgradeGrace());
          if (first.isAfter(oldest) && now.isBefore(until)) {
            rollouts.put(digest, until);
          }
        });
    return rollouts;
  }

  private boolean addApproval(ProcessClass process, DestinationPattern destination) {
    if (!approvals.add(process, destination)) {
      return false;
    }
    if (destination instanceof PortRange range) {
      budget.approved(process, range);
    }
    return true;
  }

  /** When the first pod started or the first connection was seen, or null. */
  public synchronized @Nullable Instant startedAt() {
    return instances.earliest();
  }

  /** How many pods have started; takes no lock, since siblings ask each other. */
  public int starts() {
    return starts;
  }

  /** When that pod started, or null when it is not known. */
  public synchronized @Nullable Instant startOf(String replica) {
    var instance = instances.get(replica);
    return instance == null ? null : instance.start();
  }

  /** The images that showed a destination here, or null when it was not seen. */
  synchronized @Nullable Set<String> digestsOf(ProcessClass process, Exact destination) {
    Set<String> digests = null;
    for (var group : book.groups(process)) {
      if (Patterns.covers(group.pattern(), destination)) {
        digests = digests == null ? new HashSet<>() : digests;
        digests.addAll(group.sightings().digests());
      }
    }
    return digests;
  }

  /** Grows whenever {@link #digestsOf} may answer otherwise. */
  synchronized long seenChanges() {
    return book.seenChanges();
  }

  /** The latest proposal, or null. */
  public synchronized @Nullable Baseline proposed() {
    return proposed;
  }

  /** Connections that were not remembered because there were too many edges. */
  public synchronized long dropped() {
    return book.dropped() + risky.dropped();
  }

  static String words(Duration duration) {
    if (duration.compareTo(Duration.ofHours(1)) < 0) {
      return Math.max(1, duration.toMinutes()) + " min";
    }
    return duration.toHours() + " h";
  }
}
