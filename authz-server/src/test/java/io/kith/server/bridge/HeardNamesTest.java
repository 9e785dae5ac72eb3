package io.kith.server.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.v1.DnsAnswer;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class HeardNamesTest {
  private static final IpAddress ADDRESS = IpAddress.parse("192.0.2.1");

  private final AtomicLong now = new AtomicLong();
  private final HeardNames names = new HeardNames(now::get);

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

  private void hear(IpAddress address, long leftSeconds, IpAddress other, long otherLeftSeconds) {
    names.heard(
        List.of(
            answer("uid-1", "d.example").toBuilder()
                .clearAddresses()
                .addAddresses(ByteString.copyFrom(address.bytes()))
                .addAddresses(ByteString.copyFrom(other.bytes()))
                .addLeftSeconds((int) leftSeconds)
                .addLeftSeconds((int) otherLeftSeconds)
                .build()));
  }

  /** A bridge says all again on each of its streams. */
  @Test
  void heard_again_endsWhenItDidBefore_eachAddressByItself() {
    var other = IpAddress.parse("192.0.2.2");
    hear(ADDRESS, 7_200, other, 86_400);

    now.addAndGet(TimeUnit.HOURS.toNanos(1));
    hear(ADDRESS, 3_600, other, 82_800);
    now.addAndGet(TimeUnit.MINUTES.toNanos(59));
    assertThat(names.of("uid-1", ADDRESS)).containsExactly("d.example");

    now.addAndGet(TimeUnit.MINUTES.toNanos(1));
    assertThat(names.of("uid-1", ADDRESS)).isEmpty();
    assertThat(names.of("uid-1", other)).containsExactly("d.example");
    now.addAndGet(TimeUnit.HOURS.toNanos(22));
    assertThat(names.of("uid-1", other)).isEmpty();
  }

  @Test
  void heard_byABridgeThatDoesNotSayHowLong_countsForADayOrItsLifetime() {
    hear("uid-1", "d.example");
    names.heard(
        List.of(answer("uid-1", "long.example").toBuilder().setTtlSeconds(2 * 86_400).build()));

    now.addAndGet(TimeUnit.DAYS.toNanos(1) - 1);
    assertThat(names.of("uid-1", ADDRESS)).containsExactlyInAnyOrder("d.example", "long.example");

    now.addAndGet(1);
    assertThat(names.of("uid-1", ADDRESS)).containsExactly("long.example");
  }

  @Test
  void heard_withTimesForOtherThanItsAddresses_isLeftOut() {
    names.heard(
        List.of(
            answer("uid-1", "d.example").toBuilder()
                .addLeftSeconds(3_600)
                .addLeftSeconds(3_600)
                .build()));

    assertThat(names.of("uid-1", ADDRESS)).isEmpty();
  }

  @Test
  void heard_withOtherAddresses_leavesThoseBeforeToOtherNames() {
    var other = IpAddress.parse("192.0.2.2");
    hear("uid-1", "e.example");
    hear("uid-1", "d.example");
    hear(other, 86_400, other, 86_400);

    assertThat(names.of("uid-1", ADDRESS)).containsExactly("e.example");
    assertThat(names.of("uid-1", other)).containsExactly("d.example");
  }

  /** A new bridge knows only what it heard itself. */
  @Test
  void inherit_thenHeardWithAnotherAddress_keepsTheFormerForAsLongAsItCounts() {
    hear(ADDRESS, 7_200, ADDRESS, 7_200);
    var other = IpAddress.parse("192.0.2.2");
    var later = new HeardNames(now::get);
    later.inherit(names, Set.of("uid-1"));
    var news =
        answer("uid-1", "d.example").toBuilder()
            .clearAddresses()
            .addAddresses(ByteString.copyFrom(other.bytes()))
            .addLeftSeconds(86_400)
            .build();

    later.heard(List.of(news));
    later.heard(List.of(news));

    assertThat(later.of("uid-1", ADDRESS)).containsExactly("d.example");
    assertThat(later.of("uid-1", other)).containsExactly("d.example");
    now.addAndGet(TimeUnit.HOURS.toNanos(2));
    assertThat(later.of("uid-1", ADDRESS)).isEmpty();
    assertThat(later.of("uid-1", other)).containsExactly("d.example");
  }

  private void hearMuch(String pod) {
    var addresses =
        IntStream.range(0, 64)
            .mapToObj(i -> ByteString.copyFrom(new byte[] {10, 0, 0, (byte) i}))
            .toList();
    names.heard(
        IntStream.range(0, HeardNames.NAMES_PER_POD)
            .mapToObj(
                i ->
                    DnsAnswer.newBuilder()
                        .setPodId(pod)
                        .setName("n" + i + ".example")
                        .addAllAddresses(addresses)
                        .build())
            .toList());
  }

  private int namesOf(String pod) {
    return names.of(pod, IpAddress.parse("10.0.0.1")).size();
  }

  /** Those of a pod that resolves as much as it can took the names from all others of its node. */
  @Test
  void heard_whenFewPodsHaveTooMany_areKeptOfOthersInPlaceOfTheirOldest() {
    hearMuch("a");
    assertThat(namesOf("a")).isEqualTo(HeardNames.NAMES_PER_POD);
    hearMuch("b");
    assertThat(namesOf("b")).isBetween(700, 800);
    assertThat(namesOf("a")).isBetween(700, 800);

    for (var i = 0; i < 600; i++) {
      hear("c", "d" + i + ".example");
    }

    assertThat(names.of("c", ADDRESS)).hasSize(600);
    assertThat(namesOf("a") + namesOf("b")).isBetween(1_480, 1_538);
    assertThat(names.of("a", IpAddress.parse("10.0.0.1")))
        .contains("n" + (HeardNames.NAMES_PER_POD - 1) + ".example")
        .doesNotContain("n0.example");
  }

  @Test
  void heard_whenAllPodsHaveTooMany_forgetsThoseWhoseLifetimeIsOverFirst() {
    hearMuch("a");
    now.set(TimeUnit.HOURS.toNanos(1));
    hearMuch("b");
    assertThat(namesOf("b")).isLessThan(HeardNames.NAMES_PER_POD);

    now.set(TimeUnit.HOURS.toNanos(24));
    hearMuch("b");

    assertThat(namesOf("b")).isEqualTo(HeardNames.NAMES_PER_POD);
    assertThat(namesOf("a")).isZero();
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
