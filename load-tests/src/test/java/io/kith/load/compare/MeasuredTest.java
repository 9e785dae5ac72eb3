package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MeasuredTest {
  @Test
  void of_threeRounds_takesTheMiddleOfRatesAndAllLatencies() {
    var measured =
        Measured.of(
            List.of(
                round(100, Duration.ofMillis(500)),
                round(300, Duration.ofMillis(500)),
                round(200, Duration.ofMillis(500))),
            42);

    assertThat(measured.perProcessorSecond()).isEqualTo(400);
    assertThat(measured.perSecond()).isEqualTo(200);
    assertThat(measured.serverShare()).isEqualTo(0.5);
    assertThat(measured.driverShare()).isEqualTo(0.25);
    assertThat(measured.residentMebibytes()).isEqualTo(42);
    assertThat(measured.expired()).isEqualTo(6);
  }

  @Test
  void of_latencies_areCountedFromTheFastest() {
    var nanos = IntStream.rangeClosed(1, 1_000).map(number -> 1_000_000 - number * 1_000).toArray();

    var measured =
        Measured.of(
            List.of(
                new Measured.Round(
                    new Driver.Answers(nanos, 0, 0, Duration.ofSeconds(1), Duration.ofSeconds(1)),
                    Duration.ofSeconds(1))),
            1);

    assertThat(measured.p50Micros()).isEqualTo(500);
    assertThat(measured.p99Micros()).isEqualTo(990);
    assertThat(measured.p999Micros()).isEqualTo(999);
  }

  private static Measured.Round round(int answers, Duration processor) {
    return new Measured.Round(
        new Driver.Answers(new int[answers], 0, 2, Duration.ofSeconds(1), Duration.ofMillis(250)),
        processor);
  }
}
