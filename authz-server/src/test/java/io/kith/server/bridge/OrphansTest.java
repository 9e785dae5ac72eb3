package io.kith.server.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.server.check.Deadlines;
import io.kith.server.check.SocketEnd;
import io.kith.server.check.SocketQuery;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OrphansTest {
  private static final Attribution NOBODY = new Attribution.BridgeUnavailable("nobody has it");

  private static final SocketQuery QUERY =
      new SocketQuery(
          "node-1",
          Protocol.TCP,
          new SocketEnd(IpAddress.parse("10.88.1.2"), 40_000),
          new SocketEnd(IpAddress.parse("10.88.1.3"), 5_432),
          SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout"),
          "",
          Duration.ofSeconds(60));

  private final Deadlines deadlines = new Deadlines();

  @AfterEach
  void close() {
    deadlines.close();
  }

  /** It was looked for when nobody had it, and was no orphan any more a moment later. */
  @Test
  void ask_whatWasRegisteredSinceItWasLookedFor_isAsked() {
    var answer = new Attribution.BridgeUnavailable("the new one says so");
    var orphans = new Orphans(deadlines, (_, _) -> CompletableFuture.completedFuture(answer));

    assertThat(orphans.ask(QUERY, "nobody has it", _ -> {})).isCompletedWithValue(answer);
  }

  @Test
  void ask_whatNobodyHad_isAnsweredAtOnce() {
    var orphans = new Orphans(deadlines, (_, _) -> null);

    assertThat(orphans.ask(QUERY, "nobody has it", _ -> {})).isCompletedWithValue(NOBODY);
  }
}
