package io.kith.load.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What {@link EnvoyBench} found. */
record EnvoyFigures(List<Row> rows) {
  private static final double FULL = 0.95;

  EnvoyFigures {
    rows = List.copyOf(rows);
  }

  /**
   * One kind of request, and whom Envoy asked.
   *
   * @param measured the process is Envoy; null when it could not be
   * @param paced at a quarter of what the null server did, which is where latency is compared; null
   *     where that is not measured
   * @param why it could not be measured; empty when it was
   */
  record Row(
      Authorizer server,
      EnvoyShape shape,
      @Nullable Measured measured,
      @Nullable Paced paced,
      String why) {}

  /**
   * Requests at one rate.
   *
   * @param all rounds together
   * @param rounds each by itself, right beside that of whom it is compared with
   */
  record Paced(Measured all, List<Measured> rounds) {
    Paced {
      rounds = List.copyOf(rounds);
    }

    static Paced of(List<Measured.Round> rounds) {
      return new Paced(
          Measured.of(rounds, 0),
          rounds.stream().map(round -> Measured.of(List.of(round), 0)).toList());
    }

    /**
     * A figure by that of another, the middle of the rounds' ratios: when a machine stands still
     * for a moment, all that is slow is in one round.
     */
    double ratio(Paced other, ToDoubleFunction<Measured> figure) {
      return Measured.middleRatio(rounds, other.rounds, figure);
    }
  }

  /**
   * An aim, and how far it was reached.
   *
   * @param least whether the value must be at least the limit, and not at most
   */
  record Bar(String words, double value, double limit, boolean least) {
    boolean met() {
      return least ? value >= limit : value <= limit;
    }

    String line() {
      return String.format(
          Locale.ROOT,
          "%s: %.2f (%s %.2f)  %s",
          words,
          value,
          least ? "≥" : "≤",
          limit,
          met() ? "met" : "NOT MET");
    }
  }

  private @Nullable Measured measured(Authorizer server, EnvoyShape shape) {
    var row = row(server, shape);
    return row == null ? null : row.measured();
  }

  private @Nullable Paced paced(Authorizer server, EnvoyShape shape) {
    var row = row(server, shape);
    return row == null ? null : row.paced();
  }

  private @Nullable Row row(Authorizer server, EnvoyShape shape) {
    for (var row : rows) {
      if (row.server() == server && row.shape() == shape) {
        return row;
      }
    }
    return null;
  }

  /** A figure of one by that of another, of the same shape; null where one was not measured. */
  private @Nullable Double ratio(
      Authorizer one, Authorizer other, EnvoyShape shape, ToDoubleFunction<Measured> figure) {
    var mine = measured(one, shape);
    var theirs = measured(other, shape);
    return mine == null || theirs == null
        ? null
        : figure.applyAsDouble(mine) / figure.applyAsDouble(theirs);
  }

  /** The aims that these rows can be held against. */
  List<Bar> bars() {
    var bars = new ArrayList<Bar>();
    for (var shape : EnvoyShape.values()) {
      add(bars, shape, "p50", Measured::p50Micros);
      add(bars, shape, "p99", Measured::p99Micros);
    }
    add(
        bars,
        "l7, requests/s, Kith to null gRPC-Java",
        ratio(Authorizer.KITH, Authorizer.NULL_JAVA_DIRECT, EnvoyShape.l7, Measured::perSecond),
        0.9);
    add(
        bars,
        "l7, requests/s, Kith to OPA-Envoy",
        ratio(Authorizer.KITH, Authorizer.OPA, EnvoyShape.l7, Measured::perSecond),
        1.5);
    add(
        bars,
        "l7, requests/s, Kith with the short cut to no filter",
        ratio(Authorizer.KITH_SHORT_CUT, Authorizer.NONE, EnvoyShape.l7, Measured::perSecond),
        0.8);
    return bars;
  }

