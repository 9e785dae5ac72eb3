package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class EnvoyFiguresTest {
  private static final EnvoyFigures FIGURES =
      new EnvoyFigures(
          List.of(
              row(Authorizer.NONE, EnvoyShape.l7, measured(16_000, 100, 200, 1)),
              new EnvoyFigures.Row(
                  Authorizer.NULL_JAVA_DIRECT,
                  EnvoyShape.l7,
                  measured(10_000, 1_000, 2_000, 1),
                  paced(measured(5_000, 200, 400, 0.5), 400, 300, 500),
                  ""),
              new EnvoyFigures.Row(
                  Authorizer.KITH,
                  EnvoyShape.l7,
                  measured(9_000, 1_100, 2_300, 0.8),
                  paced(measured(5_000, 220, 520, 0.5), 460, 1_500, 500),
                  ""),
              row(Authorizer.KITH, EnvoyShape.l4, measured(4_000, 1_000, 2_000, 1)),
              row(Authorizer.KITH_SHORT_CUT, EnvoyShape.l7, measured(12_000, 100, 200, 1)),
              new EnvoyFigures.Row(
                  Authorizer.OPA, EnvoyShape.l7, null, null, "not found (set \"X\" to it)")));

  private static EnvoyFigures.Row row(Authorizer server, EnvoyShape shape, Measured measured) {
    return new EnvoyFigures.Row(server, shape, measured, null, "");
  }

  private static EnvoyFigures.Paced paced(Measured all, long... p99) {
    return new EnvoyFigures.Paced(
        all,
        Arrays.stream(p99)
            .mapToObj(one -> measured(5_000, all.p50Micros(), one, all.serverShare()))
            .toList());
  }

  private static Measured measured(long perSecond, long p50, long p99, double envoyShare) {
    return new Measured(1, perSecond, p50, p99, 5_000, 0, envoyShare, 0.5, 0);
  }

  @Test
  void json_isOneObjectInOneLine() throws Exception {
    assertThat(FIGURES.json()).doesNotContain("\n");
    var tree = new ObjectMapper().readTree(FIGURES.json()).get("envoy");

    assertThat(tree.get(2))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"server":"kith","shape":"l7","per_s":9000,"p50_us":1100,"p99_us":2300}
                    """));
    assertThat(tree.get(5))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"server":"opa","shape":"l7","per_s":null,
                     "not_measured":"not found (set \\"X\\" to it)"}
                    """));
  }

  @Test
  void lines_giveTheRatioToEachReferenceThatWasMeasured() {
    var kith = FIGURES.lines("a machine").get(3);

    assertThat(kith.split(" +", -1))
        .containsExactly("Kith", "l7", "9,000", "1,100", "2,300", "80", "%", "0.90", "0.56");
  }

  @Test
  void bars_areThoseThatWhatWasMeasuredCanBeHeldAgainst() {
    var bars = FIGURES.bars();

    assertThat(bars)
        .extracting(EnvoyFigures.Bar::line)
        .containsExactly(
            "l7, p50 at that rate, Kith to null gRPC-Java, middle of 3 rounds (together 1.10): 1.10"
                + " (≤ 1.10)  met",
            "l7, p99 at that rate, Kith to null gRPC-Java, middle of 3 rounds (together 1.30): 1.15"
                + " (≤ 1.10)  NOT MET",
            "l7, requests/s, Kith to null gRPC-Java: 0.90 (≥ 0.90)  met",
            "l7, requests/s, Kith with the short cut to no filter: 0.75 (≥ 0.80)  NOT MET");
  }

  @Test
  void lines_latencyAtTheSameRate_isToldOfBoth() {
    assertThat(FIGURES.lines("a machine"))
        .contains(
            "at 5,000 requests/s, a quarter of what null gRPC-Java did: l7, Kith: p50 220 µs, p99 520"
                + " µs, Envoy 50 %");
  }

  @Test
  void lines_envoyThatWaited_isNamed() {
    assertThat(FIGURES.lines("a machine"))
        .anyMatch(line -> line.startsWith("Envoy was not busy all the time in: kith l7."));
  }
}
