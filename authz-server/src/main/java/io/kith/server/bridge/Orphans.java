package io.kith.server.bridge;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Attribution;
import io.kith.server.check.Deadlines;
import io.kith.server.check.SocketQuery;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Questions about pods whose bridge has just gone: each waits, no longer than any question may, for
 * a bridge that registers the pod. So a bridge that takes over within that time is not noticed, and
 * without one the answer is the same as at once: there is no bridge. Thread-safe.
 */
final class Orphans {
  /** So long after a bridge went away its pods' questions wait for another. */
  static final Duration HOPE = Duration.ofSeconds(5);

  /** Who has a pod now, if anybody has. */
  interface Finder {
    /** Asks the bridge that has registered an address; null when none has. */
    @Nullable CompletableFuture<Attribution> ask(SocketQuery query, Consumer<Attribution> late);
  }

  private final Map<IpAddress, Long> gone = new ConcurrentHashMap<>();
  private final Queue<Orphan> waiting = new ConcurrentLinkedQueue<>();
  private final AtomicInteger count = new AtomicInteger();
  private final Deadlines deadlines;
  private final Finder finder;

  Orphans(Deadlines deadlines, Finder finder) {
    this.deadlines = deadlines;
    this.finder = finder;
  }

  /** A bridge went away that had these addresses. */
  void gone(Collection<IpAddress> addresses) {
    var now = System.nanoTime();
    gone.values().removeIf(since -> now - since > HOPE.toNanos());
    addresses.forEach(address -> gone.put(address, now));
  }

  /**
   * Lets a question about an address that nobody has wait, when somebody had it a moment ago.
   *
   * @param why nobody can be asked, for when that stays so
   */
  CompletableFuture<Attribution> ask(SocketQuery query, String why, Consumer<Attribution> late) {
    var since = gone.get(query.source().address());
    if (since != null && System.nanoTime() - since <= HOPE.toNanos()) {
      return keep(query, why, late);
    }
    var asked = finder.ask(query, late); // of who registered it since it was looked for
    return asked == null
        ? CompletableFuture.completedFuture(new Attribution.BridgeUnavailable(why))
        : asked;
  }

  /** Lets a question wait whose bridge goes away now. */
  CompletableFuture<Attribution> keep(SocketQuery query, String why, Consumer<Attribution> late) {
    if (count.get() >= Questions.MAX_WAITING) {
      return CompletableFuture.completedFuture(new Attribution.BridgeUnavailable(why));
    }
    var orphan = new Orphan(query, why, late);
    count.incrementAndGet();
    waiting.add(orphan);
    deadlines.add(orphan);
    orphan.tryAgain(); // a bridge may have come meanwhile
    return orphan.answer;
  }

  /** A bridge has registered pods. */
  void registered(Collection<IpAddress> addresses) {
    if (!gone.isEmpty()) {
      gone.keySet().removeAll(addresses);
    }
    waiting.forEach(Orphan::tryAgain);
  }

  private final class Orphan implements Deadlines.Entry {
    private final SocketQuery query;
    private final String why;
    private final Consumer<Attribution> late;
    private final long deadlineNanos;
    private final AtomicBoolean done = new AtomicBoolean();
    private final CompletableFuture<Attribution> answer = new CompletableFuture<>();

    private Orphan(SocketQuery query, String why, Consumer<Attribution> late) {
      this.query = query;
      this.why = why;
      this.late = late;
      this.deadlineNanos = System.nanoTime() + query.timeout().toNanos();
    }

    private void tryAgain() {
      if (done.get()) {
        return;
      }
      var asked = finder.ask(query.until(deadlineNanos), late);
      if (asked != null) {
        end();
        var _ = asked.whenComplete((attribution, _) -> answer.complete(attribution));
      }
    }

    private boolean end() {
      var first = done.compareAndSet(false, true);
      if (first) {
        waiting.remove(this);
        count.decrementAndGet();
      }
      return first;
    }

    @Override
    public long deadlineNanos() {
      return deadlineNanos;
    }

    @Override
    public boolean isDone() {
      return done.get();
    }

    @Override
    public void expire() {
      if (end()) {
        answer.complete(
            new Attribution.BridgeUnavailable(
                why + ", and none took its place within " + query.timeout().toMillis() + " ms"));
      }
    }
  }
}
