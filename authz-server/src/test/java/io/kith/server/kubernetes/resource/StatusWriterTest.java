package io.kith.server.kubernetes.resource;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.check.Await;
import io.kith.server.kubernetes.resource.StatusWriter.Target;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(600)
class StatusWriterTest {
  private static final Target A = new Target(Kind.SCOPE, "shop", "a");
  private static final Target B = new Target(Kind.SCOPE, "shop", "b");

  /** Takes a status only when it is let, and fails as often as it is told. */
  private static final class FakeApi implements StatusWriter.Api {
    final List<String> written = new CopyOnWriteArrayList<>();
    final CountDownLatch opened = new CountDownLatch(1);
    final AtomicInteger failures = new AtomicInteger();

    @Override
    public @Nullable String apply(Target target, Map<String, Object> status) {
      try {
        opened.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return "interrupted";
      }
      if (failures.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        return "429 too many requests";
      }
      written.add(target.name() + " " + status.get("n"));
      return null;
    }
  }

  private static Map<String, Object> status(int n) {
    return Map.of("n", n);
  }

  @Test
  void put_beforeItsTurn_theLatestOfEachIsWritten() {
    var api = new FakeApi();
    try (var writer = new StatusWriter(api, Duration.ZERO)) {
      writer.put(A, status(1));
      Await.until("the first is begun", () -> writer.waiting() == 0);
      writer.put(A, status(2));
      writer.put(B, status(1));
      writer.put(A, status(3));
      api.opened.countDown();

      Await.until("all are written", () -> api.written.size() == 3);
      assertThat(api.written).containsExactly("a 1", "a 3", "b 1");
      Await.until("they are counted", () -> writer.written() == 3);
      assertThat(writer.failures()).isZero();
    }
  }

  @Test
  void apply_refused_isTriedAgain_theOthersFirst() {
    var api = new FakeApi();
    api.failures.set(1);
    try (var writer = new StatusWriter(api, Duration.ZERO)) {
      writer.put(A, status(1));
      writer.put(B, status(1));
      api.opened.countDown();

      Await.until("both are written", () -> api.written.size() == 2);
      assertThat(api.written).containsExactly("b 1", "a 1");
      assertThat(writer.failures()).isEqualTo(1);
    }
  }

  @Test
  void clear_forgetsWhatWaits() {
    var api = new FakeApi();
    try (var writer = new StatusWriter(api, Duration.ZERO)) {
      writer.put(A, status(1));
      Await.until("the first is begun", () -> writer.waiting() == 0);
      writer.put(B, status(1));
      writer.clear();
      api.opened.countDown();
      Await.until("the first is written", () -> writer.written() == 1);

      assertThat(api.written).containsExactly("a 1");
    }
  }

  @Test
  void isSo_comparesWhatIsWritten_asTheApiServerGivesItBack() {
    Map<String, Object> status =
        Map.of("n", 1, "problems", List.of(), "conditions", List.of(Map.of("a", "b")));

    assertThat(
            StatusWriter.isSo(
                status, Map.of("n", 1L, "conditions", List.of(Map.of("a", "b")), "other", "x")))
        .isTrue();
    assertThat(StatusWriter.isSo(status, Map.of())).isFalse();
    assertThat(StatusWriter.isSo(status, Map.of("n", 1, "conditions", List.of()))).isFalse();
    assertThat(StatusWriter.isSo(status, Map.of("n", 1, "conditions", List.of(Map.of("a", "c")))))
        .isFalse();
    assertThat(StatusWriter.isSo(status, Map.of("n", 2, "conditions", List.of(Map.of("a", "b")))))
        .isFalse();
  }
}
