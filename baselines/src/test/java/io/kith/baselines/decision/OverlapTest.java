package io.kith.baselines.decision;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Whether two edges may cover one destination, which is the same both ways. */
class OverlapTest {
  static Stream<Arguments> pairs() {
    var db = name("db.example", Evidence.DNS);
    var below = below("db.example", Evidence.DNS);
    var block = block("10.0.0.0");
    var anywhere = written(new Place.Anywhere(), 443, 443, null);
    var within = written(new Place.Within(Cidr.parse("10.0.0.0/8"), false), 443, 443, null);
    return Stream.of(
        // hosts: two names
        Arguments.of(db, db, true),
        Arguments.of(db, name("db.example", Evidence.OWNER), true),
        Arguments.of(db, name("cache.example", Evidence.DNS), false),
        // a name, and names below one
        Arguments.of(below, name("x.db.example", Evidence.DNS), true),
        Arguments.of(below, name("x.other.example", Evidence.DNS), false),
        Arguments.of(below, below, true),
        Arguments.of(below, below("other.example", Evidence.DNS), false),
        // addresses: only what counts without a name
        Arguments.of(block, name("10.0.0.7", Evidence.ADDRESS), true),
        Arguments.of(block, name("10.0.0.7", Evidence.DNS), false),
        Arguments.of(block, below("0.0.7", Evidence.ADDRESS), true),
        Arguments.of(block, below, false),
        Arguments.of(block, block("10.0.0.0"), true),
        Arguments.of(block, block("10.9.9.0"), true), // not certain
        // any host
        Arguments.of(anywhere, db, true),
        Arguments.of(anywhere, below, true),
        Arguments.of(anywhere, block, true),
        Arguments.of(anywhere, anywhere, true),
        Arguments.of(anywhere, within, true),
        Arguments.of(within, db, true),
        Arguments.of(within, below, true),
        Arguments.of(within, block, true),
        // written names
        Arguments.of(
            written(new Place.Named("db.example", Evidence.DNS), 443, 443, null), db, true),
        Arguments.of(
            written(new Place.Named("x.example", Evidence.DNS), 443, 443, null), db, false),
        Arguments.of(written(new Place.Below("example", Evidence.DNS), 443, 443, null), db, true),
        Arguments.of(written(new Place.Below("other", Evidence.DNS), 443, 443, null), db, false),
        // ports
        Arguments.of(db, written(new Place.Anywhere(), 1, 442, null), false),
        Arguments.of(db, written(new Place.Anywhere(), 1, 443, null), true),
        Arguments.of(db, written(new Place.Anywhere(), 443, 500, null), true),
        Arguments.of(db, written(new Place.Anywhere(), 444, 500, null), false),
        Arguments.of(range(40_000, 50_000), range(50_000, 60_000), true),
        Arguments.of(range(40_000, 50_000), range(50_001, 60_000), false),
        // protocols
        Arguments.of(db, written(new Place.Anywhere(), 443, 443, Protocol.TCP), true),
        Arguments.of(db, written(new Place.Anywhere(), 443, 443, Protocol.UDP), false));
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void possible_isTheSameBothWays(
      DestinationPattern one, DestinationPattern other, boolean expected) {
    assertThat(Overlap.possible(one, other)).isEqualTo(expected);
    assertThat(Overlap.possible(other, one)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"-1, false", "0, false", "1, true", "443, true", "65535, true", "65536, false"})
  void isPort_ofAnEdge_isOneThatADestinationCanHave(int port, boolean expected) {
    assertThat(Overlap.isPort(new Exact("db", Evidence.DNS, port, Protocol.TCP)))
        .isEqualTo(expected);
    assertThat(Overlap.isPort(new HostWildcard(null, "a.b", Evidence.DNS, port, Protocol.TCP)))
        .isEqualTo(expected);
  }

  private static Exact name(String name, Evidence weakest) {
    return new Exact(name, weakest, 443, Protocol.TCP);
  }

  private static HostWildcard below(String parent, Evidence weakest) {
    return new HostWildcard(null, parent, weakest, 443, Protocol.TCP);
  }

  private static AddressBlock block(String network) {
    return new AddressBlock(IpAddress.parse(network), 24, 443, Protocol.TCP);
  }

  private static PortRange range(int low, int high) {
    return new PortRange("carts", Evidence.DNS, low, high, Protocol.TCP);
  }

  private static Written written(Place place, int first, int last, @Nullable Protocol protocol) {
    return new Written(place, new Ports(first, last), protocol);
  }
}
