package io.kith.load.compare;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What is wanted of a figure, and the figure.
 *
 * @param id as in JSON
 * @param words for people
 * @param unit of the figure and the bar, as {@code ms}; {@code ×} for a ratio
 * @param wanted the bar
 * @param atMost whether the figure may be as much as the bar, else it has to be as much
 * @param figure null when it could not be measured
 * @param note what else was seen, or why it was not measured; may be empty
 */
record Bar(
    String id,
    String words,
    String unit,
    double wanted,
    boolean atMost,
    @Nullable Double figure,
    String note) {

  static Bar atMost(
      String id, String words, String unit, double wanted, double figure, String note) {
    return new Bar(id, words, unit, wanted, true, figure, note);
  }

  static Bar atLeast(
      String id, String words, String unit, double wanted, double figure, String note) {
    return new Bar(id, words, unit, wanted, false, figure, note);
  }

  boolean met() {
    return figure != null && (atMost ? figure <= wanted : figure >= wanted);
  }

  /** A line of a table. */
  String line() {
    var now = figure;
    var bar = (atMost ? "≤ " : "≥ ") + number(wanted) + " " + unit;
    return now == null
        ? String.format(Locale.ROOT, "%-58s %14s  not measured: %s", words, bar, note)
        : String.format(
            Locale.ROOT,
            "%-58s %14s %14s  %-11s  %s",
            words,
            bar,
            number(now) + " " + unit,
            met() ? "met" : "NOT MET",
            note);
  }

  /** An object. */
  String json() {
    var now = figure;
    return String.format(
        Locale.ROOT,
        "{\"bar\":\"%s\",\"unit\":\"%s\",\"%s\":%s,\"figure\":%s,\"met\":%s,\"note\":\"%s\"}",
        id,
        unit,
        atMost ? "at_most" : "at_least",
        plain(wanted),
        now == null ? "null" : plain(now),
        now == null ? "null" : met(),
        CheckFigures.quoted(note));
  }

  private static String number(double value) {
    return value >= 100 || value == Math.rint(value)
        ? String.format(Locale.ROOT, "%,.0f", value)
        : String.format(Locale.ROOT, "%.2f", value);
  }

  private static String plain(double value) {
    return value == Math.rint(value)
        ? String.format(Locale.ROOT, "%.0f", value)
        : String.format(Locale.ROOT, "%.3f", value);
  }
}
