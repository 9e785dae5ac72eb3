package io.kith.server.fleet;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.server.check.Sidecars;
import io.kith.server.check.Sidecars.State;
import io.kith.server.fleet.SharedSidecars.Offset;
import io.kith.server.fleet.SharedSidecars.Told;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** What a row says, by a server's own clock. With a store it is tested among the load tests. */
class SharedSidecarsOffsetTest {
  private static final IpAddress POD = IpAddress.parse("10.88.1.2");
  private static final Owner CART = Owner.parse("shop/deployment/cart");
  private static final Instant NOON = Instant.parse("2027-01-01T12:00:00Z");
  private static final Offset EXACT = new Offset(Duration.ZERO, Duration.ZERO, NOON.plusSeconds(1));

  private final Sidecars sidecars = new Sidecars(EXACT::now);

  /** The table refuses closed then, and who heard it went on with it while all others had open. */
  @Test
  void here_openInTheMillisecondOfAClosedOne_counts() {
    var closed = NOON.plusNanos(900_000);
    sidecars.elsewhere(new State(POD, false, closed, closed));

    sidecars.elsewhere(EXACT.here(POD, Told.parse(CART, new Told(CART, true, NOON, NOON).body())));

    var known = requireNonNull(sidecars.of(POD));
    assertThat(known.open()).isTrue();
    assertThat(known.saysOpen()).as("it passes for open").isFalse();
  }

  @Test
  void here_closedInTheMillisecondOfAnOpenOne_doesNotCount() {
    var open = NOON.plusNanos(100_000);
    sidecars.elsewhere(new State(POD, true, open, open));

    sidecars.elsewhere(EXACT.here(POD, new Told(CART, false, NOON, NOON)));

    assertThat(requireNonNull(sidecars.of(POD)).open()).isTrue();
  }
}
