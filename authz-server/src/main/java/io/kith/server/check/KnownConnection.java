package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Decision;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.process.Attribution;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A connection that its bridge answered about a moment ago, or of a process that it did, and what
 * of it was noted since. Thread-safe.
 */
public final class KnownConnection {
  /** So long before the end of an answer it is asked again at the latest. */
  private static final long ANSWERED_WITHIN = Duration.ofMillis(50).toNanos();

  /** So many answers alike are told in full; what comes after them is a routine. */
  private static final int TOLD = 4;

  private final Attribution attribution;
  private volatile boolean isUnasked;
  private volatile long answeredNanos;
  private long usedNanos;
  private boolean isAskedAgain;

  /*
   * Where its latest request went to. It spares a look into SeenConnections, which has it as well: two
   * requests that race are noted there, and one of them is a repetition.
   */
  private volatile @Nullable Noted noted;

  /**
   * A destination with all its names, by what it was allowed, and how often. Counts that race tell
   * one more in full.
   */
  private static final class Noted {
    private final Resolved destination;
    private @Nullable Decision decision;
    private int times;
    private boolean isOfAnAnswerBefore;

    Noted(Resolved destination) {
      this.destination = destination;
    }

    @SuppressWarnings("ReferenceEquality") // the same edge of the same snapshot
    boolean isLike(Decision other) {
      var like = decision;
      return like != null
          && like.applied() instanceof Verdict.Allow(var edge)
          && other.applied() instanceof Verdict.Allow(var itsEdge)
          && edge == itsEdge
          && like.mode() == other.mode()
          && !(like.shadow() instanceof Verdict.Deny)
          && !(other.shadow() instanceof Verdict.Deny);
    }
  }

  /** What its latest request carried; it spares a look into the memory of all ways. */
  volatile ProvenanceHeaders.@Nullable Carried carried;

  /**
   * What a bridge answered.
   *
   * @param nanos when it was asked, by {@link System#nanoTime}
   */
  public KnownConnection(Attribution attribution, long nanos) {
    this(attribution, nanos, false);
  }

  /**
   * The same for one about which its bridge was never asked: what its pod was told about names
   * before may not be here yet.
   */
  public static KnownConnection unasked(Attribution attribution, long nanos) {
    return new KnownConnection(attribution, nanos, true);
  }

  private KnownConnection(Attribution attribution, long nanos, boolean isUnasked) {
    this.attribution = requireNonNull(attribution, "attribution");
    this.isUnasked = isUnasked;
    this.answeredNanos = nanos;
    this.usedNanos = nanos;
  }

  /**
   * Takes note of a use, and says whether it is the one to ask again with: the answer might be too
   * old at the next use, if that is as far from this one as this one from the last, and half as far
   * again. Said once; two uses that race may both be told.
   *
   * @param kept so long an answer is used
   */
  public boolean isToBeAskedAgain(long nanos, Duration kept) {
    var gap = nanos - usedNanos;
    usedNanos = nanos;
    if (isAskedAgain
        || nanos - answeredNanos + Math.max(gap + gap / 2, ANSWERED_WITHIN) < kept.toNanos()) {
      return false;
    }
    isAskedAgain = true;
    return true;
  }

  /** Whose it is. */
  public Attribution attribution() {
    return attribution;
  }

  /** Whether its bridge never answered about it, only about another of the same process. */
  public boolean isUnasked() {
    return isUnasked;
  }

  /** When its latest answer was asked for, by {@link System#nanoTime}. */
  public long answeredNanos() {
    return answeredNanos;
  }

  /** Whether its latest answer is younger than this. */
  public boolean isYoungerThan(Duration kept, long nanos) {
    return nanos - answeredNanos < kept.toNanos();
  }

  /**
   * Its bridge answered the same again. What was noted since the answer before does not count for
   * this one; it stays one object, since many that live for a second are what fills a heap.
   *
   * @param unasked about another connection of the same process
   */
  public void answeredAgain(long nanos, boolean unasked) {
    var latest = noted;
    if (latest != null) {
      latest.times = 0;
      latest.isOfAnAnswerBefore = true;
    }
    carried = null;
    if (!unasked) {
      isUnasked = false;
    }
    answeredNanos = nanos;
    isAskedAgain = false;
  }

  /** Whether this destination was the last that was noted. */
  boolean hasNoted(Resolved destination) {
    var latest = noted;
    return latest != null && !latest.isOfAnAnswerBefore && destination.equals(latest.destination);
  }

  void note(Resolved destination) {
    var latest = noted;
    if (latest != null && destination.equals(latest.destination)) {
      latest.isOfAnAnswerBefore = false;
    } else {
      noted = new Noted(destination);
    }
  }

  /**
   * Whether this is an allow like those before it, of which enough were told in full: nothing is
   * learned from it. Notes it.
   */
  boolean isRoutine(Decision decision) {
    var latest = noted;
    if (latest == null) {
      return false;
    }
    if (latest.isLike(decision)) {
      return ++latest.times > TOLD;
    }
    latest.decision = decision;
    latest.times = 1;
    return false;
  }
}
