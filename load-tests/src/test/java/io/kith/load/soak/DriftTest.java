package io.kith.load.soak;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DriftTest {
  private static SoakWindow window(int run, double second, double p50Micros) {
    return new SoakWindow(run, second, 1, 0, 0, p50Micros, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  @Test
  void of_line_isItsSlope() {
    var windows = new ArrayList<SoakWindow>();
    for (var i = 0; i < 20; i++) {
      windows.add(window(1, 10 * i, 100 + i)); // 1 in 10 s: 360 in an hour
    }

    var drift = Drift.of(windows, SoakWindow::p50Micros);

    assertThat(drift.perHour()).isCloseTo(360, within(1e-6));
    assertThat(drift.low()).isCloseTo(360, within(1e-6));
    assertThat(drift.verdict()).isEqualTo("rises");
  }

  @Test
  void report_verdictThatWasWrongInAWindowThatDidNotEnd_isCounted_andNoMeasurement() {
    var windows = new ArrayList<SoakWindow>();
    for (var i = 1; i <= 5; i++) {
      windows.add(new SoakWindow(1, 10 * i, 100, 0, 0, 50, 60, 1_024, 512, 9, 8, 2, 4, 0));
    }
    windows.add(SoakWindow.ofWrong(1, 55, 2));

    var report = new SoakReport(windows, 0);

    assertThat(report.wrong()).isEqualTo(2);
    assertThat(report.verdict()).contains("2 VERDICTS WERE WRONG").contains("Nothing rises");
    assertThat(report.json()).contains("\"windows\":5", "\"wrong\":2", "\"middle\":9");
  }

  @Test
  void of_noise_isNoDrift_andAnOutlierDoesNotMoveIt() {
    var random = new Random(5);
    var windows = new ArrayList<SoakWindow>();
    for (var i = 0; i < 60; i++) {
      windows.add(window(1, 10 * i, i == 59 ? 1e6 : 100 + random.nextGaussian()));
    }

    var drift = Drift.of(windows, SoakWindow::p50Micros);

    assertThat(drift.verdict()).isEqualTo("no drift");
    assertThat(Math.abs(drift.perHour())).isLessThan(10);
    assertThat(drift.middle()).isCloseTo(100, within(1.0));
  }

  @Test
  void of_twoRuns_comparesNoWindowsOfDifferentProcesses() {
    var windows = new ArrayList<SoakWindow>();
    for (var i = 0; i < 10; i++) {
      windows.add(window(1, 10 * i, 100));
    }
    for (var i = 0; i < 10; i++) {
      windows.add(window(2, 10 * i, 500));
    }

    var drift = Drift.of(windows, SoakWindow::p50Micros);

    assertThat(drift.perHour()).isZero();
    assertThat(drift.verdict()).isEqualTo("no drift");
  }

  @Test
  void of_tooFewWindows_saysSo() {
    var drift = Drift.of(List.of(window(1, 10, 1), window(1, 20, 2)), SoakWindow::p50Micros);

    assertThat(drift.verdict()).isEqualTo("too few windows");
    assertThat(drift.words("µs")).isEqualTo("too few windows");
  }
}