  private void add(
      List<Bar> bars, EnvoyShape shape, String name, ToDoubleFunction<Measured> figure) {
    var mine = paced(Authorizer.KITH, shape);
    var theirs = paced(Authorizer.NULL_JAVA_DIRECT, shape);
    if (mine != null && theirs != null) {
      var words =
          String.format(
              Locale.ROOT,
              "%s, %s at that rate, Kith to null gRPC-Java, middle of %d rounds (together %.2f)",
              shape,
              name,
              mine.rounds().size(),
              figure.applyAsDouble(mine.all()) / figure.applyAsDouble(theirs.all()));
      bars.add(new Bar(words, mine.ratio(theirs, figure), 1.1, false));
    }
  }

  private static void add(List<Bar> bars, String words, @Nullable Double value, double limit) {
    if (value != null) {
      bars.add(new Bar(words, value, limit, true));
    }
  }

  /** A table, for people. */
  List<String> lines(String machine) {
    var lines = new ArrayList<String>();
    lines.add(
        String.format(
            Locale.ROOT,
            "%-24s %-5s %11s %8s %8s %7s %6s %6s %6s",
            "through Envoy",
            "",
            "requests/s",
            "p50 µs",
            "p99 µs",
            "Envoy",
            "/null",
            "/OPA",
            "/none"));
    for (var row : rows) {
      lines.add(line(row));
    }
    lines.add("");
    lines.add("on " + machine);
    lines.add(
        "Envoy: how full its processor was. /null, /OPA, /none: requests/s, of those with null"
            + " gRPC-Java (direct), OPA-Envoy, no filter.");
    var starved = starved();
    if (!starved.isEmpty()) {
      lines.add(
          "Envoy was not busy all the time in: "
              + String.join(", ", starved)
              + ". There the other processor is the limit.");
    }
    for (var row : rows) {
      if (row.paced() != null) {
        lines.add(pacedLine(row, row.paced().all()));
      }
    }
    for (var bar : bars()) {
      lines.add(bar.line());
    }
    return lines;
  }

  private List<String> starved() {
    return rows.stream()
        .filter(row -> row.measured() != null && row.measured().serverShare() < FULL)
        .map(row -> row.server().id() + " " + row.shape())
        .toList();
  }

  private static String pacedLine(Row row, Measured paced) {
    return String.format(
        Locale.ROOT,
        "at %,d requests/s, a quarter of what null gRPC-Java did: %s, %s: p50 %,d µs, p99 %,d µs,"
            + " Envoy %.0f %%",
        paced.perSecond(),
        row.shape(),
        row.server().words(),
        paced.p50Micros(),
        paced.p99Micros(),
        100 * paced.serverShare());
  }

  private String line(Row row) {
    var head = String.format(Locale.ROOT, "%-24s %-5s ", row.server().words(), row.shape());
    var measured = row.measured();
    if (measured == null) {
      return head + "not measured: " + row.why();
    }
    return head
        + String.format(
            Locale.ROOT,
            "%,11d %,8d %,8d %5.0f %% %6s %6s %6s",
            measured.perSecond(),
            measured.p50Micros(),
            measured.p99Micros(),
            100 * measured.serverShare(),
            ratio(row, Authorizer.NULL_JAVA_DIRECT),
            ratio(row, Authorizer.OPA),
            ratio(row, Authorizer.NONE));
  }

  private String ratio(Row row, Authorizer other) {
    var ratio = ratio(row.server(), other, row.shape(), Measured::perSecond);
    return ratio == null ? "" : String.format(Locale.ROOT, "%.2f", ratio);
  }

  /** One object in one line. */
  String json() {
    return "{" + jsonMember() + "}";
  }

  /** The same as a member of a larger object. */
  String jsonMember() {
    return rows.stream()
        .map(EnvoyFigures::json)
        .collect(Collectors.joining(",", "\"envoy\":[", "]"));
  }

  private static String json(Row row) {
    var head =
        String.format(
            Locale.ROOT, "{\"server\":\"%s\",\"shape\":\"%s\",", row.server().id(), row.shape());
    var measured = row.measured();
    return measured == null
        ? head + "\"per_s\":null,\"not_measured\":\"" + CheckFigures.quoted(row.why()) + "\"}"
        : head
            + String.format(
                Locale.ROOT,
                "\"per_s\":%d,\"p50_us\":%d,\"p99_us\":%d}",
                measured.perSecond(),
                measured.p50Micros(),
                measured.p99Micros());
  }
}
