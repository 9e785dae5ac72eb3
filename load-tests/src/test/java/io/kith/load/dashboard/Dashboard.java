package io.kith.load.dashboard;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Prometheus;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The dashboard in istio/chart/kith/files/dashboards and the alerts of docs/observability.md, asked
 * of a Prometheus.
 */
public record Dashboard(Prometheus.Running prometheus) {
  private static final Path FILE =
      Path.of("..", "istio", "chart", "kith", "files", "dashboards", "kith.json");
  private static final Path PAGE = Path.of("..", "docs", "observability.md");
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private static final Pattern ALERT = Pattern.compile("^\\| `([^`]+)`.* \\| .* \\|$");
  private static final Pattern METRIC = Pattern.compile("\\bkith_[a-z0-9_]+");
  private static final Pattern BY = Pattern.compile("\\bby \\(([^)]*)\\)");
  private static final Pattern MATCHED = Pattern.compile("([a-z_]+)(?:=|!=|=~|!~)\"");

  /** What only a server has that follows a cluster. */
  private static final Pattern OF_A_CLUSTER = Pattern.compile("kith_(cluster|kubernetes)_.*");

  /** A query as Grafana sends it. */
  public record Query(String panel, String expression) {
    @Override
    public String toString() {
      return panel + ": " + expression;
    }
  }

  static JsonNode file() throws IOException {
    return new ObjectMapper().readTree(Files.readString(FILE));
  }

  /** In the order of the panels. */
  public static List<Query> queries() throws IOException {
    return each(file().path("panels"))
        .flatMap(
            panel ->
                each(panel.path("targets"))
                    .map(
                        target ->
                            new Query(
                                panel.path("title").asText(),
                                target.path("expr").asText().replace("$__rate_interval", "1m"))))
        .toList();
  }

  private static Stream<JsonNode> each(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false);
  }

  /** What the page says is worth a call at night, without the table's escapes. */
  public static List<String> alerts() throws IOException {
    return Files.readAllLines(PAGE).stream()
        .dropWhile(line -> !line.startsWith("What is worth a call at night"))
        .takeWhile(line -> !line.startsWith("## "))
        .map(ALERT::matcher)
        .filter(Matcher::matches)
        .map(matcher -> matcher.group(1).replace("\\|", "|"))
        .toList();
  }

  /** Whether only a server answers it that follows a cluster. */
  public static boolean isOfACluster(String expression) {
    return metrics(expression).stream().anyMatch(OF_A_CLUSTER.asMatchPredicate());
  }

  private static Set<String> metrics(String expression) {
    return METRIC
        .matcher(expression)
        .results()
        .map(MatchResult::group)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** By which it groups, or chooses. */
  private static Set<String> labels(String expression) {
    return Stream.concat(
            BY.matcher(expression)
                .results()
                .flatMap(match -> Stream.of(match.group(1).split(", *", -1))),
            MATCHED.matcher(expression).results().map(match -> match.group(1)))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /**
   * Waits until there is all that an expression names, also where it has a value without: each
   * metric, with each label.
   */
  public void awaitNamed(String expression) throws InterruptedException {
    var having =
        labels(expression).stream()
            .map(label -> label + "!=\"\"")
            .collect(Collectors.joining(",", "{", "}"));
    var metrics = metrics(expression);
    if (metrics.isEmpty()) {
      throw new IllegalArgumentException(expression + " (expected: a metric of Kith's)");
    }
    for (var metric : metrics) {
      awaitValue(metric + having);
    }
  }

  /** Waits until an expression has a value. */
  public void awaitValue(String expression) throws InterruptedException {
    Mesh.await(expression + " has a value", PATIENCE, () -> !ask(expression).isEmpty());
  }

  /** The same of what an alert compares. */
  public void awaitValueComparedBy(String alert) throws InterruptedException {
    awaitValue(alert.replaceFirst(" *[<>=]=? *\\d+$", ""));
  }

  /** The series, of which there may be none. */
  public JsonNode ask(String expression) {
    try {
      return prometheus.query(expression);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** The value of the first series; 0 where there is none. */
  public double value(String expression) {
    return ask(expression).path(0).path("value").path(1).asDouble();
  }
}
