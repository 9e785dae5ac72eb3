package io.kith.server.fleet;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.control.v1.DecisionsQuestion;
import io.kith.control.v1.News;
import io.kith.server.control.Elsewhere;
import io.kith.server.control.Elsewhere.Question;
import io.kith.server.control.Elsewhere.Remembered;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CheckServersTest {
  private final CheckServers servers = new CheckServers(Duration.ofSeconds(1));

  /** Holds up who follows until the end, and answers a question at once. */
  private static final class HoldsUp implements CheckServers.Follower {
    final CountDownLatch held = new CountDownLatch(CheckServers.MAX_QUESTIONS);
    final CountDownLatch end = new CountDownLatch(1);

    @Override
    public @Nullable IpAddress address() {
      return null;
    }

    @Override
    public CheckServers.Status status() {
      return new CheckServers.Status("node-1", "", 0, 0, 0, 0, "", Instant.EPOCH);
    }

    @Override
    public void tell(News news) {}

    @Override
    public CompletableFuture<Remembered> ask(DecisionsQuestion question) {
      if (question.hasFrom()) {
        held.countDown();
        try {
          end.await();
        } catch (InterruptedException _) {
          Thread.currentThread().interrupt();
        }
      }
      return CompletableFuture.completedFuture(new Remembered(List.of("{}"), 0, 0));
    }

    @Override
    public void forget(DecisionsQuestion question) {}

    @Override
    public boolean holds(Owner owner) {
      return true;
    }

    @Override
    public Set<IpAddress> pods(Owner owner) {
      return Set.of();
    }

    @Override
    public void replaced() {}
  }

  /** A few tails, while one check server was silent, had who asked for one decision refused. */
  @Test
  void ask_whileAsManyFollowAsMay_isAnswered() throws Exception {
    var one = new HoldsUp();
    assertThat(servers.attach("node-1", one)).isNull();
    try {
      for (var i = 0; i < CheckServers.MAX_QUESTIONS; i++) {
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    var _ = servers.follow(null, _ -> new Question(null, null, false, 1, 0L));
                  } catch (Exception e) {
                    throw new IllegalStateException(e);
                  }
                });
      }
      one.held.await();

      var answers = servers.ask(new Question("d:0123456789abcdef", null, false, 1));

      assertThat(answers.answers()).extracting(Elsewhere.Answer::server).containsExactly("node-1");
    } finally {
      one.end.countDown();
    }
  }
}
