package io.kith.load.compare;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * What one server did in all rounds with one kind of traffic.
 *
 * @param perProcessorSecond Checks answered for each second of a processor that the server took,
 *     the middle round
 * @param perSecond Checks answered a second, the middle round
 * @param p50Micros from the sending of a Check to its answer, of all rounds
 * @param residentMebibytes at the end
 * @param serverShare of a processor that the server took, the middle round
 * @param driverShare of a processor that the driver took, the middle round
 * @param expired Checks that were not answered in their time, of all rounds
 */
record Measured(
    long perProcessorSecond,
    long perSecond,
    long p50Micros,
    long p99Micros,
    long p999Micros,
    long residentMebibytes,
    double serverShare,
    double driverShare,
    long expired) {

  /** One round. */
  record Round(Driver.Answers answers, Duration serverProcessor) {
    double perProcessorSecond() {
      return answers.count() / seconds(serverProcessor);
    }

    double perSecond() {
      return answers.count() / seconds(answers.elapsed());
    }

    double serverShare() {
      return seconds(serverProcessor) / seconds(answers.elapsed());
    }

    double driverShare() {
      return seconds(answers.ownProcessor()) / seconds(answers.elapsed());
    }

    private static double seconds(Duration time) {
      return time.toNanos() / 1e9;
    }
  }

  /** All rounds together; at least one. */
  static Measured of(List<Round> rounds, long residentMebibytes) {
    var nanos =
        rounds.stream()
            .flatMapToInt(round -> Arrays.stream(round.answers().latencyNanos()))
            .toArray();
    Arrays.sort(nanos);
    return new Measured(
        Math.round(middle(rounds.stream().mapToDouble(Round::perProcessorSecond).toArray())),
        Math.round(middle(rounds.stream().mapToDouble(Round::perSecond).toArray())),
        percentileMicros(nanos, 0.5),
        percentileMicros(nanos, 0.99),
        percentileMicros(nanos, 0.999),
        residentMebibytes,
        middle(rounds.stream().mapToDouble(Round::serverShare).toArray()),
        middle(rounds.stream().mapToDouble(Round::driverShare).toArray()),
        rounds.stream().mapToLong(round -> round.answers().expired()).sum());
  }

  /** A figure of these by that of those, the middle of the rounds' ratios: as many of each. */
  static <T> double middleRatio(List<T> these, List<T> those, ToDoubleFunction<T> figure) {
    var ratios = new double[these.size()];
    for (var i = 0; i < ratios.length; i++) {
      ratios[i] = figure.applyAsDouble(these.get(i)) / figure.applyAsDouble(those.get(i));
    }
    return middle(ratios);
  }

  /** The middle one; sorts them. */
  static double middle(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }

  /** A percentile of nanoseconds in order, in microseconds; 0 of none. */
  static long percentileMicros(int[] sorted, double part) {
    return sorted.length == 0
        ? 0
        : Math.round(sorted[Math.min(sorted.length - 1, (int) (sorted.length * part))] / 1e3);
  }
}
