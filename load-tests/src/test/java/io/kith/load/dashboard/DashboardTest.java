package io.kith.load.dashboard;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.kith.admin.v1.FinishTestRunRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.bridge.v1.GuardMode;
import io.kith.bridge.v1.GuardReason;
import io.kith.bridge.v1.GuardReport;
import io.kith.bridge.v1.GuardedPod;
import io.kith.bridge.v1.ReasonCount;
import io.kith.load.docs.MadePart;
import io.kith.load.fleet.Fleet;
import io.kith.load.fleet.Member;
import io.kith.load.fleet.PodsAt;
import io.kith.load.fleet.ServerProcess;
import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Prometheus;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every query of the dashboard in istio/chart/kith/files/dashboards, asked of a Prometheus that
 * reads a server which decided something in each mode; and the table of metrics in
 * docs/observability.md, which changes only by {@code -Dkith.goldens=refresh}.
 */
@Timeout(900)
class DashboardTest {
  private static final Path DASHBOARD =
      Path.of("..", "istio", "chart", "kith", "files", "dashboards", "kith.json");
  private static final MadePart PART =
      new MadePart(
          Path.of("..", "docs", "observability.md"),
          "<!-- metrics: made by DashboardTest -->\n",
          "<!-- metrics end -->\n");
  private static final Pattern METRIC = Pattern.compile("\\bkith_[a-z0-9_]+");
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private static final Path SERVER_SOURCES = Path.of("..", "authz-server", "src", "main", "java");
  private static final Pattern ALERT = Pattern.compile("^\\| `([^`]+)`.* \\| .* \\|$");

  /**
   * What a server has that follows a cluster, or that check servers follow, and this one does not.
   */
  private static final Pattern OF_A_CLUSTER =
      Pattern.compile("kith_(cluster|kubernetes|check_servers).*");

  private static Path folder;
  private static Fleet fleet;
  private static ServerProcess server;
  private static PodsAt pods;
  private static Prometheus prometheus;
  private static Prometheus.Running running;

  /** A query as Grafana sends it. */
  record Query(String panel, String expression) {
    @Override
    public String toString() {
      return panel + ": " + expression;
    }
  }

  @BeforeAll
  static void start() throws Exception {
    prometheus = Prometheus.find();
    folder = Files.createTempDirectory("kith-g");
    fleet = Fleet.make(folder, 3);
    server =
        new Setup(
                fleet,
                "one",
                Fleet.sqlite(folder.resolve("kith.db")),
                List.of(),
                "{otlp: {endpoint: \"http://127.0.0.1:9\"}, sampleAllows: 1}") // nobody is there
            .startAndWait();
    pods = new PodsAt(fleet, server);
    running = prometheus.start(folder, server.healthAddress());
    var observed = fleet.members().get(0);
    var shadowed = fleet.members().get(1);
    var enforced = fleet.members().get(2);
    enter("shadow", shadowed);
    enter("enforce", enforced);
    pods.report(
        GuardReport.newBuilder()
            .addPods(
                GuardedPod.newBuilder().setApplied(GuardMode.GUARD_MODE_ENFORCE).setHasPolicy(true))
            .addTotals(
                ReasonCount.newBuilder()
                    .setReason(GuardReason.GUARD_REASON_PROXY_USER)
                    .setSeen(7)
                    .setRefused(3))
            .build());
    for (var member : List.of(observed, shadowed, enforced)) {
      assertThat(check(member, "/app/shop")).isTrue();
      assertThat(check(member, "/app/intruder")).isEqualTo(!member.equals(enforced));
    }
  }

