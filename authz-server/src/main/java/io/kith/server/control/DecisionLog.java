package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.FlatTable;
import io.kith.server.check.Ids;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

  /** Decisions of one kind, the oldest first, each with its place in the log. */
  private static final class Lines {
    /*
     * Rows, as a line of an object each lives for a second where most Checks are a routine, and would
     * fill the heap: its id, its place, the trace's id, when, flags, the pod's address; and the rest.
     */
    private static final int KEY = 1;
    private static final int PLACE = 1;
    private static final int TRACE = 2;
    private static final int SECONDS = 4;
    private static final int NANOS = 5;
    private static final int FLAGS = 6;
    private static final int REPLICA = 7;
    private static final int WORDS = 9;

    private static final int REPEATED = 1;
    private static final int ROUTINE = 2;
    private static final int LATE = 4;
    private static final int HAS_REPLICA = 8;

    private static final int REPORTER = 0;
    private static final int WORKLOAD = 1;
    private static final int FLOW = 2;
    private static final int DECISION = 3;

    /** All of it where its ids are not such as this server makes; else null. */
    private static final int WHOLE = 4;

    private final int room;
    private boolean forgot;
    private final FlatTable rows = new FlatTable(KEY, WORDS, 5);

    Lines(int room) {
      this.room = room;
    }

    private static boolean isPlain(CheckRecord answered) {
      return Ids.isDecision(answered.decisionId()) && Ids.isTrace(answered.traceId());
    }

    private static long key(String id) {
      return Ids.isDecision(id) ? Ids.number(id, 2) : id.hashCode();
    }

    private static int flags(CheckRecord answered) {
      return (answered.repeated() ? REPEATED : 0)
          | (answered.routine() ? ROUTINE : 0)
          | (answered.late() ? LATE : 0)
          | (answered.replica() == null ? 0 : HAS_REPLICA);
    }

    void add(CheckRecord answered, long place) {
      var plain = isPlain(answered);
      var trace = answered.traceId();
      var replica = answered.replica();
      var time = answered.time();
      var row = new long[WORDS];
      row[0] = key(answered.decisionId());
      row[PLACE] = place;
      row[TRACE] = plain ? Ids.number(trace, 0) : 0;
      row[TRACE + 1] = plain ? Ids.number(trace, 16) : 0;
      row[SECONDS] = time.getEpochSecond();
      row[NANOS] = time.getNano();
      row[FLAGS] = flags(answered);
      row[REPLICA] = replica == null ? 0 : replica.high();
      row[REPLICA + 1] = replica == null ? 0 : replica.low();
      var _ =
          rows.add(
              row,
              answered.reporter(),
              answered.workload(),
              answered.flow(),
              answered.decision(),
              plain ? null : answered);
      if (rows.size() > room) {
        rows.remove(rows.eldest());
        forgot = true;
      }
    }

    /** From when on all of the kind are here; null when none was forgotten. */
    @Nullable Instant reach() {
      return forgot ? time(rows.eldest()) : null;
    }

    /** The row of a decision, or -1. */
    int find(String id) {
      var row = rows.find(new long[] {key(id)});
      return row >= 0 && read(row).decisionId().equals(id) ? row : -1;
    }

    /** Puts what is known by now in the place of what was; false when it is not there. */
    boolean complete(CheckRecord late) {
      var row = find(late.decisionId());
      if (row < 0) {
        return false;
      }
      if (rows.object(row, WHOLE) != null) {
        rows.set(row, WHOLE, late);
      }
      rows.set(row, FLOW, late.flow());
      rows.set(row, DECISION, late.decision());
      rows.setNumber(row, FLAGS, flags(late));
      return true;
    }

    int newest() {
      return rows.newest();
    }

    int before(int row) {
      return rows.before(row);
    }

    long place(int row) {
      return rows.number(row, PLACE);
    }

    Instant time(int row) {
      return Instant.ofEpochSecond(rows.number(row, SECONDS), rows.number(row, NANOS));
    }

    Decision decision(int row) {
      return (Decision) requireNonNull(rows.object(row, DECISION), "decision");
    }

    @Nullable Owner owner(int row) {
      return rows.object(row, WORKLOAD) instanceof Workload workload ? workload.owner() : null;
    }

    CheckRecord read(int row) {
      if (rows.object(row, WHOLE) instanceof CheckRecord whole) {
        return whole;
      }
      var flags = rows.number(row, FLAGS);
      return new CheckRecord(
          Ids.decision(rows.number(row, 0)),
          Ids.trace(rows.number(row, TRACE), rows.number(row, TRACE + 1)),
          time(row),
          (SpiffeId) rows.object(row, REPORTER),
          (Workload) rows.object(row, WORKLOAD),
          (flags & HAS_REPLICA) == 0
              ? null
              : IpAddress.of(rows.number(row, REPLICA), rows.number(row, REPLICA + 1)),
          (Flow) rows.object(row, FLOW),
          decision(row),
          (flags & REPEATED) != 0,
          (flags & ROUTINE) != 0,
          (flags & LATE) != 0);
    }
  }

  /** One that may be wanted, and is read if it is. */
  private record Found(Lines lines, int row) {
    long place() {
      return lines.place(row);
    }

    CheckRecord read() {
      return lines.read(row);
    }
  }

  private final Map<Kind, Lines> lines = new EnumMap<>(Kind.class);
  private long next = 1;

  /** Decisions of other servers that people asked for, by id; the oldest go first. */
  private final LinkedHashMap<String, CheckRecord> adopted = new LinkedHashMap<>();

  DecisionLog() {
    for (var kind : Kind.values()) {
      lines.put(kind, new Lines(kind.room));
    }
  }

  /** Adds an answer, or completes it when it is a late one. */
  synchronized void add(CheckRecord answered) {
    if (answered.late()) {
      for (var same : lines.values()) {
        if (same.complete(answered)) {
          return;
        }
      }
      return;
    }
    of(Kind.of(answered)).add(answered, next++);
  }

  private Lines of(Kind kind) {
    return requireNonNull(lines.get(kind), "every kind has some");
  }

  /** A decision of this server. */
  synchronized @Nullable CheckRecord own(String decisionId) {
    for (var same : lines.values()) {
      var row = same.find(decisionId);
      if (row >= 0) {
        return same.read(row);
      }
    }
    return null;
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
  List<CheckRecord> latest(@Nullable Owner owner, boolean deniedOnly, int limit) {
    return latest(new Wanted(owner, deniedOnly), limit);
  }

  /** Newest first. */
  synchronized List<CheckRecord> latest(Wanted wanted, int limit) {
    var found = new ArrayList<Found>();
    for (var kind : kinds(wanted)) {
      var same = of(kind);
      for (var row = same.newest(); row >= 0; row = same.before(row)) {
        if (wanted.includes(same.owner(row), same.decision(row))
            && wanted.includes(same.time(row))) {
          found.add(new Found(same, row));
        }
      }
    }
    return found.stream()
        .sorted(Comparator.comparingLong(Found::place).reversed())
        .limit(limit)
        .map(Found::read)
        .toList();
  }

  private static List<Kind> kinds(Wanted wanted) {
    if (wanted.deniedOnly()) {
      return List.of(Kind.DENIED);
    }
    return wanted.reason() == null
        ? List.of(Kind.values())
        : List.of(Kind.DENIED, Kind.WOULD_BE_DENIED);
  }

  /**
   * From when on all that is wanted is remembered; null when nothing of its kinds was forgotten.
   */
  synchronized @Nullable Instant reach(Wanted wanted) {
    return kinds(wanted).stream()
        .map(kind -> of(kind).reach())
        .filter(Objects::nonNull)
        .max(Comparator.naturalOrder())
        .orElse(null);
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
    var wanted = new ArrayList<Found>();
    for (var kind : Kind.values()) {
      var same = of(kind);
      for (var row = same.newest(); row >= 0 && same.place(row) >= from; row = same.before(row)) {
        there++;
        if ((owner == null || owner.equals(same.owner(row)))
            && (!deniedOnly || kind == Kind.DENIED)) {
          wanted.add(new Found(same, row));
        }
      }
    }
    wanted.sort(Comparator.comparingLong(Found::place));
    var cut = Math.max(0, wanted.size() - most);
    return new DecisionTail(
        wanted.subList(cut, wanted.size()).stream().map(Found::read).toList(),
        next - from - there + cut,
        next);
  }
}
