package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/** A short run with few workloads; how large anything is, is not looked at. */
class ScaleBarsTest {
  @Test
  void measure_threeSizes_eachServerDecidesByItsBaselines(
      @TempDir(cleanup = CleanupMode.ALWAYS) Path folder) throws Exception {
    var plan =
        new BarsBench.Plan(
            Set.of(BarGroup.SCALE), Duration.ofMillis(200), Duration.ZERO, 1, 1, 1_000);

    var bars =
        ScaleBars.measure(new BarsBench.Bench(folder, Cores.shared(), plan, System.out::println));

    assertThat(bars)
        .extracting(Bar::id)
        .containsExactly("scale", "resident", "resident_per_workload");
    assertThat(bars.getFirst().figure()).isPositive();
  }
}
