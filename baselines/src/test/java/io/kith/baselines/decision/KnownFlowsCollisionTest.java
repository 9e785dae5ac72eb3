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
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A hash only says where to look: what meets there is told apart, and found behind each other. */
class KnownFlowsCollisionTest {
  private static final ProcessClass APP = process("/app");

  /** Names of one length that differ in one place: a short one, and each end of longer ones. */
  static Stream<Arguments> names() {
    return Stream.<IntFunction<String>>of(
            n -> "" + (1_000_000 + n),
            n -> "" + (10_000_000 + n),
            n -> (10_000_000 + n) + "-service.example",
            n -> "service-" + (10_000_000 + n),
            n -> (10_000_000 + n) + "x".repeat(40),
            n -> "x".repeat(40) + (10_000_000 + n),
            n -> "x".repeat(16) + (10_000_000 + n) + "x".repeat(16))
        .map(Arguments::of);
  }

  @ParameterizedTest
  @MethodSource("names")
  void find_anotherNameOfTheSameHash_isNotFound(IntFunction<String> names) {
    var name = names.apply(0);
    var edge = edge(APP, exact(name));
    var other =
        IntStream.range(1, 4_000_000)
            .mapToObj(names)
            .filter(text -> meets(hash(APP, text), hash(APP, name)))
            .findFirst()
            .orElseThrow();

    var known = known(edge);

    assertThat(known.find(APP, to(name))).isEqualTo(edge);
    assertThat(known.find(APP, to(other))).isNull();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void find_aClassThatIsNotKnown_ofTheSameHash_isNotFound(int start) {
    var known = startingAt(start, 2).findFirst().orElseThrow();
    var edge = edge(known, exact("db"));
    var stranger =
        IntStream.range(0, 4_000_000)
            .mapToObj(n -> process("/tmp/" + n))
            .filter(process -> meets(hash(process, "db"), hash(known, "db")))
            .findFirst()
            .orElseThrow();

    assertThat(known(edge).find(known, to("db"))).isEqualTo(edge);
    assertThat(known(edge).find(stranger, to("db"))).isNull();
  }

  /** Two classes have four places; both look at one first, also when it is the last. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void find_classesThatMeetAtOnePlace_eachFindsItsOwn(int start) {
    var processes = startingAt(start, 4).limit(3).toList();
    var first = edge(processes.get(0), exact("db"));
    var second = edge(processes.get(1), exact("cache"));

    var known = known(first, second);

    assertThat(known.find(first.process(), to("db"))).isEqualTo(first);
    assertThat(known.find(first.process(), to("cache"))).isNull();
    assertThat(known.find(second.process(), to("cache"))).isEqualTo(second);
    assertThat(known.find(second.process(), to("db"))).isNull();
    assertThat(known.find(processes.get(2), to("db"))).isNull();
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

  /** Whether one is looked for in a table of one edge where the other is. */
  private static boolean meets(long one, long other) {
    return (short) one == (short) other && KnownFlows.start(one, 2) == KnownFlows.start(other, 2);
  }

  private static long hash(ProcessClass process, String name) {
    return KnownFlows.hash(
        process, KnownFlows.NAME, KnownFlows.hash(name.getBytes(ISO_8859_1), 0), 443);
  }

  private static Stream<ProcessClass> startingAt(int place, int places) {
    return IntStream.range(0, 1_000)
        .mapToObj(n -> process("/app/" + n))
        .filter(process -> KnownFlows.startOf(process, places) == place);
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
