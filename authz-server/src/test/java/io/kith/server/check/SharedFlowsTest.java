package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Rung;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SharedFlowsTest {
  private final SharedFlows flows = new SharedFlows();

  private static Attribution attribution() {
    return new Attribution.Unattributed(Rung.NONE, List.of());
  }

  private static Resolved to(int number, @Nullable String mismatch) {
    var address = IpAddress.ofIpv4(number);
    return new Resolved(
        new Destination(address.toString(), Evidence.ADDRESS, address, 443, Protocol.TCP),
        mismatch);
  }

  @Test
  void of_theSamePartsAgain_isTheSameFlow() {
    var process = attribution();

    assertThat(flows.of(Samples.CHECKOUT, process, to(1, null)))
        .isSameAs(flows.of(Samples.CHECKOUT, process, to(1, null)));
  }

  @Test
  void of_anyOtherPart_isAFlowOfItsOwn() {
    var process = attribution();
    var flow = flows.of(Samples.CHECKOUT, process, to(1, null));

    assertThat(flows.of(Samples.STRANGER, process, to(1, null)).spiffeId())
        .isEqualTo(Samples.STRANGER);
    assertThat(flows.of(Samples.CHECKOUT, process, to(1, "another")).resolved().mismatch())
        .isEqualTo("another");
    assertThat(flows.of(Samples.CHECKOUT, attribution(), to(1, null)))
        .as("who opened it is another answer")
        .isNotSameAs(flow);
  }

  /** Many more than there are places: what is asked for is what comes. */
  @Test
  void of_moreThanThereIsRoomFor_isWhatWasAskedFor() {
    var process = attribution();
    for (var round = 0; round < 2; round++) {
      for (var number = 0; number < 20_000; number++) {
        var flow = flows.of(Samples.CHECKOUT, process, to(number, null));

        assertThat(flow.attribution()).isSameAs(process);
        assertThat(flow.spiffeId()).isEqualTo(Samples.CHECKOUT);
        assertThat(flow.resolved()).isEqualTo(to(number, null));
      }
    }
  }
}
