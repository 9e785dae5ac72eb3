package io.kith.baselines.decision;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.process.ProcessClass;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.function.LongUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Where the table looks first: at a place that depends on all that is asked, evenly. */
@SuppressWarnings("EnumOrdinal") // as in the table
class KnownFlowsHashTest {
  private static final int MANY = 1_000;
  private static final ProcessClass APP = process("/app");

  // ---- of a text

  @Test
  void hash_textsThatDifferInOneLetter_differ() {
    for (var length = 1; length <= 40; length++) {
      var hashes = new HashSet<Long>();
      hashes.add(hash("a".repeat(length)));
      for (var at = 0; at < length; at++) {
        hashes.add(hash("a".repeat(at) + 'b' + "a".repeat(length - at - 1)));
      }
      assertThat(hashes).as("of %d letters", length).hasSize(length + 1);
    }
  }

  @Test
  void hash_textsOfOneLetterRepeated_differByLength() {
    for (var letter : List.of("\0", "a", "\u00ff")) {
      var hashes = IntStream.rangeClosed(0, 40).mapToObj(n -> hash(letter.repeat(n)));
      assertThat(hashes.collect(toSet())).hasSize(41);
    }
  }

  @Test
  void hash_fromAnIndexOn_isThatOfTheRest() {
    for (var length = 0; length <= 40; length++) {
      var rest = "cdn.example.0123456789.abcdefghijklmnopqrs".substring(0, length);

      assertThat(KnownFlows.hash(("label." + rest).getBytes(ISO_8859_1), 6)).isEqualTo(hash(rest));
    }
  }

  // ---- of a question

  @Test
  void hash_questionsThatDifferInOnePart_differ() {
    var hashes = new HashSet<Long>();
    var count = 0;
    for (var process : List.of(APP, process("/other"))) {
      for (var kind = KnownFlows.NAME; kind <= KnownFlows.BLOCK; kind++) {
        for (var text = 0; text < 100; text++) {
          for (var port : List.of(0, 1, 80, 81, 82, 443, 8_080, 8_081, 65_535)) {
            hashes.add(KnownFlows.hash(process, kind, hash("service-" + text), port));
            count++;
          }
        }
      }
    }

    assertThat(hashes).hasSize(count);
  }

  @Test
  void start_ofNamesPortsBlocksAndClassesInARow_isEven() {
    assertEven(n -> named("service-" + n));
    assertEven(n -> named(n + ".shop.svc.cluster.local"));
    assertEven(n -> KnownFlows.hash(APP, KnownFlows.NAME, hash("db"), (int) n + 1));
    assertEven(n -> KnownFlows.hash(APP, KnownFlows.BLOCK, 0x0a_00_00 + n, 443));
    assertEven(n -> KnownFlows.hash(process("/app" + n), KnownFlows.NAME, hash("db"), 443));
  }

  /** Cells that are found evenly, and numbers in them that are seldom alike. */
  private static void assertEven(LongUnaryOperator hash) {
    var hashes = LongStream.range(0, MANY).map(hash).boxed().toList();
    var cells =
        hashes.stream().collect(groupingBy(of -> KnownFlows.start(of, MANY), counting())).values();
    var numbers = hashes.stream().map(Long::shortValue).collect(toSet());

    assertThat(Collections.max(cells)).isLessThan(16);
    assertThat(cells.size()).isGreaterThan(MANY / 2);
    assertThat(numbers.size()).isGreaterThan(MANY * 9 / 10);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "1, 0",
    "4000000000000000, 2",
    "7fffffffffffffff, 4",
    "8000000000000000, 5",
    "c000000000000000, 7",
    "ffffffffffffffff, 9"
  })
  void start_ofTenCells_isAPartOfAllHashes(String hash, int start) {
    assertThat(KnownFlows.start(Long.parseUnsignedLong(hash, 16), 10)).isEqualTo(start);
  }

  @Test
  void startOf_manyClasses_isEveryPlace() {
    var places = IntStream.range(0, 200).mapToObj(n -> KnownFlows.startOf(process("/app" + n), 16));

    assertThat(places.collect(toSet())).isEqualTo(IntStream.range(0, 16).boxed().collect(toSet()));
  }

  // ---- the number of a cell

  /** Each part has bits of its own, so what is put together can be read again. */
  @ParameterizedTest
  @CsvSource({
    "0, 1, 0, 1, TCP, 0",
    "1, 443, 10, 1, TCP, 7",
    "ffff, 65535, 65535, 4, UDP, 170",
    "8000, 32768, 32768, 3, UDP, 255",
    "abcdef0123456789, 80, 3, 2, TCP, 1"
  })
  void number_hasAllOfItsParts(
      String hash, int port, int length, int kind, Protocol protocol, int place) {
    var bits = Long.parseUnsignedLong(hash, 16);

    var number = KnownFlows.number(bits, port, length, kind, protocol, place);

    assertThat(number >>> 48).isEqualTo(bits & 0xffff);
    assertThat((number >>> 32) & 0xffff).isEqualTo(port);
    assertThat((number >>> 16) & 0xffff).isEqualTo(length);
    assertThat((number >>> 13) & 7).isEqualTo(kind);
    assertThat((number >>> 12) & 1).isEqualTo(protocol.ordinal());
    assertThat((number >>> 8) & 15).isZero(); // the condition's
    assertThat(number & 0xff).isEqualTo(place);
  }

  @ParameterizedTest
  @EnumSource(Evidence.class)
  void condition_isTheEvidenceAndWhetherToAsk(Evidence weakest) {
    assertThat(KnownFlows.condition(weakest, false)).isEqualTo(weakest.ordinal() << 8);
    assertThat(KnownFlows.condition(weakest, true)).isEqualTo((weakest.ordinal() << 8) | (1 << 11));
  }

  private static long hash(String text) {
    return KnownFlows.hash(text.getBytes(ISO_8859_1), 0);
  }

  private static long named(String name) {
    return KnownFlows.hash(APP, KnownFlows.NAME, hash(name), 443);
  }

  private static ProcessClass process(String path) {
    return new ProcessClass(path, "app", null, List.of("/sbin/init"), false);
  }
}
