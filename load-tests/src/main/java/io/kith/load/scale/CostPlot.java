package io.kith.load.scale;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** Cores and memory over the size of a mesh, as SVG: two panels, both axes logarithmic. */
final class CostPlot {
  private static final int WIDTH = 940;
  private static final int HEIGHT = 420;
  private static final int PANEL = 360;
  private static final int TOP = 64;
  private static final int BOTTOM = 360;
  private static final int LEFT = 74;

  /** Told apart also by those who see few colours: after Okabe and Ito. */
  private static final List<String> COLOURS =
      List.of("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00");

  private static final List<String> DASHES = List.of("", "7 4", "2 3", "9 3 2 3", "", "7 4");

  /** A line of one placement. */
  record Line(String name, List<Simulation.Figures> points) {
    Line {
      points = List.copyOf(points);
    }
  }

  private final List<Line> lines;
  private final StringBuilder svg = new StringBuilder();

  private CostPlot(List<Line> lines) {
    this.lines = lines;
  }

  /**
   * The whole file.
   *
   * @param lines each with two sizes or more, rising
   */
  static String of(List<Line> lines, String machine) {
    return new CostPlot(lines).draw(machine);
  }

  private String draw(String machine) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\""
                + " font-family=\"sans-serif\" font-size=\"12\">\n"
                + "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
            WIDTH,
            HEIGHT,
            WIDTH,
            HEIGHT));
    panel(LEFT, "cores, all servers", Simulation.Figures::cores);
    panel(LEFT + PANEL + 104, "GiB of memory, all servers", Simulation.Figures::memoryGib);
    legend();
    text(LEFT, HEIGHT - 8, "start", "unit costs measured on " + machine, 10);
    svg.append(String.format(Locale.ROOT, "</svg>\n"));
    return svg.toString();
  }

  private void panel(int left, String title, ToDoubleFunction<Simulation.Figures> value) {
    var all = lines.stream().flatMap(line -> line.points().stream()).toList();
    var x =
        Axis.over(
            all.stream().mapToDouble(one -> one.size().nodes()).toArray(), left, left + PANEL);
    var y = Axis.over(all.stream().mapToDouble(value).toArray(), BOTTOM, TOP);
    for (var tick : y.ticks()) {
      svg.append(
          String.format(
              Locale.ROOT,
              "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n",
              left,
              left + PANEL,
              y.at(tick),
              y.at(tick)));
      text(left - 8, y.at(tick) + 4, "end", short_(tick), 12);
    }
    for (var tick : x.ticks()) {
      svg.append(
          String.format(
              Locale.ROOT,
              "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#ddd\"/>\n",
              x.at(tick),
              x.at(tick),
              TOP,
              BOTTOM));
      text(x.at(tick), BOTTOM + 18, "middle", short_(tick), 12);
    }
    svg.append(
        String.format(
            Locale.ROOT,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#555\"/>\n",
            left,
            TOP,
            PANEL,
            BOTTOM - TOP));
    text(left, TOP - 10, "start", title, 14);
    text(left + PANEL / 2.0, BOTTOM + 36, "middle", "nodes", 12);
    for (var i = 0; i < lines.size(); i++) {
      var points = new StringBuilder();
      for (var one : lines.get(i).points()) {
        points.append(
            String.format(
                Locale.ROOT,
                "%.1f,%.1f ",
                x.at(one.size().nodes()),
                y.at(value.applyAsDouble(one))));
      }
      svg.append(
          String.format(
              Locale.ROOT,
              "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\""
                  + " stroke-dasharray=\"%s\"/>\n",
              points.toString().strip(),
              colour(i),
              dash(i)));
    }
  }

  private void legend() {
    var left = LEFT;
    for (var i = 0; i < lines.size(); i++) {
      svg.append(
          String.format(
              Locale.ROOT,
              "<line x1=\"%d\" x2=\"%d\" y1=\"22\" y2=\"22\" stroke=\"%s\" stroke-width=\"2.5\""
                  + " stroke-dasharray=\"%s\"/>\n",
              left,
              left + 34,
              colour(i),
              dash(i)));
      text(left + 42, 26, "start", lines.get(i).name(), 13);
      left += 60 + 8 * lines.get(i).name().length();
    }
  }

  private static String colour(int line) {
    return COLOURS.get(line % COLOURS.size());
  }

  private static String dash(int line) {
    return DASHES.get(line % DASHES.size());
  }

  private void text(double x, double y, String anchor, String words, int size) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">%s</text>\n",
            x,
            y,
            anchor,
            size,
            words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")));
  }

  private static String short_(double value) {
    return value >= 1
        ? String.format(Locale.ROOT, "%,.0f", value)
        : String.format(Locale.ROOT, "%.3f", value).replaceAll("0+$", "");
  }

  /** A logarithmic axis of whole powers of ten. */
  private record Axis(int least, int most, double from, double to) {
    static Axis over(double[] values, double from, double to) {
      var least = Integer.MAX_VALUE;
      var most = Integer.MIN_VALUE;
      for (var value : values) {
        least = Math.min(least, (int) Math.floor(Math.log10(value) + 1e-9));
        most = Math.max(most, (int) Math.ceil(Math.log10(value) - 1e-9));
      }
      return new Axis(least, Math.max(most, least + 1), from, to);
    }

    double at(double value) {
      return from + (to - from) * (Math.log10(value) - least) / (most - least);
    }

    List<Double> ticks() {
      var ticks = new ArrayList<Double>();
      for (var power = least; power <= most; power++) {
        ticks.add(Math.pow(10, power));
      }
      return ticks;
    }
  }
}
