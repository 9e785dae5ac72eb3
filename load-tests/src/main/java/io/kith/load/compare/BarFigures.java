package io.kith.load.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What {@link BarsBench} found. */
record BarFigures(List<Bar> bars) {
  BarFigures {
    bars = List.copyOf(bars);
  }

  /** A table, for people. */
  List<String> lines(String machine) {
    var lines = new ArrayList<String>();
    bars.forEach(bar -> lines.add(bar.line().stripTrailing()));
    lines.add("");
    lines.add("on " + machine);
    return lines;
  }

  /** One object in one line. */
  String json() {
    return bars.stream().map(Bar::json).collect(Collectors.joining(",", "{\"bars\":[", "]}"));
  }
}
