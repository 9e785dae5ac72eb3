package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.check.Heard.Versioned;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class VersionsTest {
  private final Versions versions = new Versions();

  /** Who looked meanwhile would go on behind a change that he did not see. */
  @Test
  void next_whileItsChangeCannotBeSeen_isNotTheLatest() {
    var seen = versions.next(number -> number + ":" + versions.latest());

    assertThat(seen).isEqualTo("1:0");
    assertThat(versions.latest()).isEqualTo(1);
  }

  @Test
  void next_whileAnotherChangeCannotBeSeen_waits() {
    var other =
        versions.next(
            _ -> {
              var thread = new CompletableFuture<Thread>();
              var number =
                  CompletableFuture.supplyAsync(
                      () -> {
                        thread.complete(Thread.currentThread());
                        return versions.next(next -> next);
                      });
              Await.until("it waits", () -> thread.join().getState() == Thread.State.BLOCKED);
              return number;
            });

    assertThat(other.join()).isEqualTo(2);
  }

  /** It may be seen before one with a lower number. */
  @Test
  void after_stateBehindTheLatest_isForTheNextTime() {
    var early = Heard.after(0, 1, 10, Stream.of(new Versioned<>(2, "second")));
    assertThat(early).isEqualTo(Heard.nothing(1));

    var both = Stream.of(new Versioned<>(2, "second"), new Versioned<>(1, "first"));
    var first = Heard.after(0, 1, 10, both);
    assertThat(first.states()).containsExactly("first");

    var second = Heard.after(first.version(), 2, 10, Stream.of(new Versioned<>(2, "second")));
    assertThat(second.states()).containsExactly("second");
    assertThat(second.version()).isEqualTo(2);
  }
}
