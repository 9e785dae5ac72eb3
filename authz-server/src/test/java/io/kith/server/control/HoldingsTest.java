package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(600)
class HoldingsTest {
  private volatile Instant now = Instant.parse("2026-01-01T12:00:00Z");
  private final AtomicInteger loads = new AtomicInteger();
  private final CountDownLatch releasing = new CountDownLatch(1);
  private final CountDownLatch mayRelease = new CountDownLatch(1);

  private class Loader implements Holdings.Loader {
    @Override
    public void load(Workload workload, Runnable begun) {
      loads.incrementAndGet();
      begun.run();
    }

    @Override
    public void unload(Owner owner, Runnable begun) {
      releasing.countDown();
      try {
        mayRelease.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
      begun.run();
    }
  }

  private Holdings holdings(Holdings.Loader loader) {
    return new Holdings(Shop.directory(List.of(CHECKOUT)), loader, () -> now);
  }

  /** Its snapshot is gone by then, and entries about it are folded for a moment longer. */
  @Test
  void bring_whileItIsBeingReleased_isDoneOnceItIsThereAgain() throws Exception {
    try (var holdings = holdings(new Loader())) {
      holdings.want(CHECKOUT).get(60, TimeUnit.SECONDS);
      now = now.plus(Holdings.LINGER).plusSeconds(1);
      holdings.tidy();
      releasing.await();

      var coming = holdings.bring(CHECKOUT);

      assertThat(coming).isNotDone();
      mayRelease.countDown();
      coming.get(60, TimeUnit.SECONDS);
      assertThat(loads).hasValue(2);
      assertThat(holdings.has(CHECKOUT.owner())).isTrue();
    }
  }

  @Test
  void want_errorWhileItIsLoaded_isTold_andTheNextTriesAgain() throws Exception {
    var loader =
        new Loader() {
          @Override
          public void load(Workload workload, Runnable begun) {
            super.load(workload, begun);
            if (loads.get() == 1) {
              throw new AssertionError("on purpose");
            }
          }
        };
    try (var holdings = holdings(loader)) {
      assertThatThrownBy(() -> holdings.want(CHECKOUT).get(60, TimeUnit.SECONDS))
          .isInstanceOf(ExecutionException.class)
          .hasRootCauseMessage("on purpose");

      holdings.want(CHECKOUT).get(60, TimeUnit.SECONDS);

      assertThat(loads).hasValue(2);
    }
  }
}
