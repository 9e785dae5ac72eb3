package io.kith.server.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.v1.DnsAnswer;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class HeardNamesTest {
  private static final IpAddress ADDRESS = IpAddress.parse("192.0.2.1");

  private final HeardNames names = new HeardNames(() -> 0);

  private static DnsAnswer answer(String pod, String name) {
    return DnsAnswer.newBuilder()
        .setPodId(pod)
        .setName(name)
        .addAddresses(ByteString.copyFrom(ADDRESS.bytes()))
        .build();
  }

  private void hear(String pod, String name) {
    names.heard(List.of(answer(pod, name)));
  }

  @Test
  void heard_moreNamesThanAPodMayHave_forgetsItsOldest() {
    for (var i = 0; i <= HeardNames.NAMES_PER_POD; i++) {
      hear("uid-1", "d" + i + ".example");
    }

    assertThat(names.of("uid-1", ADDRESS))
        .hasSize(HeardNames.NAMES_PER_POD)
        .contains("d1.example", "d" + HeardNames.NAMES_PER_POD + ".example")
        .doesNotContain("d0.example");
  }

  @Test
  void heard_whenAllPodsHaveTooMany_leavesOutThoseWithoutAny_andServesTheFormer() {
    var pods = new HashSet<>(Set.of("uid-1"));
    for (var i = 0; i < HeardNames.MOST; i++) {
      pods.add("pod-" + i);
    }
    names.keep(pods);
    hear("uid-1", "first.example");
    for (var i = 0; i < HeardNames.MOST; i++) {
      hear("pod-" + i, "d.example");
    }
    assertThat(names.of("pod-0", ADDRESS)).contains("d.example");
    assertThat(names.of("pod-" + (HeardNames.MOST - 1), ADDRESS)).isEmpty();

    hear("uid-1", "second.example");
    assertThat(names.of("uid-1", ADDRESS)).containsExactly("second.example");

    names.keep(Set.of("uid-1"));
    hear("uid-2", "other.example");
    assertThat(names.of("uid-2", ADDRESS)).containsExactly("other.example");
    hear("uid-1", "third.example");
    assertThat(names.of("uid-1", ADDRESS))
        .containsExactlyInAnyOrder("second.example", "third.example");
  }

  /** A bridge may tell of pods that it has not registered yet, and not of any number of them. */
  @Test
  void heard_ofManyPodsThatAreNotRegistered_isKeptForSome() {
    names.keep(Set.of("uid-1"));
    for (var i = 0; i <= HeardNames.PODS_AHEAD + 1; i++) {
      hear("made-up-" + i, "d.example");
    }
    hear("uid-1", "d.example");
    hear("u".repeat(100), "d.example");

    assertThat(names.of("made-up-0", ADDRESS)).containsExactly("d.example");
    assertThat(names.of("made-up-" + (HeardNames.PODS_AHEAD + 1), ADDRESS)).isEmpty();
    assertThat(names.of("uid-1", ADDRESS)).containsExactly("d.example");
    names.keep(Set.of("uid-1", "u".repeat(100)));
    hear("u".repeat(100), "d.example");
    assertThat(names.of("u".repeat(100), ADDRESS)).isEmpty();
  }
}
