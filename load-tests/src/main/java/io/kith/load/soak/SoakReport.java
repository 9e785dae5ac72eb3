package io.kith.load.soak;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** What the windows of a soak say together. */
record SoakReport(List<SoakWindow> windows, double settlingSeconds) {
  private record Quantity(String unit, Drift drift) {}

  SoakReport {
    windows = List.copyOf(windows);
  }

  long checks() {
    return windows.stream().mapToLong(SoakWindow::checks).sum();
  }

  long wrong() {
    return windows.stream().mapToLong(SoakWindow::wrong).sum();
  }

  /** Windows of each run in which the server was compiled already. */
  private List<SoakWindow> settled() {
    return windows.stream()
        .filter(window -> window.isMeasured() && window.second() > settlingSeconds)
        .toList();
  }

  private Map<String, Quantity> quantities() {
    var settled = settled();
    var all = new LinkedHashMap<String, Quantity>();
    all.put(
        "resident memory",
        new Quantity("MiB", Drift.of(settled, window -> window.residentKib() / 1_024.0)));
    all.put(
        "heap after collection",
        new Quantity("MiB", Drift.of(settled, window -> window.heapKib() / 1_024.0)));
    all.put("open files", new Quantity("", Drift.of(settled, SoakWindow::files)));
    all.put("threads", new Quantity("", Drift.of(settled, SoakWindow::threads)));
    all.put("p50", new Quantity("µs", Drift.of(settled, SoakWindow::p50Micros)));
    all.put("p99", new Quantity("µs", Drift.of(settled, SoakWindow::p99Micros)));
    return all;
  }

  /** A table and a verdict, for people. */
  List<String> lines(String machine) {
    var lines = new ArrayList<String>();
    var runs = windows.stream().map(SoakWindow::run).distinct().count();
    lines.add(
        String.format(
            Locale.ROOT,
            "%,.0f s in %d run%s: %,d Checks, %,d connections, %,d changes, %,d bridges that went"
                + " and came",
            seconds(),
            runs,
            runs == 1 ? "" : "s",
            checks(),
            windows.stream().mapToLong(SoakWindow::connections).sum(),
            windows.stream().mapToLong(SoakWindow::changes).sum(),
            windows.stream().mapToLong(SoakWindow::bridges).sum()));
    lines.add("");
    quantities()
        .forEach(
            (name, quantity) ->
                lines.add(
                    String.format(
                        Locale.ROOT, "%-22s %s", name, quantity.drift().words(quantity.unit()))));
    lines.add("");
    lines.add(verdict());
    lines.add(
        String.format(
            Locale.ROOT,
            "on %s; middle and slope of the windows after the first %.0f s of each run, by Theil"
                + " and Sen, with the 95 %% interval",
            machine,
            settlingSeconds));
    return lines;
  }

  private double seconds() {
    return windows.stream()
        .collect(
            Collectors.groupingBy(
                SoakWindow::run, Collectors.reducing(0.0, SoakWindow::second, Math::max)))
        .values()
        .stream()
        .mapToDouble(Double::doubleValue)
        .sum();
  }

  /** In one sentence or two. */
  String verdict() {
    var unanswered = windows.stream().mapToLong(SoakWindow::unanswered).sum();
    var rising =
        quantities().entrySet().stream()
            .filter(entry -> entry.getValue().drift().low() > 0)
            .map(Map.Entry::getKey)
            .collect(Collectors.joining(", "));
    return (wrong() == 0 ? "No verdict was wrong" : wrong() + " VERDICTS WERE WRONG")
        + (unanswered == 0
            ? ", and no Check was left without an answer. "
            : ", and " + unanswered + " Checks were not answered in their time. ")
        + (settled().size() < 3
            ? "Too few windows to tell of drift."
            : rising.isEmpty() ? "Nothing rises." : "Rising: " + rising + ".");
  }

  /** One object in one line. */
  String json() {
    return String.format(
            Locale.ROOT,
            "{\"seconds\":%.0f,\"windows\":%d,\"checks\":%d,\"wrong\":%d,\"drift\":",
            seconds(),
            windows.stream().filter(SoakWindow::isMeasured).count(),
            checks(),
            wrong())
        + quantities().entrySet().stream()
            .map(
                entry -> {
                  var drift = entry.getValue().drift();
                  return String.format(
                      Locale.ROOT,
                      "{\"of\":\"%s\",\"unit\":\"%s\",\"middle\":%s,\"per_hour\":%s,\"low\":%s,"
                          + "\"high\":%s}",
                      entry.getKey(),
                      entry.getValue().unit(),
                      number(drift.middle()),
                      number(drift.perHour()),
                      number(drift.low()),
                      number(drift.high()));
                })
            .collect(Collectors.joining(",", "[", "]"))
        + "}";
  }

  private static String number(double value) {
    return Double.isNaN(value) ? "null" : String.format(Locale.ROOT, "%.2f", value);
  }
}
