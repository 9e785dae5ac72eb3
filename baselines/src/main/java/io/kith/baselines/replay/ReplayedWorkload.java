package io.kith.baselines.replay;

import io.kith.baselines.decision.Circumstances;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.Missing;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.replay.ReplaySummary.WorkloadSummary;
import io.kith.baselines.replay.ReviewAnswer.Subject;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** One workload of a log: its learner, what is enforced, and what people are asked. */
final class ReplayedWorkload {
  /** How fresh what is true now and is no part of the baseline has to be. */
  private static final Duration REFRESH = Duration.ofSeconds(10);

  private static final int MAX_SUBJECTS = 8_192;

  private final Owner owner;
  private final Learner learner;
  private final AddressMemory addresses = new AddressMemory();
  private final Map<Seen, Subject> subjects = new HashMap<>();
  private final Map<ProcessClass, Integer> asked = new HashMap<>();
  private final Set<Subject> settled = new HashSet<>();
  private final Map<String, ReviewQueue.Item> reviews = new LinkedHashMap<>();
  private final Map<String, Long> byReason = new TreeMap<>();
  private List<Missing> waitedFor = List.of();
  private @Nullable Instant readyAt;
  private @Nullable Rules rules;
  private Snapshot snapshot = Snapshot.observing();
  private Instant refreshed = Instant.MIN;

  private record Seen(ProcessClass process, Exact destination) {}

  ReplayedWorkload(Owner owner, Learner learner) {
    this.owner = owner;
    this.learner = learner;
  }

  Owner owner() {
    return owner;
  }

  Learner learner() {
    return learner;
  }

  AddressMemory addresses() {
    return addresses;
  }

  /** How many questions about a class are open. */
  int asked(ProcessClass process) {
    return asked.getOrDefault(process, 0);
  }

  void ask(ProcessClass process) {
    asked.merge(process, 1, Integer::sum);
  }

  void answered(ProcessClass process) {
    asked.merge(process, -1, Integer::sum);
  }

  /** What was answered, or approved without a question. */
  Set<Subject> settled() {
    return settled;
  }

  /** Notes that nobody has to be asked about the destinations of an edge. */
  void settle(Edge edge) {
    for (var exact : learner.destinationsOf(edge)) {
      var subject = subject(edge.process(), exact);
      if (subject != null) {
        settled.add(subject);
      }
    }
  }

  Map<String, ReviewQueue.Item> reviews() {
    return reviews;
  }

  boolean isEnforced() {
    return rules != null;
  }

  /** What decides now. */
  Snapshot snapshot(Instant now) {
    var current = rules;
    if (current != null && !now.isBefore(refreshed.plus(REFRESH))) {
      compile(current, learner.circumstances(now));
      refreshed = now;
    }
    return snapshot;
  }

  private void compile(Rules current, Circumstances circumstances) {
    if (!current.equals(snapshot.enforced()) || !snapshot.circumstances().equals(circumstances)) {
      snapshot = new Snapshot(Mode.ENFORCE, false, current, null, circumstances);
    }
  }

  /** Takes a revision as enforced from now on. */
  void enforce(Baseline baseline, Instant now) {
    if (readyAt == null) {
      readyAt = now;
    }
    var compiled = Rules.of(baseline, List.of());
    rules = compiled;
    compile(compiled, learner.circumstances(now));
    refreshed = now;
  }

  /** Whether learning is complete; remembers what it waits for. */
  boolean isReady(Instant now) {
    var waits = learner.missing(now);
    if (!waits.isEmpty()) {
      waitedFor = waits;
    }
    return waits.isEmpty();
  }

  void remember(ProcessClass process, Exact destination, Subject subject) {
    if (subjects.size() < MAX_SUBJECTS) {
      subjects.putIfAbsent(new Seen(process, destination), subject);
    }
  }

  @Nullable Subject subject(ProcessClass process, Exact destination) {
    return subjects.get(new Seen(process, destination));
  }

  void denied(String reason) {
    byReason.merge(reason, 1L, Long::sum);
  }

  Map<String, Long> deniedByReason() {
    return byReason;
  }

  WorkloadSummary summary(Instant now) {
    var states = new TreeMap<String, Integer>();
    for (var edge : learner.edges()) {
      states.merge(edge.state().word(), 1, Integer::sum);
    }
    var started = learner.startedAt();
    var ready = readyAt;
    var open = new ArrayList<>(reviews.values());
    open.removeIf(ReviewQueue.Item::isApproved);
    return new WorkloadSummary(
        owner.name(),
        ready == null || started == null
            ? null
            : Duration.between(started, ready).toMillis() / 1_000.0,
        (isEnforced() ? waitedFor : learner.missing(now)).stream().map(Missing::words).toList(),
        states,
        byReason,
        reviews.size(),
        open.size(),
        learner.dropped());
  }
}