  /** With a baseline of what its own program does. */
  private static void enter(String mode, Member member) {
    for (var i = 0; i < 3; i++) {
      assertThat(check(member, "/app/shop")).isTrue();
    }
    var _ =
        server
            .admin()
            .finishTestRun(
                FinishTestRunRequest.newBuilder()
                    .setOwner(member.owner())
                    .setNote("test run")
                    .build());
    var _ =
        server
            .admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope(member.owner())
                    .setMode(mode)
                    .setNote("test")
                    .build());
  }

  private static boolean check(Member member, String program) {
    return pods.check(member, program, fleet.destinations().getFirst()).allowed();
  }

  @AfterAll
  static void stop() throws Exception {
    for (AutoCloseable part : new AutoCloseable[] {running, pods, server, fleet}) {
      if (part != null) {
        part.close();
      }
    }
    if (folder != null) {
      ToolCache.delete(folder);
    }
  }

  private static JsonNode dashboard() throws IOException {
    return new ObjectMapper().readTree(Files.readString(DASHBOARD));
  }

  static Stream<Query> queries() throws IOException {
    var queries = new ArrayList<Query>();
    for (var panel : dashboard().path("panels")) {
      for (var target : panel.path("targets")) {
        queries.add(new Query(panel.path("title").asText(), target.path("expr").asText()));
      }
    }
    return queries.stream();
  }

  @ParameterizedTest
  @MethodSource("queries")
  void query_ofThePanel_isAnswered(Query query) throws Exception {
    var expression = query.expression().replace("$__rate_interval", "1m");
    var end = System.nanoTime() + PATIENCE.toNanos();

    var result = running.query(expression);
    if (OF_A_CLUSTER.matcher(names(expression).iterator().next()).matches()) {
      assertThat(result.isArray()).isTrue(); // Prometheus takes it
      return;
    }
    while (result.isEmpty() && System.nanoTime() < end) {
      Thread.sleep(200);
      result = running.query(expression);
    }

    assertThat(result.isArray()).isTrue();
    assertThat(result.isEmpty()).isFalse();
  }

  /** What the page says is worth a call at night, without the table's escapes. */
  static Stream<String> alerts() throws IOException {
    return Files.readAllLines(Path.of("..", "docs", "observability.md")).stream()
        .dropWhile(line -> !line.startsWith("What is worth a call at night"))
        .takeWhile(line -> !line.startsWith("## "))
        .map(ALERT::matcher)
        .filter(Matcher::matches)
        .map(matcher -> matcher.group(1).replace("\\|", "|"));
  }

  /** Prometheus takes it, it names metrics that there are, and nothing is wrong here. */
  @ParameterizedTest
  @MethodSource("alerts")
  void alert_ofThePage_isTakenAndDoesNotFireWhereAllIsWell(String expression) throws Exception {
    var known = metrics().keySet();
    var names = METRIC.matcher(expression).results().map(MatchResult::group).toList();

    var result = running.query(expression);

    assertThat(result.isArray()).isTrue();
    assertThat(names).isNotEmpty();
    for (var name : names) {
      if (OF_A_CLUSTER.matcher(name).matches()) {
        assertThat(isInTheSources(name)).as(name).isTrue();
      } else {
        assertThat(known).contains(name);
        var side = expression.replaceFirst(" *[<>=]=? *\\d+$", "");
        if (!name.equals("kith_checks_total")) { // has no such reason here, as it should
          Mesh.await(side + " has a value", PATIENCE, () -> isAnswered(side));
        }
      }
    }
    if (!expression.equals("min(kith_bridges_attached)")) {
      assertThat(result.isEmpty()).as("fires").isTrue();
    }
  }

  @Test
  void alerts_areAllRead() throws Exception {
    assertThat(alerts()).hasSize(12);
  }

  private static boolean isInTheSources(String metric) throws IOException {
    try (var files = Files.walk(SERVER_SOURCES)) {
      for (var file : files.filter(one -> one.toString().endsWith(".java")).toList()) {
        if (Files.readString(file).contains('"' + metric + '"')) {
          return true;
        }
      }
      return false;
    }
  }

  private static boolean isAnswered(String query) {
    try {
      return !running.query(query).isEmpty();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Test
  void queries_nameOnlyMetricsThatThereAre() throws Exception {
    var known = new TreeSet<>(metrics().keySet());
    var used = new TreeSet<String>();
    for (var query : queries().toList()) {
      used.addAll(names(query.expression()));
    }

    assertThat(used).hasSizeGreaterThan(20);
    for (var name : used) {
      if (OF_A_CLUSTER.matcher(name).matches()) {
        assertThat(isInTheSources(name)).as(name).isTrue();
      } else {
        assertThat(known).contains(name);
      }
    }
  }

  private static Set<String> names(String expression) {
    return METRIC
        .matcher(expression)
        .results()
        .map(match -> match.group().replaceFirst("_bucket$", ""))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** A Grafana takes a datasource of its own, and every panel says what to make of it. */
  @Test
  void panels_sayWhatTheyShow_andLieSideBySide() throws Exception {
    var taken = new TreeSet<String>();
    for (var panel : dashboard().path("panels")) {
      var title = panel.path("title").asText();
      assertThat(panel.path("description").asText()).as(title).isNotBlank();
      assertThat(panel.path("datasource").path("uid").asText()).isEqualTo("${datasource}");
      var place = panel.path("gridPos");
      for (var x = 0; x < place.path("w").asInt(); x++) {
        for (var y = 0; y < place.path("h").asInt(); y++) {
          assertThat(taken.add((place.path("x").asInt() + x) + ":" + (place.path("y").asInt() + y)))
              .as("%s lies where another panel is", title)
              .isTrue();
        }
      }
    }
    assertThat(taken).isNotEmpty();
  }

  @Test
  void metrics_areAsPromtoolWantsThem() throws Exception {
    assertThat(prometheus.check(server.metrics(), folder)).isEmpty();
  }

  @Test
  void wouldBeDenied_namesTheWorkloadUnderShadow() throws Exception {
    var query = "kith_workload_shadow_denied_total{workload=\"shop/deployment/w1\"}";

    Mesh.await("the denial that would be", PATIENCE, () -> value(query) >= 1);
  }

  private static double value(String query) {
    try {
      return running.query(query).path(0).path("value").path(1).asDouble();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Kind and help by name. */
  private static Map<String, String[]> metrics() throws Exception {
    var metrics = new TreeMap<String, String[]>();
    for (var line : server.metrics().lines().filter(one -> one.startsWith("# ")).toList()) {
      var parts = line.split(" ", 4);
      var metric = metrics.computeIfAbsent(parts[2], _ -> new String[] {"", ""});
      metric[parts[1].equals("TYPE") ? 0 : 1] = parts[3];
    }
    return metrics;
  }

  @Test
  void page_hasEveryMetric() throws Exception {
    var table = new StringBuilder("\n| metric | type | what |\n| --- | --- | --- |\n");
    metrics()
        .forEach(
            (name, words) ->
                table.append("| `%s` | %s | %s |\n".formatted(name, words[0], words[1])));
    PART.assertIs(table.append('\n').toString());
  }
}
