package io.kith.load.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What {@link DecideBench} found; what was not measured is null.
 *
 * @param hot with all workloads, asked by their traffic, each decision timed alone, with the clock
 *     in it
 * @param times the same, each workload once in a random order
 * @param swapping {@code times} while another thread swaps snapshots
 * @param eight the same, eight in a row, divided by eight: denials and what is rare are in each
 * @param twoReads what two reads that wait for one another take at the same place, clock included
 * @param atThousand with a thousand workloads, each decision timed alone
 * @param clockNanos what two looks at the clock cost, and what every decision has in it
 */
record DecideFigures(
    int workloads,
    int edges,
    @Nullable DecideTimes hot,
    @Nullable DecideTimes times,
    @Nullable DecideTimes swapping,
    @Nullable DecideTimes eight,
    @Nullable DecideTimes twoReads,
    @Nullable DecideTimes atThousand,
    long clockNanos,
    @Nullable Long bytesPerEdge,
    @Nullable LearningRates rates) {
  private static final long DECIDE_BAR = 300;
  private static final int HOT = 10_000;
  private static final long BYTES_BAR = 300;
  private static final long LEARN_BAR = 200_000;
  private static final long REPLAY_BAR = 60_000;

  /** A table, for people. */
  List<String> lines(String machine) {
    var lines = new ArrayList<String>();
    lines.add(
        String.format(
            Locale.ROOT, "%-44s %12s %-7s %11s %7s", "", "measured", "", "bar", "of bar"));
    lines.add(String.format(Locale.ROOT, "decide, %,d workloads of %d edges", workloads, edges));
    if (hot != null) {
      lines.add(
          workloads <= HOT
              ? row("  asked by their traffic (hot), p50", hot.median(), "ns", DECIDE_BAR, false)
              : row("  asked by their traffic (hot), p50", hot.median(), "ns"));
      lines.add(row("    p99", hot.p99(), "ns"));
    }
    if (times != null) {
      lines.add(
          workloads <= HOT
              ? row("  each once in a random order, p50", times.median(), "ns")
              : row(
                  "  each once in a random order, p50",
                  times.median(),
                  "ns",
                  2 * DECIDE_BAR,
                  false));
      lines.add(row("    p99", times.p99(), "ns"));
      lines.add(row("    p99.9", times.p999(), "ns"));
    }
    if (swapping != null) {
      lines.add(row("    while snapshots are swapped, p50", swapping.median(), "ns"));
      lines.add(row("      p99.9", swapping.p999(), "ns"));
    }
    if (eight != null) {
      lines.add(row("    mean of eight in a row, p50", eight.median(), "ns"));
    }
    if (twoReads != null) {
      lines.add(row("    only two dependent reads of memory, p50", twoReads.median(), "ns"));
    }
    if (atThousand != null) {
      lines.add(row("  1,000 workloads in a random order, p50", atThousand.median(), "ns"));
      lines.add(row("    p99", atThousand.p99(), "ns"));
    }
    if (bytesPerEdge != null) {
      lines.add(row("heap per edge", bytesPerEdge, "B", BYTES_BAR, false));
    }
    if (rates != null) {
      lines.add(
          row("learner and decider, parsed records", learned(rates), "flows/s", LEARN_BAR, true));
      lines.add(row("replay, from gzip'd JSON", replayed(rates), "flows/s", REPLAY_BAR, true));
    }
    lines.add("");
    lines.add("on " + machine);
    if (times != null) {
      lines.add(
          String.format(
              Locale.ROOT,
              "Each decision is timed alone, and the clock's %d ns are in it. One in 20 is a"
                  + " denial.",
              clockNanos));
      lines.add(
          String.format(
              Locale.ROOT,
              "Hot: the k-th busiest is asked 1/k^%s times as often as the first; half of the"
                  + " questions are for %,d of %,d workloads, and what those need stays in the"
                  + " caches. In a random order nothing does.",
              WorkloadOrder.SKEW,
              WorkloadOrder.busyHalf(workloads),
              workloads));
    }
    return lines;
  }

  private static String row(String what, long value, String unit) {
    return String.format(Locale.ROOT, "%-44s %,12d %s", what, value, unit);
  }

  private static String row(String what, long value, String unit, long bar, boolean atLeast) {
    return String.format(
        Locale.ROOT,
        "%-44s %,12d %-7s %11s %7.2f %s",
        what,
        value,
        unit,
        String.format(Locale.ROOT, "%s %,d", atLeast ? "≥" : "≤", bar),
        value / (double) bar,
        (atLeast ? value >= bar : value <= bar) ? "met" : "NOT MET");
  }

  /** One object in one line. */
  String json() {
    var barred = workloads <= HOT ? hot : times;
    return String.format(
        Locale.ROOT,
        "{\"workloads\":%d,\"edges\":%d,\"decide_p50_ns\":%s,\"decide_p99_ns\":%s,"
            + "\"decide_p50_ns_at_1000\":%s,\"bytes_per_edge\":%s,\"learn_flows_per_s\":%s,"
            + "\"replay_flows_per_s\":%s,\"decide_hot_p50_ns\":%s,\"decide_hot_p99_ns\":%s,"
            + "\"decide_random_p50_ns\":%s,\"decide_random_p99_ns\":%s}",
        workloads,
        edges,
        barred == null ? null : barred.median(),
        barred == null ? null : barred.p99(),
        atThousand == null ? null : atThousand.median(),
        bytesPerEdge,
        rates == null ? null : learned(rates),
        rates == null ? null : replayed(rates),
        hot == null ? null : hot.median(),
        hot == null ? null : hot.p99(),
        times == null ? null : times.median(),
        times == null ? null : times.p99());
  }

  private static long learned(LearningRates rates) {
    return Math.round(rates.learned());
  }

  private static long replayed(LearningRates rates) {
    return Math.round(rates.replayed());
  }
}
