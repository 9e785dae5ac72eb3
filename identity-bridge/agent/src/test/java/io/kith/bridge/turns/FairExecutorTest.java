package io.kith.bridge.turns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.bridge.turns.FairExecutor.Limits;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FairExecutorTest {
  private final List<FairExecutor<String>> open = new ArrayList<>();
  private final Semaphore gate = new Semaphore(0);

  private FairExecutor<String> executor(
      int threads, int threadsOfOne, int waiting, int waitingOfOne) {
    var executor =
        new FairExecutor<String>("test-", new Limits(threads, threadsOfOne, waiting, waitingOfOne));
    open.add(executor);
    return executor;
  }

  @AfterEach
  void close() {
    gate.release(1_000_000);
    open.forEach(FairExecutor::close);
  }

  /** Waits at the gate. */
  private void slow() {
    gate.acquireUninterruptibly();
  }

  private static void awaitWaiting(FairExecutor<String> executor, int tasks) {
    while (executor.waiting() != tasks) {
      Thread.onSpinWait();
    }
  }

  @Test
  void execute_oneWithMuchThatIsSlow_keepsNoOtherWaiting() throws Exception {
    var executor = executor(8, 2, 10_000, 2_500);
    for (var i = 0; i < 2_000; i++) {
      executor.execute("noisy", this::slow);
    }
    var done = new CountDownLatch(300);

    for (var i = 0; i < 300; i++) {
      executor.execute("quiet-" + i % 3, done::countDown);
    }

    assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
    awaitWaiting(executor, 1_998); // of the noisy one
  }

  @Test
  void execute_moreThatAreSlowThanThreads_areServedInTurns() throws Exception {
    var executor = executor(1, 1, 100, 100);
    var order = Collections.synchronizedList(new ArrayList<String>());
    var done = new CountDownLatch(6);
    executor.execute("first", this::slow);
    awaitWaiting(executor, 0);
    for (var key : List.of("a", "a", "a", "a", "b", "c")) {
      executor.execute(
          key,
          () -> {
            order.add(key);
            done.countDown();
          });
    }

    gate.release();

    assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(order).containsExactly("a", "b", "c", "a", "a", "a");
  }

  @Test
  void execute_oneThreadForOne_keepsTheOrderOfItsTasks() throws Exception {
    var executor = executor(4, 1, 10_000, 10_000);
    var order = Collections.synchronizedList(new ArrayList<Integer>());
    var done = new CountDownLatch(5_000);

    for (var i = 0; i < 5_000; i++) {
      var number = i;
      executor.execute(
          "one",
          () -> {
            order.add(number);
            done.countDown();
          });
    }

    assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(order).isSorted().hasSize(5_000);
  }

  @Test
  void execute_tooMuchOfOne_isRefused_andOthersAreNot() {
    var executor = executor(1, 1, 10, 3);
    executor.execute("other", this::slow);
    awaitWaiting(executor, 0);
    for (var i = 0; i < 3; i++) {
      executor.execute("noisy", this::slow);
    }

    assertThatThrownBy(() -> executor.execute("noisy", this::slow))
        .isInstanceOf(RejectedExecutionException.class);
    assertThatCode(() -> executor.execute("quiet", this::slow)).doesNotThrowAnyException();
  }

  @Test
  void execute_tooMuchOfAll_isRefused() {
    var executor = executor(1, 1, 3, 3);
    executor.execute("working", this::slow);
    awaitWaiting(executor, 0);
    for (var key : List.of("a", "b", "c")) {
      executor.execute(key, this::slow);
    }

    assertThatThrownBy(() -> executor.execute("d", this::slow))
        .isInstanceOf(RejectedExecutionException.class);
  }

  @Test
  void execute_taskThatFails_takesNoThreadAway() throws Exception {
    var executor = executor(1, 1, 100, 100);
    var done = new CountDownLatch(1);

    executor.execute(
        "one",
        () -> {
          throw new IllegalStateException("as a test wants");
        });
    executor.execute("one", done::countDown);

    assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void close_whatWaits_neverBegins() throws Exception {
    var executor = executor(1, 1, 100, 100);
    var began = new AtomicInteger();
    var interrupted = new CountDownLatch(1);
    executor.execute(
        "one",
        () -> {
          try {
            gate.acquire();
          } catch (InterruptedException _) {
            interrupted.countDown();
          }
        });
    executor.execute("one", began::incrementAndGet);
    executor.execute("two", began::incrementAndGet);
    awaitWaiting(executor, 2);

    executor.close();

    assertThat(interrupted.await(30, TimeUnit.SECONDS)).isTrue();
    assertThatThrownBy(() -> executor.execute("one", began::incrementAndGet))
        .isInstanceOf(RejectedExecutionException.class);
    assertThat(executor.waiting()).isZero();
    assertThat(began.get()).isZero();
  }

  @Test
  void execute_fromManyAtOnce_doesEachOnce_andNeverMoreAtATimeThanMay() throws Exception {
    var executor = executor(6, 2, 1_000_000, 1_000_000);
    var tasks = 40_000;
    var callers = 4;
    var done = new CountDownLatch(callers * tasks);
    var times = new AtomicInteger[10];
    var now = new AtomicInteger[times.length];
    for (var i = 0; i < times.length; i++) {
      times[i] = new AtomicInteger();
      now[i] = new AtomicInteger();
    }
    var all = new AtomicInteger();
    var mostOfOne = new AtomicInteger();
    var most = new AtomicInteger();
    Runnable calls =
        () -> {
          for (var i = 0; i < tasks; i++) {
            var one = ThreadLocalRandom.current().nextInt(times.length);
            executor.execute(
                "key-" + one,
                () -> {
                  mostOfOne.accumulateAndGet(now[one].incrementAndGet(), Math::max);
                  most.accumulateAndGet(all.incrementAndGet(), Math::max);
                  times[one].incrementAndGet();
                  all.decrementAndGet();
                  now[one].decrementAndGet();
                  done.countDown();
                });
          }
        };

    for (var i = 0; i < callers; i++) {
      Thread.ofPlatform().start(calls);
    }

    assertThat(done.await(50, TimeUnit.SECONDS)).isTrue();
    assertThat(mostOfOne.get()).isLessThanOrEqualTo(2);
    assertThat(most.get()).isLessThanOrEqualTo(6);
    assertThat(executor.waiting()).isZero();
  }
}
