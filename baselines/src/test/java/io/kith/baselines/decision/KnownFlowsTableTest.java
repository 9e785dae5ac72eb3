package io.kith.baselines.decision;

import static io.kith.baselines.decision.Flows.CHECKOUT;
import static io.kith.baselines.decision.Flows.HASH;
import static io.kith.baselines.decision.Flows.NOON;
import static io.kith.baselines.decision.Flows.program;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.Destination;
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
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Candidate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Which flows are found without a search, and that none is found that no edge covers. */
class KnownFlowsTableTest {
  private static final Candidate APP = program("/app");
  private static final Candidate OTHER = program("/other");

  // ---- names

  @Test
  void find_namesOfEveryLength_eachFindsItsEdge_andNoneThatDiffersInOneLetter() {
    var edges =
        IntStream.rangeClosed(1, 70)
            .mapToObj(length -> edge(APP, exact(name(length), Evidence.DNS, 443)))
            .toList();
    var snapshot = snapshot(edges);

    for (var length = 1; length <= 70; length++) {
      var name = name(length);
      assertThat(find(snapshot, APP, to(name, Evidence.DNS, 443))).isEqualTo(edges.get(length - 1));
      for (var at = 0; at < length; at++) {
        var other = name.substring(0, at) + '-' + name.substring(at + 1);
        assertThat(find(snapshot, APP, to(other, Evidence.DNS, 443))).as(other).isNull();
      }
      assertThat(find(snapshot, OTHER, to(name, Evidence.DNS, 443))).isNull();
      assertThat(find(snapshot, APP, to(name, Evidence.DNS, 444))).isNull();
      assertThat(find(snapshot, APP, udp(name, 443))).isNull();
    }
  }

  private static String name(int length) {
    return "abcdefghijklmnopqrstuvwxyz0123456789".repeat(2).substring(0, length);
  }

  @ParameterizedTest
  @EnumSource(Evidence.class)
  void find_aName_needsTheEvidenceOfItsEdge(Evidence weakest) {
    var edge = edge(APP, exact("db", weakest, 5432));
    var wildcard = edge(APP, new HostWildcard(null, "cdn.example", weakest, 443, Protocol.TCP));
    var snapshot = snapshot(List.of(edge, wildcard));

    for (var evidence : Evidence.values()) {
      var enough = evidence.compareTo(weakest) >= 0;
      assertThat(find(snapshot, APP, to("db", evidence, 5432))).isEqualTo(enough ? edge : null);
      assertThat(find(snapshot, APP, to("x.cdn.example", evidence, 443)))
          .isEqualTo(enough ? wildcard : null);
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "443", "32767", "32768", "65535"})
  void find_aName_onEachPort(int port) {
    var edge = edge(APP, exact("db", Evidence.DNS, port));

    assertThat(find(snapshot(List.of(edge)), APP, to("db", Evidence.DNS, port))).isEqualTo(edge);
  }

  @ParameterizedTest
  @CsvSource({"caf\u00e9.example.org, true", "\u00ff, true", "?, false", "\u0100, false"})
  void find_namesBesideLatin1_areLeftToTheSearch(String name, boolean found) {
    var edge = edge(APP, exact(name, Evidence.DNS, 443));
    var snapshot = snapshot(List.of(edge));

    assertThat(find(snapshot, APP, to(name, Evidence.DNS, 443))).isEqualTo(found ? edge : null);
    assertThat(applied(snapshot, APP, to(name, Evidence.DNS, 443))).isEqualTo(edge);
  }

  // ---- wildcards, ranges, blocks

  @ParameterizedTest
  @CsvSource({
    "x.cdn.example, true",
    "s1.cdn.example, true",
    "cdn.example, false",
    "a.b.cdn.example, false",
    ".cdn.example, false",
    "x.cdn.example.org, false",
    "xcdn.example, false"
  })
  void find_aWildcard_isOneLabelMore(String name, boolean found) {
    var edge = edge(APP, new HostWildcard(null, "cdn.example", Evidence.DNS, 443, Protocol.TCP));

    assertThat(find(snapshot(List.of(edge)), APP, to(name, Evidence.DNS, 443)))
        .isEqualTo(found ? edge : null);
  }

