package io.kith.baselines.learning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class CoverageTest {
  @Test
  void deficit_nothingRare_isZero() {
    assertThat(Coverage.deficit(100, List.of(80.0, 3.0))).isZero();
    assertThat(Coverage.deficit(0, List.of())).isZero();
  }

  @Test
  void deficit_ofChaoAndJost() {
    // 10 units, U = 20, Q1 = 2, Q2 = 3: 2/20 · 9·2 / (9·2 + 2·3)
    var deficit = Coverage.deficit(10, List.of(1.0, 1.0, 2.0, 2.0, 2.0, 12.0));

    assertThat(deficit).isCloseTo(0.1 * 18 / 24, within(1e-9));
  }

  @Test
  void units_beyondTheExactOnes_areEstimatedWithinAThird() {
    var units = new Units();
    for (var i = 0; i < 10_000; i++) {
      units.add(Sightings.unit(Hash.of("pod-" + i % 50), i));
      units.add(Sightings.unit(Hash.of("pod-" + i % 50), i));
    }

    assertThat(units.count()).isBetween(6_700.0, 13_300.0);
  }
}
