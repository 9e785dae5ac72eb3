package io.kith.server.telemetry;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/** Counts durations by their upper bounds, as Prometheus wants them. */
final class LatencyHistogram {
  private static final long[] BOUNDS_MICROS = {
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000
  };

  private final LongAdder[] counts = new LongAdder[BOUNDS_MICROS.length + 1];
  private final LongAdder sumNanos = new LongAdder();

  LatencyHistogram() {
    for (var i = 0; i < counts.length; i++) {
      counts[i] = new LongAdder();
    }
  }

  void add(long nanos) {
    var bucket = 0;
    while (bucket < BOUNDS_MICROS.length && nanos > BOUNDS_MICROS[bucket] * 1000) {
      bucket++;
    }
    counts[bucket].increment();
    sumNanos.add(nanos);
  }

  /** Upper bounds in seconds, ascending; there is one count more. */
  static List<Double> boundsSeconds() {
    return Arrays.stream(BOUNDS_MICROS).mapToObj(micros -> micros / 1e6).toList();
  }

  /** How many were between two bounds, each. */
  List<Long> counts() {
    return Arrays.stream(counts).map(LongAdder::sum).toList();
  }

  double sumSeconds() {
    return sumNanos.sum() / 1e9;
  }

  /**
   * Appends its lines.
   *
   * @param labels inside the braces, without a comma at the end
   */
  void write(StringBuilder out, String name, String labels) {
    var total = 0L;
    for (var i = 0; i < counts.length; i++) {
      total += counts[i].sum();
      out.append(name)
          .append("_bucket{")
          .append(labels)
          .append(",le=\"")
          .append(i < BOUNDS_MICROS.length ? String.valueOf(BOUNDS_MICROS[i] / 1e6) : "+Inf")
          .append("\"} ")
          .append(total)
          .append('\n');
    }
    out.append(name).append("_sum{").append(labels).append("} ");
    out.append(sumNanos.sum() / 1e9).append('\n');
    out.append(name).append("_count{").append(labels).append("} ").append(total).append('\n');
  }
}
