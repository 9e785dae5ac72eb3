package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
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
import org.jspecify.annotations.Nullable;

/**
 * What is normal for one workload, learned from its connections.
 *
 * <p>Takes times from its callers and keeps a bounded number of edges; more are counted and
 * dropped. Thread-safe.
 */
public final class Learner {
  /*
   * Two books. Clean evidence counts towards support. What an intruder would add (Risk) is written
   * into a book of its own, so that it neither counts nor spoils an edge that is clean elsewhere.
   *
   * Support: at least max(2, half) of the replicas, or, for a single replica, several distinct
   * hours over a span. The end of a test run stands in for the time that support would take, never
   * for the risk gates: a tester says "this is all it does", not "whatever ran is fine".
   */
  private final Owner owner;
  private final Origin origin;
  private final LearningSettings settings;
  private final Map<Key, Entry> clean = new HashMap<>();
  private final Map<Key, Entry> risky = new HashMap<>();
  private final Set<String> replicas = new HashSet<>();
  private @Nullable Instant started;
  private @Nullable Baseline proposed;
  private long dropped;

  private record Key(ProcessClass process, DestinationPattern destination) {}

  private record Entry(String process, @Nullable String risk, Evidence evidence) {
    Entry merge(Entry newer) {
      return new Entry(newer.process, newer.risk, evidence.merge(newer.evidence));
    }
  }

  /** Of a workload whose code is that of its image. */
  public Learner(Owner owner, LearningSettings settings) {
    this(owner, Origin.IMAGE, settings);
  }

  /**
   * An empty learner.
   *
   * @param origin where the workload's code has to come from
   */
  public Learner(Owner owner, Origin origin, LearningSettings settings) {
    this.owner = owner;
    this.origin = origin;
    this.settings = settings;
  }

  /** Adds a connection. */
  public synchronized void observe(Observation seen) {
    if (started == null || seen.time().isBefore(started)) {
      started = seen.time();
    }
    if (replicas.size() < Evidence.MAX_SET) {
      replicas.add(seen.replica());
    }
    var risk = Risk.of(seen, origin);
    var key =
        new Key(seen.process().processClass(), DestinationPattern.Exact.of(seen.destination()));
    var book = risk == null ? clean : risky;
    if (!book.containsKey(key) && clean.size() + risky.size() >= settings.maxEdges()) {
      dropped++;
      return;
    }
    book.merge(
        key,
        new Entry(seen.process().fingerprint().words(), risk, Evidence.of(seen)),
        Entry::merge);
  }

  /**
   * Ends learning now, as a tester says that the test run is over, and proposes the baseline.
   *
   * <p>Every edge that carries no risk is approved; the run itself is its support.
   */
  public synchronized Proposal finishTestRun() {
    return propose(edge -> edge.state() != EdgeState.QUARANTINED, "seen in the test run");
  }

  /**
   * Proposes the baseline if learning is complete by that time.
   *
   * @return null while {@link #waitsFor} says what is missing
   */
  public synchronized @Nullable Proposal proposeAt(Instant now) {
    return waitsFor(now).isEmpty()
        ? propose(edge -> edge.state() == EdgeState.CANDIDATE, "enough support")
        : null;
  }

  private Proposal propose(java.util.function.Predicate<LearnedEdge> isNormal, String why) {
    var approved = new ArrayList<LearnedEdge>();
    var leftOut = new ArrayList<LearnedEdge>();
    for (var edge : judged()) {
      if (isNormal.test(edge)) {
        approved.add(
            new LearnedEdge(edge.edge(), EdgeState.APPROVED, edge.process(), why, edge.evidence()));
      } else {
        leftOut.add(edge);
      }
    }
    var parent = proposed == null ? null : proposed.revision();
    var baseline = Baseline.of(owner, parent, approved.stream().map(LearnedEdge::edge).toList());
    proposed = baseline;
    return new Proposal(baseline, approved, leftOut);
  }

  /** Every edge with its state, the busiest first. */
  public synchronized List<LearnedEdge> edges() {
    var approved =
        proposed == null
            ? Set.<String>of()
            : new HashSet<>(proposed.edges().stream().map(Edge::id).toList());
    return judged().stream()
        .map(
            edge ->
                edge.state() != EdgeState.QUARANTINED && approved.contains(edge.edge().id())
                    ? new LearnedEdge(
                        edge.edge(),
                        EdgeState.APPROVED,
                        edge.process(),
                        "in the baseline",
                        edge.evidence())
                    : edge)
        .toList();
  }

  private List<LearnedEdge> judged() {
    var edges = new ArrayList<LearnedEdge>();
    clean.forEach((key, entry) -> edges.add(supported(key, entry)));
    risky.forEach((key, entry) -> edges.add(quarantined(key, entry)));
    edges.sort(
        Comparator.comparingLong((LearnedEdge edge) -> edge.evidence().connections())
            .reversed()
            .thenComparing(edge -> edge.edge().id()));
    return edges;
  }

  private LearnedEdge supported(Key key, Entry entry) {
    var edge = Edge.learned(key.process, key.destination);
    var missing = missingSupport(entry.evidence);
    return missing == null
        ? new LearnedEdge(
            edge, EdgeState.CANDIDATE, entry.process, "enough support", entry.evidence)
        : new LearnedEdge(edge, EdgeState.OBSERVED, entry.process, missing, entry.evidence);
  }

  private static LearnedEdge quarantined(Key key, Entry entry) {
    return new LearnedEdge(
        Edge.learned(key.process, key.destination),
        EdgeState.QUARANTINED,
        entry.process,
        entry.risk == null ? "" : entry.risk,
        entry.evidence);
  }

  private @Nullable String missingSupport(Evidence evidence) {
    if (replicas.size() >= 2) {
      var needed = Math.max(settings.replicas(), (replicas.size() + 1) / 2);
      var have = evidence.replicas().size();
      return have >= needed ? null : "seen on " + have + " of " + needed + " replicas";
    }
    if (evidence.hours().size() < settings.hours()) {
      return "seen in " + evidence.hours().size() + " of " + settings.hours() + " distinct hours";
    }
    if (evidence.span().compareTo(settings.span()) < 0) {
      return "seen over " + words(evidence.span()) + " of " + words(settings.span());
    }
    return null;
  }

  /** What learning still needs, in words; empty when a baseline may be proposed. */
  public synchronized List<String> waitsFor(Instant now) {
    if (started == null) {
      return List.of("the first connection");
    }
    var age = Duration.between(started, now);
    if (age.compareTo(settings.maximum()) >= 0) {
      return List.of();
    }
    var missing = new ArrayList<String>();
    if (age.compareTo(settings.minimum()) < 0) {
      missing.add(
          words(settings.minimum().minus(age)) + " more of observation, or the end of a test run");
    }
    var unsupported = judged().stream().filter(edge -> edge.state() == EdgeState.OBSERVED).count();
    if (unsupported > 0) {
      missing.add(unsupported + " edges with too little support");
    }
    return missing;
  }

  /** The latest proposal, or null. */
  public synchronized @Nullable Baseline proposed() {
    return proposed;
  }

  /** Edges that were not remembered because there were too many. */
  public synchronized long dropped() {
    return dropped;
  }

  private static String words(Duration duration) {
    if (duration.compareTo(Duration.ofHours(1)) < 0) {
      return Math.max(1, duration.toMinutes()) + " min";
    }
    return duration.toHours() + " h";
  }
}
