package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Short runs of the whole; how fast anything is, is not looked at. */
class CheckBenchTest {
  @Test
  void run_kithBesideANullServer_answersEachCheckAsExpected() throws Exception {
    var steps = new ArrayList<String>();
    var figures =
        new CheckBench(
                new CheckBench.Plan(
                    Set.of(Contender.KITH, Contender.NULL_JAVA_DIRECT),
                    Set.of(Shape.l4, Shape.l7),
                    Set.of(true),
                    Duration.ofMillis(500),
                    Duration.ZERO,
                    1,
                    2,
                    8,
                    60),
                Cores.shared(),
                steps::add)
            .run();

    assertThat(figures.rows()).hasSize(4);
    assertThat(figures.rows())
        .allSatisfy(
            row -> {
              var measured = Objects.requireNonNull(row.measured(), row.why());
              assertThat(measured.perSecond()).isPositive();
              assertThat(measured.p50Micros()).isPositive();
              assertThat(figures.ratio(row)).isPositive();
            });
  }

  @Test
  void run_withoutTls_saysWhyKithIsNotMeasured() throws Exception {
    var figures =
        new CheckBench(
                new CheckBench.Plan(
                    Set.of(Contender.KITH, Contender.NULL_JAVA),
                    Set.of(Shape.l7),
                    Set.of(false),
                    Duration.ofMillis(200),
                    Duration.ZERO,
                    1,
                    1,
                    4,
                    10),
                Cores.shared(),
                _ -> {})
            .run();

    assertThat(figures.rows())
        .filteredOn(row -> row.measured() == null)
        .singleElement()
        .satisfies(
            row -> {
              assertThat(row.server()).isEqualTo(Contender.KITH);
              assertThat(row.why()).isEqualTo("takes mutual TLS only");
            });
  }
}
