package io.kith.baselines.decision;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessClass;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.function.LongUnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Words of a cell: of all that is asked, with the condition in bits of its own. */
@SuppressWarnings("EnumOrdinal") // as in the table
class KnownFlowsHashTest {
  private static final int MANY = 1_000;
  private static final ProcessClass APP = process("/app");

  @Test
  void firstAndSecond_ofQuestionsThatDifferInOnePart_differ() {
    var firsts = new HashSet<Long>();
    var seconds = new HashSet<Long>();
    var count = 0;
    for (var process : List.of(APP, process("/other"))) {
      for (var kind = KnownFlows.NAME; kind <= KnownFlows.BLOCK; kind++) {
        for (var protocol : Protocol.values()) {
          for (var name : List.of("", "\0", "a", "b", "service-1", "service-2", "x".repeat(40))) {
            for (var port : List.of(0, 1, 80, 81, 82, 443, 8_080, 8_081, 65_535)) {
              var text = name.getBytes(ISO_8859_1);
              var words = KnownFlows.words(kind, port, protocol, text.length);
              firsts.add(KnownFlows.first(process, words, text, 0));
              seconds.add(KnownFlows.second(process, words, text, 0));
              count++;
            }
          }
        }
      }
    }

    assertThat(firsts).hasSize(count).allMatch(first -> (first & 1) == 1, "is odd");
    assertThat(seconds).hasSize(count).allMatch(second -> (second & 0xffff) == 0, "has room");
    assertThat(seconds).doesNotContainAnyElementsOf(firsts);
  }

  @ParameterizedTest
  @CsvSource({"1, 0, TCP, 0", "2, 443, TCP, 10", "3, 65535, UDP, 408", "4, 32768, UDP, 4"})
  void words_haveAllOfTheirParts(int kind, int port, Protocol protocol, int length) {
    var words = KnownFlows.words(kind, port, protocol, length);

    assertThat(words & 15).isEqualTo(kind);
    assertThat((words >>> 4) & 15).isEqualTo(protocol.ordinal());
    assertThat((words >>> 8) & 0xff_ffff).isEqualTo(port);
    assertThat(words >>> 32).isEqualTo(length);
  }

  /** Classes are told apart by all of their SHA-256. */
  @Test
  void start_ofNamesPortsBlocksAndClassesInARow_isEven() {
    assertEven(n -> named("service-" + n));
    assertEven(n -> named(n + ".shop.svc.cluster.local"));
    assertEven(n -> first(APP, "db", (int) n + 1));
    assertEven(n -> first(process("/app" + n), "db", 443));
  }

  /** Cells that are found evenly. */
  private static void assertEven(LongUnaryOperator first) {
    var firsts = LongStream.range(0, MANY).map(first).boxed().toList();
    var cells =
        firsts.stream().collect(groupingBy(of -> KnownFlows.start(of, MANY), counting())).values();

    assertThat(Collections.max(cells)).isLessThan(24);
    assertThat(cells.size()).isGreaterThan(MANY / 2);
    assertThat(firsts.stream().collect(toSet())).hasSize(MANY);
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
  void start_ofTenCells_isAPartOfAllHashes(String first, int start) {
    assertThat(KnownFlows.start(Long.parseUnsignedLong(first, 16), 10)).isEqualTo(start);
  }

  @ParameterizedTest
  @EnumSource(Evidence.class)
  void condition_isTheEvidenceAndWhetherToAsk(Evidence weakest) {
    assertThat(KnownFlows.condition(weakest, false)).isEqualTo(weakest.ordinal() << 8);
    assertThat(KnownFlows.condition(weakest, true)).isEqualTo((weakest.ordinal() << 8) | (1 << 11));
  }

  @ParameterizedTest
  @CsvSource({"10.1.2.0, 24, 0", "10.1.2.128, 25, 1080", "10.1.2.255, 32, 80ff"})
  void condition_ofABlock_isItsPrefixBeyond24AndItsLastByte(
      String network, int prefix, String condition) {
    assertThat(KnownFlows.condition(IpAddress.parse(network), prefix))
        .isEqualTo(Long.parseLong(condition, 16));
  }

  @Test
  void text_ofAnAddress_isItsSlash24() {
    assertThat(KnownFlows.text(IpAddress.parse("10.1.2.3"))).containsExactly(10, 1, 2, 0);
  }

  private static long named(String name) {
    return first(APP, name, 443);
  }

  private static long first(ProcessClass process, String name, int port) {
    var text = name.getBytes(ISO_8859_1);
    var words = KnownFlows.words(KnownFlows.NAME, port, Protocol.TCP, text.length);
    return KnownFlows.first(process, words, text, 0);
  }

  private static ProcessClass process(String path) {
    return new ProcessClass(path, "app", null, List.of("/sbin/init"), false);
  }
}
