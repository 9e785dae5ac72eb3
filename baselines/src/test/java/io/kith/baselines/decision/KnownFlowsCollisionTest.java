package io.kith.baselines.decision;

import static io.kith.baselines.decision.Flows.CHECKOUT;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessClass;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What meets at one cell is told apart by both of its words, and found behind each other. */
class KnownFlowsCollisionTest {
  private static final ProcessClass APP = process("/app");
  private static final Destination DB = to("db");

  /** The condition's bits are none of them. */
  @Test
  void find_aCellThatDiffersInOneBitOfEitherWord_isNotTheRightOne() {
    var edge = edge(APP, exact("db"));
    var words = KnownFlows.words(KnownFlows.NAME, 443, Protocol.TCP, 2);
    var text = "db".getBytes(ISO_8859_1);
    var first = KnownFlows.first(APP, words, text, 0);
    var second = KnownFlows.second(APP, words, text, 0);

    assertThat(cell(first, second, edge).find(APP, DB)).isEqualTo(edge);
    for (var bit = 0; bit < Long.SIZE; bit++) {
      assertThat(cell(first ^ (1L << bit), second, edge).find(APP, DB)).isNull();
      if (bit >= 16) {
        assertThat(cell(first, second ^ (1L << bit), edge).find(APP, DB)).isNull();
      }
    }
  }

  @Test
  void find_aBlockWhoseCellDiffersInOneBitOfEitherWord_isNotTheRightOne() {
    var edge = edge(APP, block(3));
    var text = KnownFlows.text(IpAddress.parse("10.0.3.0"));
    var words = KnownFlows.words(KnownFlows.BLOCK, 443, Protocol.TCP, 4);
    var first = KnownFlows.first(APP, words, text, 0);
    var second = KnownFlows.second(APP, words, text, 0);
    var to = address("10.0.3.9");

    assertThat(cell(first, second, edge).find(APP, to)).isEqualTo(edge);
    for (var bit = 0; bit < Long.SIZE; bit++) {
      assertThat(cell(first ^ (1L << bit), second, edge).find(APP, to)).isNull();
      if (bit >= 16) {
        assertThat(cell(first, second ^ (1L << bit), edge).find(APP, to)).isNull();
      }
    }
  }

  /** A table of three cells, one of them taken. */
  private static KnownFlows cell(long first, long second, Edge edge) {
    var table = new long[6];
    var edges = new Edge[3];
    var at = KnownFlows.start(first, 3);
    table[2 * at] = first;
    table[2 * at + 1] = second;
    edges[at] = edge;
    return new KnownFlows(table, edges);
  }

  @Test
  void find_oneBehindACellWithTheSameFirstWord_isFound() {
    var other = edge(APP, exact("cache"));
    var edge = edge(APP, exact("db"));
    var words = KnownFlows.words(KnownFlows.NAME, 443, Protocol.TCP, 2);
    var text = "db".getBytes(ISO_8859_1);
    var first = KnownFlows.first(APP, words, text, 0);
    var second = KnownFlows.second(APP, words, text, 0);
    var at = KnownFlows.start(first, 3);
    var then = (at + 1) % 3;
    var table = new long[6];
    table[2 * at] = first;
    table[2 * at + 1] = ~second & KnownFlows.HASH;
    table[2 * then] = first;
    table[2 * then + 1] = second;
    var edges = new Edge[3];
    edges[at] = other;
    edges[then] = edge;

    assertThat(new KnownFlows(table, edges).find(APP, DB)).isEqualTo(edge);
  }

