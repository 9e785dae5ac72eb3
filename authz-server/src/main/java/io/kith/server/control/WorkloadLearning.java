package io.kith.server.control;

import io.kith.baselines.bundle.LearnedSeals.Plain;
import io.kith.baselines.decision.Circumstances;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.learning.Instance;
import io.kith.baselines.learning.LearnedState;
import io.kith.baselines.learning.Learner;
import io.kith.baselines.learning.Observation;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.store.LearnedPart;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What all servers learned of one workload: what this one sees itself and writes, and what the
 * others wrote.
 *
 * <p>Each time that somebody says to forget, an epoch ends. Parts of another epoch than this one
 * are not used, so what was on its way to the store at that moment does not come back. Thread-safe.
 */
final class WorkloadLearning {
  /*
   * Counts add up, so the learner of this server is never merged into: what is asked for is merged
   * from it and the others into a third one. Without others it answers itself.
   */
  private static final Duration RECENT = Duration.ofSeconds(10);

  private final Supplier<Learner> fresh;
  private @Nullable Learner own;
  private @Nullable Learner others;
  private long othersMark;
  private boolean lacksOthers = true;
  private long epoch;
  private @Nullable Baseline decided;
  private @Nullable Learner recent;
  private Instant recentUntil = Instant.MIN;

  /**
   * @param fresh makes a learner that has seen nothing
   * @param epoch that is now
   */
  WorkloadLearning(Supplier<Learner> fresh, long epoch) {
    this.fresh = fresh;
    this.epoch = epoch;
  }

  /** Whether neither this server nor another has seen anything: most of a large mesh. */
  synchronized boolean isUnseen() {
    return own == null && others == null;
  }

  /** The learner of this server, made when there is something to learn. */
  private Learner own() {
    if (own == null) {
      own = fresh();
    }
    return own;
  }

  private Learner fresh() {
    var learner = fresh.get();
    learner.decided(decided);
    return learner;
  }

  /** What was seen by now, without what was decided where nothing was seen. */
  synchronized Learner seen() {
    return isUnseen() ? fresh.get() : whole();
  }

  /** All that is known by now. Reading it costs a merge where there are other servers. */
  synchronized Learner whole() {
    if (others == null) {
      return own == null ? fresh() : own;
    }
    var whole = fresh.get();
    if (own != null) {
      whole.merge(own);
    }
    whole.merge(others);
    whole.decided(decided);
    return whole;
  }

  /** The same, up to ten seconds old, for what is asked with every connection. */
  private Learner recent(Instant now) {
    if (others == null && own != null) {
      return own;
    }
    if (recent == null || !now.isBefore(recentUntil)) {
      recent = whole();
      recentUntil = now.plus(RECENT);
    }
    return recent;
  }

  synchronized Circumstances circumstances(Instant now) {
    return isUnseen() ? Circumstances.NONE : recent(now).circumstances(now);
  }

  /** Pods that run now, or that usually do when fewer speak; at least one. */
  synchronized int replicas(Instant now) {
    if (isUnseen()) {
      return 1;
    }
    var known = recent(now);
    return Math.max(1, Math.max(known.running(now), known.usual(now)));
  }

  /** Whether the process and destination are new to this server, and may be learned. */
  synchronized boolean observe(Observation seen) {
    return own().observe(seen);
  }

  /** Whether the pod, its start or its image is new to this server. */
  synchronized boolean runs(Instance instance, Instant now) {
    var isNew = own().runs(instance, now);
    if (isNew) {
      recent = null;
    }
    return isNew;
  }

  /** The newest revision that holds, or null. */
  synchronized void decided(@Nullable Baseline baseline) {
    decided = baseline;
    if (own != null) {
      own.decided(baseline);
    }
    recent = null;
  }

  /**
   * Begins to learn anew.
   *
   * @param process forgets only this class, or null for everything
   * @param next the epoch that begins
   */
  synchronized void relearn(@Nullable ProcessClass process, long next) {
    if (process == null) {
      own = fresh();
    } else {
      own().forget(process);
    }
    LearnedState.forgotten(own());
    epoch = next;
    others = null;
    othersMark = 0;
    lacksOthers = true; // who ended the epoch sooner may have written of the next one
    recent = null;
  }

  /** Whether what the other servers wrote of this epoch was not taken yet. */
  synchronized boolean lacksOthers() {
    return lacksOthers;
  }

  /** Whether that is the epoch that is now. */
  synchronized boolean isOf(long that) {
    return epoch == that;
  }

  /** What this server saw and has not handed out yet, with the epoch that it is of. */
  synchronized List<Plain> changed(String replica, boolean countsToo, int limit) {
    if (own == null) {
      return List.of();
    }
    return LearnedState.changed(own, replica, countsToo, limit).stream()
        .map(part -> new Plain(part, epoch))
        .toList();
  }

  /**
   * Goes on from what this server wrote before a restart.
   *
   * @return whether some of it is of an epoch that ended
   * @throws IllegalArgumentException when it cannot be read; then nothing was taken
   */
  synchronized boolean resume(String replica, List<Plain> parts) {
    if (parts.isEmpty()) {
      return false;
    }
    var current = current(parts);
    LearnedState.resume(own(), replica, current);
    var outdated = current.size() < parts.size();
    if (outdated) {
      LearnedState.forgotten(own());
    }
    return outdated;
  }

  /**
   * Adds what this server wrote before a restart to what it has seen since.
   *
   * @throws IllegalArgumentException when it cannot be read; then nothing was taken
   */
  synchronized void resumeLate(String replica, List<Plain> parts) {
    if (!parts.isEmpty()) {
      LearnedState.resumeLate(own(), replica, current(parts));
    }
    recent = null;
  }

  /**
   * Takes what the other servers wrote, in place of what was taken before.
   *
   * @param unread told why what a server wrote cannot be read; the others' is taken all the same
   * @return whether it is something else than before
   */
  synchronized boolean others(List<Plain> parts, Consumer<IllegalArgumentException> unread) {
    var current = current(parts);
    var mark = mark(current);
    lacksOthers = false;
    if (mark == othersMark) {
      return false;
    }
    Learner read = null;
    if (!current.isEmpty()) {
      read = fresh.get();
      var byReplica = current.stream().collect(Collectors.groupingBy(LearnedPart::replica));
      for (var its : byReplica.values()) {
        try {
          LearnedState.load(read, its);
        } catch (IllegalArgumentException e) {
          unread.accept(e);
        }
      }
    }
    others = read;
    othersMark = mark;
    recent = null;
    return true;
  }

  private List<LearnedPart> current(List<Plain> parts) {
    return parts.stream().filter(plain -> plain.epoch() == epoch).map(Plain::part).toList();
  }

  /** Tells one set of parts from another without keeping them; 0 for none. */
  private static long mark(List<LearnedPart> parts) {
    var mark = 0L;
    for (var part : parts) {
      var one = part.replica().hashCode() * 31L + part.key().hashCode();
      mark += ((one << 32) | (part.body().hashCode() & 0xffff_ffffL)) * 0x9e37_79b9_7f4a_7c15L;
    }
    return mark;
  }
}