  @Test
  void find_aWildcardWithAShape_asksForIt() {
    var edge = edge(APP, new HostWildcard("s#", "cdn.example", Evidence.DNS, 443, Protocol.TCP));
    var snapshot = snapshot(List.of(edge));

    assertThat(find(snapshot, APP, to("s12.cdn.example", Evidence.DNS, 443))).isEqualTo(edge);
    assertThat(find(snapshot, APP, to("x12.cdn.example", Evidence.DNS, 443))).isNull();
  }

  @ParameterizedTest
  @CsvSource({"32767, false", "32768, false", "32769, true", "65534, true", "65535, false"})
  void find_aRange_isFromItsFirstToItsLastPort(int port, boolean found) {
    var range = new PortRange("carts", Evidence.DNS, 32_769, 65_534, Protocol.TCP);
    var edge = edge(APP, range);
    var snapshot = snapshot(List.of(edge));

    assertThat(find(snapshot, APP, to("carts", Evidence.DNS, port))).isEqualTo(found ? edge : null);
    assertThat(find(snapshot, APP, to("other", Evidence.DNS, port))).isNull();
  }

  @Test
  void find_theFirstDynamicPort_ofARange() {
    var edge = edge(APP, new PortRange("carts", Evidence.DNS, 32_768, 65_535, Protocol.TCP));
    var snapshot = snapshot(List.of(edge));

    assertThat(find(snapshot, APP, to("carts", Evidence.DNS, 32_768))).isEqualTo(edge);
    assertThat(find(snapshot, APP, to("carts", Evidence.DNS, 65_535))).isEqualTo(edge);
  }

  @ParameterizedTest
  @CsvSource({"24", "25", "28", "31", "32"})
  void find_aBlock_isItsAddressesOnly(int prefix) {
    var size = 1 << (32 - prefix);
    var first = (77 / size) * size;
    var network = IpAddress.parse("10.1.2." + first);
    var edge = edge(APP, new AddressBlock(network, prefix, 9_100, Protocol.TCP));
    var snapshot = snapshot(List.of(edge));

    for (var last = 0; last < 256; last++) {
      var inside = last >= first && last < first + size;
      assertThat(find(snapshot, APP, address("10.1.2." + last, 9_100)))
          .as("%d of /%d", last, prefix)
          .isEqualTo(inside ? edge : null);
    }
    for (var elsewhere : List.of("10.1.3.77", "10.0.2.77", "11.1.2.77", "fd00::1")) {
      assertThat(find(snapshot, APP, address(elsewhere, 9_100))).isNull();
    }
    assertThat(find(snapshot, APP, address("10.1.2.77", 9_101))).isNull();
    assertThat(find(snapshot, OTHER, address("10.1.2.77", 9_100))).isNull();
    var named =
        new Destination("db", Evidence.DNS, IpAddress.parse("10.1.2.77"), 9_100, Protocol.TCP);
    assertThat(find(snapshot, APP, named)).isNull();
    var withoutAddress = new Destination("10.1.2.77", Evidence.ADDRESS, null, 9_100, Protocol.TCP);
    assertThat(find(snapshot, APP, withoutAddress)).isNull();
  }

  // ---- many

  @Test
  void find_amongManyEdgesAndClasses_eachFindsItsOwn() {
    var edges = new ArrayList<Edge>();
    for (var n = 0; n < 170; n++) {
      for (var to = 0; to < 12; to++) {
        edges.add(edge(program(app(n)), exact("service-" + to, Evidence.DNS, 80 + to % 3)));
      }
    }
    var snapshot = snapshot(edges);

    for (var edge : edges) {
      var pattern = (Exact) edge.destination();
      assertThat(snapshot.find(edge.process(), to(pattern.name(), Evidence.DNS, pattern.port())))
          .isEqualTo(edge);
      assertThat(snapshot.find(edge.process(), to(pattern.name(), Evidence.DNS, 90))).isNull();
    }
    assertThat(find(snapshot, program(app(170)), to("service-1", Evidence.DNS, 81))).isNull();
  }

  private static String app(int number) {
    return "/app/" + (char) ('a' + number / 26) + (char) ('a' + number % 26);
  }

  @Test
  void find_nothingKnown_isNothing() {
    assertThat(find(snapshot(List.of()), APP, to("db", Evidence.DNS, 1))).isNull();
    assertThat(find(Snapshot.observing(), APP, to("db", Evidence.DNS, 1))).isNull();
  }

