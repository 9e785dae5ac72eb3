package io.kith.load.dashboard;

import static org.assertj.core.api.Assertions.assertThat;

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
import io.kith.load.fleet.Part;
import io.kith.load.fleet.PodsAt;
import io.kith.load.fleet.ServerProcess;
import io.kith.load.fleet.ServerProcess.Setup;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.FreePorts;
import io.kith.load.tools.Prometheus;
import io.kith.load.tools.ToolCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every query of the dashboard, asked of a Prometheus that reads a server which decided something
 * in each mode and which a check server follows (what a cluster adds is in {@code
 * ClusterDashboardTest}); and the table of metrics in docs/observability.md, which changes only by
 * {@code -Dkith.goldens=refresh}.
 */
@Timeout(900)
class DashboardTest {
  private static final MadePart PART =
      new MadePart(
          Path.of("..", "docs", "observability.md"),
          "<!-- metrics: made by DashboardTest -->\n",
          "<!-- metrics end -->\n");
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private static Path folder;
  private static Fleet fleet;
  private static ServerProcess server;
  private static ServerProcess follower;
  private static PodsAt pods;
  private static Prometheus prometheus;
  private static Prometheus.Running running;
  private static Dashboard dashboard;

  @BeforeAll
  static void start() throws Exception {
    prometheus = Prometheus.find();
    folder = Files.createTempDirectory("kith-g");
    fleet = Fleet.make(folder, 3);
    var port = FreePorts.next();
    server =
        new Setup(
                fleet,
                "one",
                Fleet.sqlite(folder.resolve("kith.db")),
                List.of(),
                "{otlp: {endpoint: \"http://127.0.0.1:9\"}, sampleAllows: 1}", // nobody is there
                Part.allAndControl(port))
            .startAndWait();
    follower =
        new Setup(fleet, "check", Fleet.following(port, folder.resolve("check/copy")), Part.check())
            .startAndWait();
    pods = new PodsAt(fleet, server);
    running = prometheus.start(folder, server.healthAddress());
    dashboard = new Dashboard(running);
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
    for (AutoCloseable part : new AutoCloseable[] {running, pods, follower, server, fleet}) {
      if (part != null) {
        part.close();
      }
    }
    if (folder != null) {
      ToolCache.delete(folder);
    }
  }

  static Stream<Dashboard.Query> queries() throws IOException {
    return Dashboard.queries().stream().filter(one -> !Dashboard.isOfACluster(one.expression()));
  }

  @ParameterizedTest
  @MethodSource("queries")
  void query_ofThePanel_isAnswered(Dashboard.Query query) throws Exception {
    dashboard.awaitNamed(query.expression());
    dashboard.awaitValue(query.expression());
  }

  static Stream<String> alerts() throws IOException {
    return Dashboard.alerts().stream()
        .filter(one -> !Dashboard.isOfACluster(one) && !isOfACheckServer(one));
  }

  /** Whether only a server answers it that follows another. */
  private static boolean isOfACheckServer(String alert) {
    return alert.contains("kith_control_connected");
  }

  /** Prometheus takes it, there is what it names, and nothing is wrong here. */
  @ParameterizedTest
  @MethodSource("alerts")
  void alert_ofThePage_isTakenAndDoesNotFireWhereAllIsWell(String alert) throws Exception {
    dashboard.awaitNamed(alert);
    // has no such reason here, or is there, as it should
    if (!alert.contains("kith_checks_total") && !alert.startsWith("absent(")) {
      dashboard.awaitValueComparedBy(alert);
    }
    if (!alert.equals("min(kith_bridges_attached)")) {
      assertThat(dashboard.ask(alert).isEmpty()).as("does not fire").isTrue();
    }
  }

  @Test
  void absentAlert_whereNoServerIsRead_fires() throws Exception {
    var gone = Dashboard.alerts().stream().filter(one -> one.startsWith("absent(")).toList();

    assertThat(gone).hasSize(1);
    dashboard.awaitValue(gone.getFirst().replace(")", "{job=\"nobody\"})"));
  }

  @Test
  void alertOfCheckServers_doesNotFireWhereTheControlServerIsFollowed() throws Exception {
    var alerts = Dashboard.alerts().stream().filter(DashboardTest::isOfACheckServer).toList();
    assertThat(alerts).hasSize(1);
    var data = Files.createDirectory(folder.resolve("check-metrics"));

    try (var reader = prometheus.start(data, follower.healthAddress())) {
      var ofFollower = new Dashboard(reader);
      ofFollower.awaitValueComparedBy(alerts.getFirst());
      assertThat(ofFollower.ask(alerts.getFirst()).isEmpty()).as("does not fire").isTrue();
    }
  }

  @Test
  void queriesAndAlerts_areAllRead() throws Exception {
    assertThat(Dashboard.queries()).hasSizeGreaterThan(40);
    assertThat(Dashboard.alerts()).hasSize(15);
  }

  @Test
  void checkServers_areCounted() throws Exception {
    Mesh.await(
        "the check server is counted", PATIENCE, () -> dashboard.value("kith_check_servers") == 1);
  }

  /** A Grafana takes a datasource of its own, and every panel says what to make of it. */
  @Test
  void panels_sayWhatTheyShow_andLieSideBySide() throws Exception {
    var taken = new TreeSet<String>();
    for (var panel : Dashboard.file().path("panels")) {
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

    Mesh.await("the denial that would be", PATIENCE, () -> dashboard.value(query) >= 1);
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
