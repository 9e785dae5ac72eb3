package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.address;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.service;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.identity.IpAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class GeneraliserTest {
  private static final Generaliser GENERALISER = new Generaliser(Sights.SUFFIXES);

  static Stream<Arguments> destinations() {
    return Stream.of(
        Arguments.of("three names", names("s0.cdn.example", "s1.cdn.example", "s2.cdn.example"), 3),
        Arguments.of(
            "four names of one shape",
            names("s0.cdn.example", "s01.cdn.example", "s2.cdn.example", "s3.cdn.example"),
            "s#.cdn.example:443"),
        Arguments.of(
            "four numbers",
            names("0.cdn.example", "1.cdn.example", "22.cdn.example", "3.cdn.example"),
            "#.cdn.example:443"),
        Arguments.of(
            "four names of no shape",
            names("ab1.cdn.example", "c2d.cdn.example", "e.cdn.example", "f9.cdn.example"),
            "*.cdn.example:443"),
        Arguments.of(
            "names right below a public suffix",
            names("a1.example", "a2.example", "a3.example", "a4.example"),
            4),
        Arguments.of(
            "names below a suffix of the private section",
            names("b1.zone.example", "b2.zone.example", "b3.zone.example", "b4.zone.example"),
            4),
        Arguments.of(
            "pods of one service of the cluster",
            services("db-0.db.shop", "db-1.db.shop", "db-2.db.shop", "db-3.db.shop"),
            "db-#.db.shop.svc.cluster.local:80"),
        Arguments.of(
            "the services of a namespace", services("a1.shop", "a2.shop", "a3.shop", "a4.shop"), 4),
        Arguments.of("three addresses", addresses("10.0.0.10", "10.0.0.11", "10.0.0.12"), 3),
        Arguments.of(
            "four neighbours, with as much room again",
            addresses("10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.13"),
            "10.0.0.0/28:9100"),
        Arguments.of(
            "four far apart in a /24",
            addresses("10.0.0.1", "10.0.0.80", "10.0.0.170", "10.0.0.250"),
            "10.0.0.0/24:9100"),
        Arguments.of(
            "public addresses",
            addresses("203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"),
            4),
        Arguments.of(
            "names that lead to the metadata service",
            Stream.of("s0", "s1", "s2", "s3")
                .map(name -> named(name + ".cdn.example", "169.254.169.254"))
                .toList(),
            4),
        Arguments.of(
            "the metadata service among others",
            addresses("169.254.169.251", "169.254.169.252", "169.254.169.253", "169.254.169.254"),
            4));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("destinations")
  void groups_ofOneClass(String name, List<Destination> destinations, Object expected) {
    var groups = groups(destinations, 0);

    if (expected instanceof Integer count) {
      assertThat(groups).hasSize(count).allMatch(group -> group.members().size() == 1);
    } else {
      assertThat(groups)
          .extracting(group -> group.pattern().words())
          .containsExactly((String) expected);
    }
  }

  @Test
  void groups_portsThatFollowEachOther_areOneRange() {
    var ports =
        IntStream.of(40_001, 45_002, 38_003, 59_004).mapToObj(GeneraliserTest::jmx).toList();

    assertThat(groups(ports, 24))
        .extracting(group -> group.pattern().words())
        .containsExactly("carts.shop.svc.cluster.local:32768-65535");
  }

  @Test
  void groups_theFirstDynamicPort_isOneOfTheRange() {
    var ports =
        IntStream.of(32_768, 45_002, 38_003, 59_004).mapToObj(GeneraliserTest::jmx).toList();

    assertThat(groups(ports, 24)).hasSize(1);
  }

  @Test
  void groups_portsThatAreUsedTogether_stayApart() {
    var ports =
        IntStream.of(50_051, 50_052, 50_053, 50_054).mapToObj(GeneraliserTest::jmx).toList();

    assertThat(groups(ports, 0)).hasSize(4);
  }

  @Test
  void groups_portsBelow32768_stayApart() {
    var ports =
        IntStream.of(32_767, 8_080, 8_081, 8_082, 8_083).mapToObj(GeneraliserTest::jmx).toList();

    assertThat(groups(ports, 24)).hasSize(5);
  }

  @Test
  void price_ofTheResearch_isMet() {
    assertThat(AddressBlocks.list(4)).isCloseTo(123.4, within(0.1));
    assertThat(AddressBlocks.block(24, 4)).isCloseTo(51.4 + 63.0, within(0.1));
    assertThat(AddressBlocks.list(3)).isCloseTo(93.4, within(0.1));
    assertThat(AddressBlocks.block(24, 3)).isCloseTo(45.4 + 63.3, within(0.1));
    // log2 of the six ways to choose two of four, and two that are new
    assertThat(AddressBlocks.block(30, 2)).isCloseTo(30 + 2.585 + 0.5, within(0.001));
    assertThat(AddressBlocks.block(16, 100)).isGreaterThan(AddressBlocks.list(100));
  }

  /** Destinations of one class, each first seen some hours after the one before. */
  private static List<Group> groups(List<Destination> destinations, int hoursApart) {
    var process = program("/app", null);
    var exact = new HashMap<io.kith.baselines.destination.DestinationPattern.Exact, Sightings>();
    var time = START;
    for (var destination : destinations) {
      var sightings = new Sightings();
      sightings.add(Sights.seen(process, destination, "a", time), Reach.of(destination));
      sightings.add(
          Sights.seen(process, destination, "a", time.plus(Duration.ofHours(1))),
          Reach.of(destination));
      exact.put(io.kith.baselines.destination.DestinationPattern.Exact.of(destination), sightings);
      time = time.plus(Duration.ofHours(hoursApart));
    }
    return GENERALISER.groups(process.processClass(), exact);
  }

  private static List<Destination> names(String... names) {
    return Stream.of(names).map(Sights::external).toList();
  }

  private static List<Destination> services(String... names) {
    return Stream.of(names).map(name -> service(name + ".svc.cluster.local")).toList();
  }

  private static Destination named(String name, String address) {
    return new Destination(name, Evidence.CLIENT_NAME, IpAddress.parse(address), 443, Protocol.TCP);
  }

  private static List<Destination> addresses(String... addresses) {
    return Stream.of(addresses).map(text -> address(text, 9_100)).toList();
  }

  private static Destination jmx(int port) {
    return new Destination(
        "carts.shop.svc.cluster.local",
        Evidence.MESH_SERVICE,
        IpAddress.parse("10.43.0.8"),
        port,
        Protocol.TCP);
  }
}