  // ---- the order of the search

  static Stream<Arguments> firsts() {
    var exact = exact("s1.cdn.example", Evidence.DNS, 443);
    var wild = new HostWildcard(null, "cdn.example", Evidence.DNS, 443, Protocol.TCP);
    var high = exact("carts", Evidence.DNS, 40_000);
    var range = new PortRange("carts", Evidence.DNS, 32_768, 65_535, Protocol.TCP);
    var address = exact("10.1.2.3", Evidence.ADDRESS, 80);
    var block = new AddressBlock(IpAddress.parse("10.1.2.0"), 24, 80, Protocol.TCP);
    var highWild = new HostWildcard(null, "cdn.example", Evidence.DNS, 40_000, Protocol.TCP);
    var highRange = new PortRange("s1.cdn.example", Evidence.DNS, 40_000, 40_000, Protocol.TCP);
    return Stream.of(
        Arguments.of(exact, wild, to("s1.cdn.example", Evidence.DNS, 443)),
        Arguments.of(high, range, to("carts", Evidence.DNS, 40_000)),
        Arguments.of(address, block, address("10.1.2.3", 80)),
        Arguments.of(highWild, highRange, to("s1.cdn.example", Evidence.DNS, 40_000)));
  }

  @ParameterizedTest
  @MethodSource("firsts")
  void decide_twoEdgesThatBothCover_isByTheOneThatComesFirst(
      DestinationPattern one, DestinationPattern other, Destination to) {
    for (var order : List.of(List.of(one, other), List.of(other, one))) {
      var edges = order.stream().map(pattern -> edge(APP, pattern)).toList();
      var snapshot = snapshot(edges);

      assertThat(applied(snapshot, APP, to)).isEqualTo(edges.getFirst());
      assertThat(find(snapshot, APP, to)).isEqualTo(edges.getFirst());
    }
  }

  // ---- what the table leaves to the search

  static Stream<Arguments> leftOut() {
    var db = exact("db.example", Evidence.DNS, 443);
    var below = new HostWildcard(null, "db.example", Evidence.DNS, 443, Protocol.TCP);
    var bare = exact("10.0.0.7", Evidence.ADDRESS, 443);
    var bareBelow = new HostWildcard(null, "a.b", Evidence.ADDRESS, 443, Protocol.TCP);
    var block = new AddressBlock(IpAddress.parse("10.0.0.0"), 24, 443, Protocol.TCP);
    var range = new PortRange("db.example", Evidence.DNS, 40_000, 50_000, Protocol.TCP);
    var anywhere = new Place.Anywhere();
    var within = new Place.Within(Cidr.parse("10.0.0.0/8"), false);
    var named = new Place.Named("db.example", Evidence.DNS);
    var underneath = new Place.Below("example", Evidence.DNS);
    return Stream.of(
        Arguments.of(written(anywhere, 443, 443, null), db, false),
        Arguments.of(written(anywhere, 444, 500, null), db, true),
        Arguments.of(written(anywhere, 1, 442, null), db, true),
        Arguments.of(written(anywhere, 1, 443, null), db, false),
        Arguments.of(written(anywhere, 443, 500, null), db, false),
        Arguments.of(written(anywhere, 443, 443, Protocol.TCP), db, false),
        Arguments.of(written(anywhere, 443, 443, Protocol.UDP), db, true),
        Arguments.of(written(named, 443, 443, null), db, false),
        Arguments.of(written(new Place.Named("b", Evidence.DNS), 443, 443, null), db, true),
        Arguments.of(written(underneath, 443, 443, null), db, false),
        Arguments.of(written(new Place.Below("x.y", Evidence.DNS), 443, 443, null), db, true),
        Arguments.of(written(within, 443, 443, null), db, false),
        Arguments.of(
            written(new Place.Below("db.example", Evidence.DNS), 443, 443, null), below, false),
        Arguments.of(
            written(new Place.Below("b.example", Evidence.DNS), 443, 443, null), below, true),
        Arguments.of(
            written(new Place.Named("x.db.example", Evidence.DNS), 443, 443, null), below, false),
        Arguments.of(written(named, 50_000, 50_001, null), range, false),
        Arguments.of(written(named, 50_001, 50_001, null), range, true),
        Arguments.of(written(named, 39_999, 40_000, null), range, false),
        Arguments.of(written(named, 1, 39_999, null), range, true),
        Arguments.of(written(within, 443, 443, null), block, false),
        Arguments.of(written(named, 443, 443, null), block, true),
        Arguments.of(
            written(new Place.Named("10.0.0.7", Evidence.ADDRESS), 443, 443, null), block, false),
        Arguments.of(
            written(new Place.Below("0.0.7", Evidence.ADDRESS), 443, 443, null), block, false),
        Arguments.of(written(new Place.Below("0.0.7", Evidence.DNS), 443, 443, null), block, true),
        Arguments.of(written(within, 443, 443, null), bare, false),
        Arguments.of(written(within, 443, 443, null), bareBelow, false));
  }

