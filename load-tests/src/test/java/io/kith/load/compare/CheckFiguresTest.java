package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;

class CheckFiguresTest {
  private static final CheckFigures FIGURES =
      new CheckFigures(
          List.of(
              row(Contender.KITH, Shape.l4, true, measured(90_100, 0.5)),
              row(Contender.NULL_JAVA_DIRECT, Shape.l4, true, measured(100_000, 0.5)),
              row(Contender.KITH, Shape.l7, true, measured(80_000, 0.99)),
              row(Contender.NULL_JAVA_DIRECT, Shape.l7, true, measured(100_000, 0.5)),
              row(Contender.NULL_JAVA_DIRECT, Shape.l7, false, measured(10, 0.5)),
              new CheckFigures.Row(
                  Contender.OPA, Shape.l7, true, null, "not found (set \"X\" to it)")));

  private static CheckFigures.Row row(
      Contender server, Shape shape, boolean tls, Measured measured) {
    return new CheckFigures.Row(server, shape, tls, measured, "");
  }

  private static Measured measured(long perProcessorSecond, double driverShare) {
    return new Measured(perProcessorSecond, 2, 3_000, 4_000, 5_000, 6, 0.9, driverShare, 0);
  }

  @Test
  void json_isOneObjectInOneLine() throws Exception {
    assertThat(FIGURES.json()).doesNotContain("\n");
    var tree = new ObjectMapper().readTree(FIGURES.json()).get("direct");

    assertThat(tree.get(0))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"server":"kith","shape":"l4","tls":true,"checks_per_s":90100,"p50_us":3000,
                     "p99_us":4000,"p999_us":5000,"rss_mib":6,"answered_per_s":2,"ratio":0.901}
                    """));
    assertThat(tree.get(5))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"server":"opa","shape":"l7","tls":true,"checks_per_s":null,
                     "not_measured":"not found (set \\"X\\" to it)"}
                    """));
  }

  @Test
  void lines_ofKith_sayWhetherTheBarIsMet() {
    var lines = FIGURES.lines("a machine");

    assertThat(lines.get(1)).contains("Kith, known sockets", "90,100", "0.90").endsWith("bar met");
    assertThat(lines.get(3)).contains("80,000", "0.80").endsWith("BAR NOT MET");
  }

  @Test
  void lines_ofWhatWasNotMeasured_sayWhy() {
    assertThat(FIGURES.lines("a machine").get(6))
        .startsWith("OPA-Envoy")
        .endsWith("not measured: not found (set \"X\" to it)");
  }

  @Test
  void lines_driverFullBeforeTheServer_saySo() {
    assertThat(FIGURES.lines("a machine"))
        .contains(
            "The driver took at most 99 % of its processor.",
            "Its processor was full before the server's in: kith l7 with TLS. There Checks/s are"
                + " the driver's limit; Checks/cpu·s are the server's still.");
  }

  @Test
  void lines_ofKithAndOpa_sayHowManyTimes() {
    var figures =
        new CheckFigures(
            List.of(
                row(Contender.KITH, Shape.l4, true, measured(65_000, 0.5)),
                row(Contender.KITH, Shape.l7, true, measured(79_000, 0.5)),
                row(Contender.OPA, Shape.l4, false, measured(10_000, 0.5)),
                row(Contender.OPA, Shape.l7, false, measured(10_000, 0.5))));

    assertThat(figures.lines("a machine"))
        .contains(
            "Kith with TLS answers 6.5 times as many l4 Checks/cpu·s as OPA-Envoy without: bar of"
                + " 6.5 met.",
            "Kith with TLS answers 7.9 times as many l7 Checks/cpu·s as OPA-Envoy without: bar of"
                + " 8.0 NOT MET.");
  }

  @Test
  void ratio_isToTheSameShapeAndTls() {
    assertThat(FIGURES.ratio(FIGURES.rows().get(4))).isEqualTo(1.0);
    assertThat(FIGURES.ratio(FIGURES.rows().get(5))).isNull();
  }
}
