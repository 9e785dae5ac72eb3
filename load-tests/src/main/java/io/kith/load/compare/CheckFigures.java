package io.kith.load.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What {@link CheckBench} found. */
record CheckFigures(List<Row> rows) {
  private static final double BAR = 0.90;
  private static final double FULL = 0.95;

  CheckFigures {
    rows = List.copyOf(rows);
  }

  /**
   * One server with one kind of traffic.
   *
   * @param measured null when it could not be
   * @param why it could not be measured; empty when it was
   */
  record Row(Contender server, Shape shape, boolean tls, @Nullable Measured measured, String why) {}

  /** Checks per processor second, of those of null gRPC-Java with a direct executor; or null. */
  @Nullable Double ratio(Row row) {
    for (var other : rows) {
      if (other.server() == Contender.NULL_JAVA_DIRECT
          && other.shape() == row.shape()
          && other.tls() == row.tls()
          && other.measured() != null
          && row.measured() != null) {
        return row.measured().perProcessorSecond() / (double) other.measured().perProcessorSecond();
      }
    }
    return null;
  }

  /** A table, for people. */
  List<String> lines(String machine) {
    var lines = new ArrayList<String>();
    lines.add(
        String.format(
            Locale.ROOT,
            "%-24s %-5s %-4s %11s %9s %8s %8s %8s %9s %6s",
            "",
            "",
            "TLS",
            "Checks/cpu·s",
            "Checks/s",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "resident",
            "ratio"));
    for (var row : rows) {
      lines.add(line(row));
    }
    lines.add("");
    lines.add("on " + machine);
    lines.add(
        "Checks/cpu·s: answered for each second of a processor that the server took. Ratio: to null"
            + " gRPC-Java, direct.");
    lines.addAll(remarks());
    return lines;
  }

  private String line(Row row) {
    var head =
        String.format(
            Locale.ROOT,
            "%-24s %-5s %-4s ",
            row.server().words(),
            row.shape(),
            row.tls() ? "on" : "off");
    var measured = row.measured();
    if (measured == null) {
      return head + "not measured: " + row.why();
    }
    var ratio = ratio(row);
    return head
        + String.format(
            Locale.ROOT,
            "%,12d %,9d %8.2f %8.2f %8.2f %,5d MiB %6s%s",
            measured.perProcessorSecond(),
            measured.perSecond(),
            measured.p50Micros() / 1e3,
            measured.p99Micros() / 1e3,
            measured.p999Micros() / 1e3,
            measured.residentMebibytes(),
            ratio == null ? "" : String.format(Locale.ROOT, "%.2f", ratio),
            ratio != null && row.server() == Contender.KITH
                ? ratio >= BAR ? "  bar met" : "  BAR NOT MET"
                : "");
  }

  /** Kith with mutual TLS beside OPA-Envoy without: neither takes what the other does. */
  private List<String> besideOpa() {
    var lines = new ArrayList<String>();
    for (var kith : rows) {
      for (var opa : rows) {
        if (kith.server() == Contender.KITH
            && opa.server() == Contender.OPA
            && kith.shape() == opa.shape()
            && kith.measured() != null
            && opa.measured() != null) {
          var times =
              kith.measured().perProcessorSecond() / (double) opa.measured().perProcessorSecond();
          lines.add(
              String.format(
                  Locale.ROOT,
                  "Kith with TLS answers %.1f times as many %s Checks/cpu·s as OPA-Envoy without:"
                      + " bar of %.1f %s.",
                  times,
                  kith.shape(),
                  besideOpa(kith.shape()),
                  times >= besideOpa(kith.shape()) ? "met" : "NOT MET"));
        }
      }
    }
    return lines;
  }

  private static double besideOpa(Shape shape) {
    return switch (shape) {
      case l4 -> 6.5;
      case l7 -> 8;
    };
  }

  private List<String> remarks() {
    var remarks = besideOpa();
    var most = 0.0;
    var limited = new ArrayList<String>();
    for (var row : rows) {
      var measured = row.measured();
      if (measured != null) {
        most = Math.max(most, measured.driverShare());
        if (measured.driverShare() >= FULL && measured.serverShare() < FULL) {
          limited.add(
              row.server().id() + " " + row.shape() + (row.tls() ? " with TLS" : " without TLS"));
        }
      }
    }
    remarks.add(
        String.format(
            Locale.ROOT, "The driver took at most %.0f %% of its processor.", 100 * most));
    if (!limited.isEmpty()) {
      remarks.add(
          "Its processor was full before the server's in: "
              + String.join(", ", limited)
              + ". There Checks/s are the driver's limit; Checks/cpu·s are the server's still.");
    }
    for (var row : rows) {
      if (row.measured() != null && row.measured().expired() > 0) {
        remarks.add(
            String.format(
                Locale.ROOT,
                "%,d Checks of %s, %s, were not answered in their time.",
                row.measured().expired(),
                row.server().words(),
                row.shape()));
      }
    }
    return remarks;
  }

  /** One object in one line. */
  String json() {
    return "{" + jsonMember() + "}";
  }

  /** The same as a member of a larger object. */
  String jsonMember() {
    return rows.stream().map(this::json).collect(Collectors.joining(",", "\"direct\":[", "]"));
  }

  private String json(Row row) {
    var head =
        String.format(
            Locale.ROOT,
            "{\"server\":\"%s\",\"shape\":\"%s\",\"tls\":%b,",
            row.server().id(),
            row.shape(),
            row.tls());
    var measured = row.measured();
    if (measured == null) {
      return head + "\"checks_per_s\":null,\"not_measured\":\"" + quoted(row.why()) + "\"}";
    }
    var ratio = ratio(row);
    return head
        + String.format(
            Locale.ROOT,
            "\"checks_per_s\":%d,\"p50_us\":%d,\"p99_us\":%d,\"p999_us\":%d,\"rss_mib\":%d,"
                + "\"answered_per_s\":%d,\"ratio\":%s}",
            measured.perProcessorSecond(),
            measured.p50Micros(),
            measured.p99Micros(),
            measured.p999Micros(),
            measured.residentMebibytes(),
            measured.perSecond(),
            ratio == null ? "null" : String.format(Locale.ROOT, "%.3f", ratio));
  }

  /** Text as the inside of a JSON string. */
  static String quoted(String text) {
    return text.replace("\\", "\\\\").replace("\"", "\\\"");
  }
}
