package io.kith.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.guard.GuardEvent;
import io.kith.bridge.guard.GuardReason;
import io.kith.bridge.guard.PodGuard;
import io.kith.bridge.guard.Totals;
import io.kith.bridge.guard.Totals.Count;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class GuardWordsTest {
  @Test
  void lines_tellEachPodInWords() {
    var totals = new Totals(Map.of(GuardReason.UDP, new Count(12_345, 7)), 0);
    var pods =
        List.of(
            new PodGuard(
                "net:[1]", Mode.ENFORCE, true, List.of("x"), totals, 1, 2, List.of("sh (7)"), 3),
            new PodGuard("net:[2]", Mode.OBSERVE, false, List.of(), totals, 0, 0, List.of(), 0),
            new PodGuard("net:[3]", null, false, List.of(), totals, 0, 0, List.of(), 0));
    var event =
        new GuardEvent(
            "net:[1]", "", null, GuardReason.UDP, IpAddress.parse("fd00::1"), 443, 17, 5, 0);

    assertThat(GuardWords.lines(List.of("no pins"), pods, List.of(event)))
        .containsExactly(
            "guard: no pins",
            "guard:",
            "  net:[1] enforce",
            "    but x",
            "    UDP, which no sidecar sees: 12,345 seen, 7 refused",
            "    ended connections: 3",
            "    may send packets that no guard sees (CAP_NET_RAW): 1 processes [sh (7)], and 2"
                + " that may gain it",
            "  net:[2] observe: no policy yet",
            "    UDP, which no sidecar sees: 12,345 seen, 7 refused",
            "  past the sidecar, net:[1]: a process that is not known → [fd00:0:0:0:0:0:0:1]:443,"
                + " UDP, which no sidecar sees: 5 seen");
  }

  @Test
  void lines_nothingToGuard_isSaid() {
    assertThat(GuardWords.lines(List.of(), List.of(), List.of()))
        .containsExactly("guard: no pod is guarded");
  }
}
