package io.kith.server.control;

import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.identity.Owner;
import io.kith.server.check.CheckRecord;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The latest decisions, by id.
 *
 * <p>Denials, denials that a proposed baseline would make, and allows each have room of their own,
 * so that many of one kind never push out another. Thread-safe.
 */
final class DecisionLog {
  private static final int ADOPTED = 1_000;

  private enum Kind {
    DENIED(10_000),
    WOULD_BE_DENIED(1_000),
    ALLOWED(1_000);

    private final int room;

    Kind(int room) {
      this.room = room;
    }

    private static Kind of(CheckRecord answered) {
      if (answered.decision().applied() instanceof Deny) {
        return DENIED;
      }
      return answered.decision().shadow() instanceof Deny ? WOULD_BE_DENIED : ALLOWED;
    }
  }

  private static final class Line {
    private final long number;
    private CheckRecord answered;

    private Line(long number, CheckRecord answered) {
      this.number = number;
      this.answered = answered;
    }
  }

  private final Map<Kind, ArrayDeque<Line>> lines = new EnumMap<>(Kind.class);
  private final Map<String, Line> byId = new HashMap<>();
  private long next = 1;

  /** Decisions of other servers that people asked for, by id; the oldest go first. */
  private final LinkedHashMap<String, CheckRecord> adopted = new LinkedHashMap<>();

  DecisionLog() {
    for (var kind : Kind.values()) {
      lines.put(kind, new ArrayDeque<>());
    }
  }

  /** Adds an answer, or completes it when it is a late one. */
  synchronized void add(CheckRecord answered) {
    if (answered.late()) {
      var line = byId.get(answered.decisionId());
      if (line != null) {
        line.answered = answered;
      }
      return;
    }
    var kind = Kind.of(answered);
    var same = lines.getOrDefault(kind, new ArrayDeque<>());
    if (same.size() == kind.room) {
      byId.remove(same.removeFirst().answered.decisionId());
    }
    var line = new Line(next++, answered);
    same.addLast(line);
    byId.put(answered.decisionId(), line);
  }

  /** A decision of this server. */
  synchronized @Nullable CheckRecord own(String decisionId) {
    var line = byId.get(decisionId);
    return line == null ? null : line.answered;
  }

  /** A decision of this server, or one that was adopted. */
  synchronized @Nullable CheckRecord find(String decisionId) {
    var own = own(decisionId);
    return own == null ? adopted.get(decisionId) : own;
  }

  /** Remembers a decision of another server for a while; it is among the latest nowhere. */
  synchronized void adopt(CheckRecord answered) {
    adopted.remove(answered.decisionId());
    if (adopted.size() >= ADOPTED) {
      adopted.pollFirstEntry();
    }
    adopted.put(answered.decisionId(), answered);
  }

  /**
   * Newest first.
   *
   * @param owner null for every workload and for what is nobody's
   */
  synchronized List<CheckRecord> latest(@Nullable Owner owner, boolean deniedOnly, int limit) {
    var found = new ArrayList<Line>();
    for (var kind : deniedOnly ? List.of(Kind.DENIED) : List.of(Kind.values())) {
      lines
          .getOrDefault(kind, new ArrayDeque<>())
          .descendingIterator()
          .forEachRemaining(
              line -> {
                if (owner == null || owner.equals(ownerOf(line.answered))) {
                  found.add(line);
                }
              });
    }
    return found.stream()
        .sorted(Comparator.comparingLong((Line line) -> line.number).reversed())
        .limit(limit)
        .map(line -> line.answered)
        .toList();
  }

  /**
   * What came after a place in the log.
   *
   * @param place number of the first decision that is wanted, as {@link DecisionTail#next} was; 0
   *     for all that is remembered
   * @param owner null for every workload and for what is nobody's
   * @param most of so many, the latest
   */
  synchronized DecisionTail tail(long place, @Nullable Owner owner, boolean deniedOnly, int most) {
    var from = Math.max(1, place);
    var there = 0L;
    var wanted = new ArrayList<Line>();
    for (var one : lines.entrySet()) {
      for (var i = one.getValue().descendingIterator(); i.hasNext(); ) {
        var line = i.next();
        if (line.number < from) {
          break;
        }
        there++;
        if ((owner == null || owner.equals(ownerOf(line.answered)))
            && (!deniedOnly || one.getKey() == Kind.DENIED)) {
          wanted.add(line);
        }
      }
    }
    wanted.sort(Comparator.comparingLong(line -> line.number));
    var cut = Math.max(0, wanted.size() - most);
    return new DecisionTail(
        wanted.subList(cut, wanted.size()).stream().map(line -> line.answered).toList(),
        next - from - there + cut,
        next);
  }

  private static @Nullable Owner ownerOf(CheckRecord answered) {
    return answered.workload() == null ? null : answered.workload().owner();
  }
}
