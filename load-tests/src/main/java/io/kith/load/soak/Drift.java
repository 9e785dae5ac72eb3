package io.kith.load.soak;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/*
 * Theil and Sen: the middle of the slopes between all pairs. Pairs are of one run only, since
 * another run is another process. The interval: as many slopes to either side as Kendall's S may
 * lie from 0 by chance, 1.96 of its standard deviation.
 */
/**
 * How fast something rises or falls, by a line that a few outliers do not move.
 *
 * @param perHour change of the quantity in an hour
 * @param low end of its 95 % interval
 * @param high the other
 * @param middle of the quantity itself
 */
record Drift(double perHour, double low, double high, double middle) {
  private static final double STANDARD_DEVIATIONS = 1.96;
  private static final double HOUR = 3_600;

  /**
   * Of a quantity over windows.
   *
   * @return all of it NaN when no run has three windows
   */
  static Drift of(List<SoakWindow> windows, ToDoubleFunction<SoakWindow> quantity) {
    var slopes = DoubleStream.builder();
    for (var i = 0; i < windows.size(); i++) {
      for (var j = 0; j < i; j++) {
        var one = windows.get(j);
        var other = windows.get(i);
        if (one.run() == other.run() && other.second() > one.second()) {
          slopes.add(
              HOUR
                  * (quantity.applyAsDouble(other) - quantity.applyAsDouble(one))
                  / (other.second() - one.second()));
        }
      }
    }
    var sorted = slopes.build().sorted().toArray();
    var runs = windows.stream().mapToInt(SoakWindow::run).distinct().toArray();
    var variance =
        Arrays.stream(runs)
            .mapToDouble(
                run -> {
                  double n = windows.stream().filter(window -> window.run() == run).count();
                  return n * (n - 1) * (2 * n + 5) / 18;
                })
            .sum();
    if (sorted.length < 3) {
      return new Drift(Double.NaN, Double.NaN, Double.NaN, Double.NaN);
    }
    var byChance = STANDARD_DEVIATIONS * Math.sqrt(variance);
    return new Drift(
        middle(sorted),
        at(sorted, (sorted.length - byChance) / 2),
        at(sorted, (sorted.length + byChance) / 2),
        middle(windows.stream().mapToDouble(quantity).sorted().toArray()));
  }

  private static double middle(double[] sorted) {
    return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
  }

  private static double at(double[] sorted, double place) {
    return sorted[Math.clamp(Math.round(place), 0, sorted.length - 1)];
  }

  /** In one word or a few. */
  String verdict() {
    if (Double.isNaN(perHour)) {
      return "too few windows";
    }
    if (low > 0) {
      return "rises";
    }
    return high < 0 ? "falls" : "no drift";
  }

  /** For people. */
  String words(String unit) {
    return Double.isNaN(perHour)
        ? verdict()
        : String.format(
            Locale.ROOT,
            "%,12.1f %-4s %,+12.1f %s/h (%,+.1f to %,+.1f): %s",
            middle,
            unit,
            perHour,
            unit,
            low,
            high,
            verdict());
  }
}