  /** Two edges have five cells; those that begin at the last one go on at the first. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4})
  void find_namesThatMeetAtOneCell_eachFindsItsOwn(int start) {
    var names =
        IntStream.range(0, 4_000)
            .mapToObj(n -> "name-" + n)
            .filter(name -> startOf(KnownFlows.NAME, name.getBytes(ISO_8859_1)) == start)
            .limit(3)
            .toList();
    var one = edge(APP, exact(names.get(0)));
    var other = edge(APP, exact(names.get(1)));

    var known = known(one, other);

    assertThat(known.find(APP, to(names.get(0)))).isEqualTo(one);
    assertThat(known.find(APP, to(names.get(1)))).isEqualTo(other);
    assertThat(known.find(APP, to(names.get(2)))).isNull();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4})
  void find_blocksThatMeetAtOneCell_eachFindsItsOwn(int start) {
    var numbers =
        IntStream.range(0, 256)
            .filter(n -> startOf(KnownFlows.BLOCK, new byte[] {10, 0, (byte) n, 0}) == start)
            .limit(3)
            .toArray();
    var one = edge(APP, block(numbers[0]));
    var other = edge(APP, block(numbers[1]));

    var known = known(one, other);

    assertThat(known.find(APP, address("10.0." + numbers[0] + ".9"))).isEqualTo(one);
    assertThat(known.find(APP, address("10.0." + numbers[1] + ".9"))).isEqualTo(other);
    assertThat(known.find(APP, address("10.0." + numbers[2] + ".9"))).isNull();
  }

  private static int startOf(int kind, byte[] text) {
    var words = KnownFlows.words(kind, 443, Protocol.TCP, text.length);
    return KnownFlows.start(KnownFlows.first(APP, words, text, 0), 5);
  }

  @Test
  void find_inTablesOfEverySize_eachNameAndBlockIsFoundAndNoOther() {
    for (var size = 1; size <= 40; size++) {
      var names = IntStream.range(0, size).mapToObj(n -> edge(APP, exact("name-" + n))).toList();
      var blocks = IntStream.range(0, size).mapToObj(n -> edge(APP, block(n))).toList();

      var byName = known(names.toArray(Edge[]::new));
      var byBlock = known(blocks.toArray(Edge[]::new));

      for (var n = 0; n < 100; n++) {
        assertThat(byName.find(APP, to("name-" + n))).isEqualTo(n < size ? names.get(n) : null);
        assertThat(byBlock.find(APP, address("10.0." + n + ".9")))
            .isEqualTo(n < size ? blocks.get(n) : null);
      }
    }
  }

  @Test
  void find_theLongestName_isFound_andALongerOneIsLeftToTheSearch() {
    var longest = edge(APP, exact("x".repeat(KnownFlows.MAX_NAME)));
    var longer = edge(APP, exact("x".repeat(KnownFlows.MAX_NAME + 1)));
    var known = known(longest, longer);

    assertThat(known.find(APP, to("x".repeat(KnownFlows.MAX_NAME)))).isEqualTo(longest);
    assertThat(known.find(APP, to("x".repeat(KnownFlows.MAX_NAME + 1)))).isNull();
  }

  // ---- what may stand in the table behind what

  @Test
  void find_anEdgeBehindOneOfTheSameKindThatCoversMore_isFound() {
    var shaped = edge(APP, new HostWildcard("s#", "cdn.example", Evidence.DNS, 443, Protocol.TCP));
    var any = edge(APP, new HostWildcard(null, "cdn.example", Evidence.DNS, 443, Protocol.TCP));

    var known = known(shaped, any);

    assertThat(known.find(APP, to("s1.cdn.example"))).isEqualTo(shaped);
    assertThat(known.find(APP, to("x.cdn.example"))).isEqualTo(any);
  }

  @Test
  void find_aNameBehindAWildcardForOthers_isFound_andBehindOneForItIsLeftToTheSearch() {
    var wild = edge(APP, new HostWildcard(null, "cdn.example", Evidence.DNS, 443, Protocol.TCP));
    var elsewhere = edge(APP, exact("db.example"));
    var below = edge(APP, exact("s1.cdn.example"));
    var known = known(wild, elsewhere, below);

    assertThat(known.find(APP, to("db.example"))).isEqualTo(elsewhere);
    assertThat(known.find(APP, to("s1.cdn.example"))).isEqualTo(wild);
  }

  private static ProcessClass process(String path) {
    return new ProcessClass(path, "app", null, List.of("/sbin/init"), false);
  }

  private static KnownFlows known(Edge... edges) {
    return Snapshot.Rules.of(Baseline.of(CHECKOUT, null, List.of()), Arrays.asList(edges))
        .edges()
        .known();
  }

  private static Edge edge(ProcessClass process, DestinationPattern to) {
    return Edge.learned(process, to);
  }

  private static Exact exact(String name) {
    return new Exact(name, Evidence.DNS, 443, Protocol.TCP);
  }

  private static AddressBlock block(int number) {
    return new AddressBlock(IpAddress.parse("10.0." + number + ".0"), 24, 443, Protocol.TCP);
  }

  private static Destination to(String name) {
    return new Destination(name, Evidence.DNS, null, 443, Protocol.TCP);
  }

  private static Destination address(String text) {
    return new Destination(text, Evidence.ADDRESS, IpAddress.parse(text), 443, Protocol.TCP);
  }
}