  /** An edge that only a search can find, and one after it that can overlap it or cannot. */
  @ParameterizedTest
  @MethodSource("leftOut")
  void find_anEdgeBehindOneThatHasToBeSearched_onlyWhenTheyCannotOverlap(
      Written first, DestinationPattern then, boolean found) {
    var edge = edge(APP, then);
    var snapshot = snapshot(List.of(edge(APP, first), edge));

    assertThat(find(snapshot, APP, anyOf(then))).isEqualTo(found ? edge : null);
    // before it, nothing stands in its way
    assertThat(find(snapshot(List.of(edge, edge(APP, first))), APP, anyOf(then))).isEqualTo(edge);
  }

  @Test
  void find_anEdgeThatAsksMoreThanItsClassOrEnds_isLeftToTheSearch() {
    var to = to("db", Evidence.DNS, 5432);
    var pinned = Flows.byHand(APP, to, HASH, null, null);
    var ends = Flows.byHand(APP, to, null, null, NOON.plusSeconds(1));
    var after = edge(APP, exact("db", Evidence.DNS, 5432));
    var elsewhere = edge(APP, exact("cache", Evidence.DNS, 6379));

    for (var first : List.of(pinned, ends)) {
      var snapshot = snapshot(List.of(first, after, elsewhere));
      assertThat(find(snapshot, APP, to)).isNull();
      assertThat(applied(snapshot, APP, to)).isEqualTo(first);
      assertThat(find(snapshot, APP, to("cache", Evidence.DNS, 6379))).isEqualTo(elsewhere);
    }
  }

  private static Destination anyOf(DestinationPattern pattern) {
    return switch (pattern) {
      case Exact(var name, var weakest, var port, _) -> to(name, weakest, port);
      case HostWildcard(_, var parent, var weakest, var port, _) ->
          to("x." + parent, weakest, port);
      case PortRange(var name, var weakest, var low, _, _) -> to(name, weakest, low);
      case AddressBlock(var network, _, var port, _) -> address(network.toString(), port);
      case Written written -> throw new AssertionError(written);
    };
  }

  private static Written written(Place place, int first, int last, @Nullable Protocol protocol) {
    return new Written(place, new Ports(first, last), protocol);
  }

  private static Exact exact(String name, Evidence weakest, int port) {
    return new Exact(name, weakest, port, Protocol.TCP);
  }

  private static Edge edge(Candidate process, DestinationPattern pattern) {
    @Nullable Instant never = null;
    return Edge.byHand(
        process.processClass(), pattern, null, null, new Provenance.ByHand("ann", "x", never));
  }

  private static Snapshot snapshot(List<Edge> edges) {
    return new Snapshot(
        Mode.ENFORCE, false, Rules.of(Baseline.of(CHECKOUT, null, List.of()), edges), null);
  }

  private static @Nullable Edge find(Snapshot snapshot, Candidate process, Destination to) {
    return snapshot.find(process.processClass(), to);
  }

  private static @Nullable Edge applied(Snapshot snapshot, Candidate process, Destination to) {
    return Flows.verdict(snapshot, process, to) instanceof Verdict.Allow(var edge) ? edge : null;
  }

  private static Destination to(String name, Evidence evidence, int port) {
    return new Destination(name, evidence, null, port, Protocol.TCP);
  }

  private static Destination udp(String name, int port) {
    return new Destination(name, Evidence.DNS, null, port, Protocol.UDP);
  }

  private static Destination address(String text, int port) {
    var address = IpAddress.parse(text);
    return new Destination(address.toString(), Evidence.ADDRESS, address, port, Protocol.TCP);
  }
}
