package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A short run of the whole; how fast anything is, is not looked at. */
class EnvoyBenchTest {
  @Test
  void run_kithBesideOthers_eachDecidesAndPassesWhatItAllows() throws Exception {
    var figures =
        new EnvoyBench(
                new EnvoyBench.Plan(
                    Set.of(
                        Authorizer.RBAC,
                        Authorizer.NULL_JAVA_DIRECT,
                        Authorizer.KITH,
                        Authorizer.KITH_SHORT_CUT),
                    Set.of(EnvoyShape.values()),
                    Duration.ofMillis(200),
                    Duration.ofMillis(200),
                    Duration.ZERO,
                    1,
                    4),
                Cores.shared(),
                System.out::println)
            .run();

    assertThat(figures.rows()).hasSize(10);
    assertThat(figures.rows())
        .allSatisfy(
            row -> {
              var measured = Objects.requireNonNull(row.measured(), row.why());
              assertThat(measured.perSecond()).isPositive();
              assertThat(measured.p50Micros()).isPositive();
            });
    assertThat(figures.rows().stream().filter(row -> row.paced() != null))
        .extracting(EnvoyFigures.Row::server)
        .containsOnly(Authorizer.NULL_JAVA_DIRECT, Authorizer.KITH)
        .hasSize(6);
  }
}
