package io.kith.server.check;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DeadlinesTest {
  private static final class Waiting implements Deadlines.Entry {
    private final long deadline;
    private final CountDownLatch told = new CountDownLatch(1);
    private final AtomicInteger times = new AtomicInteger();
    private volatile boolean done;
    private volatile long toldAt;

    private Waiting(long millis) {
      deadline = System.nanoTime() + MILLISECONDS.toNanos(millis);
    }

    @Override
    public long deadlineNanos() {
      return deadline;
    }

    @Override
    public boolean isDone() {
      return done;
    }

    @Override
    public void expire() {
      toldAt = System.nanoTime();
      times.incrementAndGet();
      told.countDown();
    }

    private boolean await(long millis) throws InterruptedException {
      return told.await(millis, TimeUnit.MILLISECONDS);
    }
  }

  @Test
  void add_deadlineNearerThanThoseBefore_isNotToldAfterThem() throws Exception {
    try (var deadlines = new Deadlines()) {
      for (var round = 0; round < 20; round++) {
        var far = new Waiting(30_000);
        deadlines.add(far);
        Thread.sleep(round); // at any moment between two walks
        var near = new Waiting(round % 4 * 10L);
        deadlines.add(near);

        assertThat(near.await(20_000)).isTrue();
        assertThat(near.toldAt).isGreaterThanOrEqualTo(near.deadline);
        assertThat(far.told.getCount()).isOne();
        far.done = true;
      }
    }
  }

  @Test
  void add_afterALongTimeWithNothing_isTold() throws Exception {
    try (var deadlines = new Deadlines()) {
      for (var round = 0; round < 3; round++) {
        var one = new Waiting(1);
        deadlines.add(one);
        assertThat(one.await(20_000)).isTrue();
        Thread.sleep(150);
      }
    }
  }

  @Test
  void add_byManyThreadsAtOnce_allAreTold() throws Exception {
    try (var deadlines = new Deadlines()) {
      var all = new ArrayList<Waiting>();
      var threads = new ArrayList<Thread>();
      for (var i = 0; i < 4; i++) {
        var own = new ArrayList<Waiting>();
        for (var k = 0; k < 2_000; k++) {
          own.add(new Waiting(k % 100));
        }
        all.addAll(own);
        threads.add(Thread.ofPlatform().start(() -> own.forEach(deadlines::add)));
      }
      for (var thread : threads) {
        thread.join();
      }
      for (var one : all) {
        assertThat(one.await(20_000)).isTrue();
      }
      var last = new Waiting(0); // told by a later walk over what is left
      deadlines.add(last);
      assertThat(last.await(20_000)).isTrue();
      assertThat(all).as("told once").allMatch(one -> one.times.get() == 1);
    }
  }

  @Test
  void expire_whatIsDone_isNotTold_andOneThatFailsCostsNobodyElseHisEnd() throws Exception {
    try (var deadlines = new Deadlines()) {
      var done = new Waiting(5);
      done.done = true;
      Deadlines.Entry broken =
          new Deadlines.Entry() {
            @Override
            public long deadlineNanos() {
              return System.nanoTime();
            }

            @Override
            public boolean isDone() {
              return false;
            }

            @Override
            public void expire() {
              throw new IllegalStateException("broken");
            }
          };
      var last = new Waiting(20);
      List.of(done, broken, last).forEach(deadlines::add);

      assertThat(last.await(20_000)).isTrue();
      assertThat(done.told.getCount()).isOne();
    }
  }
}
