package io.kith.server.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.server.check.Await;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LearnedFlusherTest {
  private static final Duration NEVER = Duration.ofHours(1);
  private static final Owner OWNER = Owner.parse("shop/deployment/checkout");

  private final FakeStore store = new FakeStore();
  private final Queue<LearnedPart> unwritten = new ConcurrentLinkedQueue<>();
  private final AtomicInteger countsAsked = new AtomicInteger();

  /** A store in memory that can be out of order. */
  private static final class FakeStore implements BaselineStore {
    private final InMemoryStore memory = new InMemoryStore();
    volatile boolean broken;

    @Override
    public void saveLearned(List<LearnedPart> parts) throws StoreException {
      if (broken) {
        throw new StoreException("broken by the test");
      }
      memory.saveLearned(parts);
    }

    List<LearnedPart> learned() throws StoreException {
      return memory.learnedByOthers("", List.of(OWNER));
    }

    @Override
    public List<Entry> after(long position, int limit) throws StoreException {
      return memory.after(position, limit);
    }

    @Override
    public List<Entry> latest(long after, long before, @Nullable String subject, int limit)
        throws StoreException {
      return memory.latest(after, before, subject, limit);
    }

    @Override
    public boolean append(List<Entry> entries) throws StoreException {
      return memory.append(entries);
    }

    @Override
    public void forgetLearned(String replica, Owner owner) throws StoreException {
      memory.forgetLearned(replica, owner);
    }

    @Override
    public List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners)
        throws StoreException {
      return memory.learnedByOthers(replica, owners);
    }

    @Override
    public LearnedChanges changedByOthers(String replica, @Nullable String since)
        throws StoreException {
      return memory.changedByOthers(replica, since);
    }

    @Override
    public AutoCloseable watch(Runnable mayHaveChanged) {
      return memory.watch(mayHaveChanged);
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  private static LearnedPart part(int number, String body) {
    return new LearnedPart("s", OWNER, "edge:" + number, body);
  }

  private List<LearnedPart> changed(boolean countsToo, int limit) {
    countsAsked.addAndGet(countsToo ? 1 : 0);
    var parts = new ArrayList<LearnedPart>();
    while (parts.size() < limit && !unwritten.isEmpty()) {
      parts.add(unwritten.remove());
    }
    return parts;
  }

  @Test
  void interval_partsAreWritten_andCountsAtTimes() throws Exception {
    try (var flusher = new LearnedFlusher(store, this::changed, Duration.ofMillis(10))) {
      for (var i = 0; i < 5_000; i++) {
        unwritten.add(part(i, "{}"));
      }

      Await.until("all are written", () -> flusher.written() == 5_000);
      Await.until("counts are asked for", () -> countsAsked.get() > 0);
    }
    assertThat(store.learned()).hasSize(5_000);
  }

  @Test
  void storeFails_partsAreKept_theLatestOfEach_andWrittenLater() throws Exception {
    try (var flusher = new LearnedFlusher(store, this::changed, NEVER)) {
      store.broken = true;
      unwritten.add(part(1, "{\"n\":1}"));
      unwritten.add(part(2, "{}"));
      assertThatThrownBy(() -> flusher.flush(false)).hasMessage("broken by the test");
      unwritten.add(part(1, "{\"n\":2}"));
      assertThatThrownBy(() -> flusher.flush(false)).hasMessage("broken by the test");
      assertThat(flusher.pending()).isEqualTo(2);
      assertThat(flusher.failures()).isEqualTo(2);

      store.broken = false;
      flusher.flush(false);

      assertThat(store.learned()).containsExactlyInAnyOrder(part(1, "{\"n\":2}"), part(2, "{}"));
      assertThat(flusher.pending()).isZero();
    }
  }

  @Test
  void storeFailsForLong_noMoreIsTakenThanTheBound() throws Exception {
    store.broken = true;
    for (var i = 0; i < 30_000; i++) {
      unwritten.add(part(i, "{}"));
    }
    try (var flusher = new LearnedFlusher(store, this::changed, NEVER)) {
      for (var i = 0; i < 20; i++) {
        assertThatThrownBy(() -> flusher.flush(true)).isInstanceOf(StoreException.class);
      }
      assertThat(flusher.pending()).isEqualTo(LearnedFlusher.MAX_PENDING);
      assertThat(unwritten).hasSize(20_000);

      store.broken = false;
    }
    assertThat(store.learned()).hasSize(30_000);
  }

  @Test
  void storeFailsAWhile_isTriedAgainByItself() {
    store.broken = true;
    unwritten.add(part(1, "{}"));
    try (var flusher = new LearnedFlusher(store, this::changed, Duration.ofMillis(5))) {
      Await.until("it failed twice", () -> flusher.failures() > 1);

      store.broken = false;

      Await.until("it is written", () -> flusher.written() == 1);
    }
  }

  @Test
  void sourceFails_isAskedAgain() {
    var calls = new AtomicInteger();
    try (var flusher =
        new LearnedFlusher(
            store,
            (counts, limit) -> {
              if (calls.getAndIncrement() == 0) {
                throw new IllegalStateException("thrown by the test on purpose");
              }
              return changed(counts, limit);
            },
            Duration.ofMillis(5))) {
      unwritten.add(part(1, "{}"));

      Await.until("it is written", () -> flusher.written() == 1);
    }
  }

  @Test
  void close_writesTheRest_countsToo() throws Exception {
    var flusher = new LearnedFlusher(store, this::changed, NEVER);
    unwritten.add(part(1, "{}"));

    flusher.close();

    assertThat(store.learned()).containsExactly(part(1, "{}"));
    assertThat(countsAsked.get()).isPositive();
  }
}
