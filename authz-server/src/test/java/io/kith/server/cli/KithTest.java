package io.kith.server.cli;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CHECKOUT_ID;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.DROPPED;
import static io.kith.server.control.Shop.NOON;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.answered;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static io.kith.server.control.Shop.program;
import static io.kith.server.control.Shop.unattributed;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonParser;
import io.kith.admin.v1.BridgeStatus;
import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.process.Attribution.Attributed;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.Rung;
import io.kith.server.admin.AdminServer;
import io.kith.server.admin.AdminService;
import io.kith.server.admin.CallLimits;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.ControlState;
import io.kith.server.control.Shop;
import io.kith.server.verb.Surroundings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(600)
class KithTest {
  private static final String OWNER = "shop/deployment/checkout";

  @TempDir Path folder;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final Map<String, String> environment = new HashMap<>();
  private final Shop.SettableClock clock = new Shop.SettableClock();
  private ControlState state;
  private AdminServer server;

  @BeforeEach
  void start() throws Exception {
    var directory =
        new StaticWorkloadDirectory(
            List.of(
                new StaticWorkloadDirectory.Entry(
                    CHECKOUT.owner(), CHECKOUT_ID, "prod", List.of(), List.of())));
    state = ControlState.of(KithConfig.parse("kith.yaml", "", Map.of()), directory, clock);
    var bridge =
        BridgeStatus.newBuilder().setNode("node-1").setRung("A").setPods(3).setCanaryOk(true);
    server =
        AdminServer.onUnixSocket(
            folder.resolve("admin.sock"),
            Map.of(),
            new CallLimits(AdminLimits.DEFAULT),
            new AdminService(state, () -> List.of(bridge.build()), "1.2.3", NOON));
    Files.writeString(
        folder.resolve("kith.yaml"), "server: {admin: {listen: \"unix:admin.sock\"}}");
  }

  @AfterEach
  void stop() {
    server.close();
    state.close();
  }

  private int kith(String... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    return Kith.run(
        new Surroundings(
            environment, folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        arguments);
  }

  private CheckRecord check(Flow flow) {
    var answered = answered(state.snapshot(CHECKOUT), flow, clock.instant());
    state.record(answered);
    return answered;
  }

  private void enforce() {
    check(flow(database(), PAYMENTS));
    assertThat(kith("learn", "finish", OWNER, "--note", "suite passed")).isZero();
    assertThat(kith("mode", OWNER, "enforce", "--note", "reviewed")).isZero();
  }

  @Test
  void status_text_isATable() {
    check(flow(database(), PAYMENTS));

    assertThat(kith("status")).isZero();

    assertThat(out.toString().replaceAll("ed25519:[0-9a-f]{32}", "ed25519:…"))
        .isEqualTo(
            """
            Kith 1.2.3, running since 2026-11-25T12:00:00Z

            WORKLOAD                  MODE     BASELINE  APPROVED  CANDIDATES  QUARANTINED  MODE SET BY
            shop/deployment/checkout  observe  learning  0         1           0            the default
              shop/deployment/checkout waits for: 24 h more of observation, or the end of a test run

            BRIDGE  RUNG  PODS  SELF-TEST
            node-1  A     3     passed

            CHECKS  REASON  COUNT
            allow   -       1

            Baselines and rules are kept in memory: a restart begins learning anew.
            Keys: learner ed25519:…, approved by the server for any operator
            """);
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void status_ofAColdServer_saysSoAndWhatToDo() throws Exception {
    server.close();
    server =
        AdminServer.onUnixSocket(
            folder.resolve("admin.sock"),
            Map.of(),
            new CallLimits(AdminLimits.DEFAULT),
            new AdminService(
                state, List::of, List::of, () -> null, () -> "slow; restart it", "1.2.3", NOON));

    assertThat(kith("status")).isZero();
    assertThat(out.toString())
        .startsWith(
            """
            Kith 1.2.3, running since 2026-11-25T12:00:00Z
              COLD: slow; restart it

            """);
    assertThat(kith("status", "-o", "json")).isZero();
    assertThat(JsonParser.parseString(out.toString()).getAsJsonObject().get("cold").getAsString())
        .isEqualTo("slow; restart it");
  }

  @Test
  void status_json_isOneDocument() {
    assertThat(kith("status", "-o", "json")).isZero();

    var status = JsonParser.parseString(out.toString()).getAsJsonObject();
    assertThat(status.get("server_version").getAsString()).isEqualTo("1.2.3");
    assertThat(
            status.getAsJsonArray("workloads").get(0).getAsJsonObject().get("mode").getAsString())
        .isEqualTo("observe");
  }

  @Test
  void learnFinish_showsTheBaselineAndWhatIsLeftOut() {
    check(flow(database(), PAYMENTS));
    check(flow(database(), DROPPED));

    assertThat(kith("learn", "finish", OWNER, "--note", "suite passed")).isZero();

    assertThat(out.toString().replaceAll("bl:[0-9a-f]{32}", "bl:…"))
        .isEqualTo(
            """
            Baseline bl:… of shop/deployment/checkout is proposed.

            PROCESS          DESTINATION                      STATE     CONNECTIONS  ID
            /app/payments  → shop/statefulset/orders-db:5432  approved  1            e:9b9b47439433
                seen in the test run

            Left out:
            PROCESS          DESTINATION                      STATE        CONNECTIONS  ID
            /tmp/payments  → shop/statefulset/orders-db:5432  quarantined  1            e:c4e9789a56a2
                the executable is not from the image (from: writable layer)

            To put it in force:
              kith mode shop/deployment/checkout enforce --revision bl:… --note "who reviewed it"
            1 edge waits for a person and is refused under enforce, unless a rule allows it: kith show --review shop/deployment/checkout
            """);
  }

  @Test
  void show_listsRulesByHandAndLearnedEdges() {
    enforce();
    var denied = check(flow(database(), CURL));
    assertThat(kith("allow", OWNER, denied.decisionId(), "--ttl", "4h", "--note", "CHG-1"))
        .isZero();
    assertThat(out.toString().replaceAll("e:[0-9a-f]{12}", "e:…"))
        .isEqualTo(
            "Allowed until 2026-11-25T16:00:00Z: /usr/bin/curl ← /sbin/init →"
                + " shop/statefulset/orders-db:5432 (e:…)\n");

    assertThat(kith("show", OWNER)).isZero();

    assertThat(out.toString().replaceAll("e:[0-9a-f]{12}", "e:…"))
        .isEqualTo(
            """
            PROCESS                       DESTINATION                      STATE      CONNECTIONS
            /usr/bin/curl ← /sbin/init  → shop/statefulset/orders-db:5432  temporary  -
                e:…  by hand (uid:0 as ada), until 2026-11-25T16:00:00Z: CHG-1
            /app/payments               → shop/statefulset/orders-db:5432  approved   1
                e:…  in the baseline
            /usr/bin/curl               → shop/statefulset/orders-db:5432  observed   1
                e:…  seen in 1 of 3 distinct hours
            """);
  }

  @Test
  void decisions_andExplain_sayWhyAndHowToAllowIt() {
    enforce();
    var denied = check(flow(database(), CURL));

    assertThat(kith("decisions", "--denied")).isZero();
    assertThat(out.toString())
        .isEqualTo(
            """
            TIME                  VERDICT  REASON       ID                  WORKLOAD
            2026-11-25T12:00:00Z  deny     new_process  %s  shop/deployment/checkout
                /usr/bin/curl → shop/statefulset/orders-db:5432
            """
                .formatted(denied.decisionId()));

    assertThat(kith("decisions", "--owner", OWNER, "--reason", "new_process", "--since", "1h"))
        .isZero();
    assertThat(out.toString()).contains(denied.decisionId()).doesNotContain("WORKLOAD");

    assertThat(kith("explain", denied.decisionId())).isZero();
    assertThat(out.toString().replaceAll("bl:[0-9a-f]{32}", "bl:…"))
        .isEqualTo(
            """
            %1$s at 2026-11-25T12:00:00Z: deny (new_process)
              process        /usr/bin/curl
              workload       shop/deployment/checkout
              identity       spiffe://dev.kith.local/ns/shop/sa/checkout
              destination    shop/statefulset/orders-db:5432
              why            /usr/bin/curl is not one of the programs that speak from here
              nearest edge   /app/payments ← /sbin/init → shop/statefulset/orders-db:5432
              differs in     path: /usr/bin/curl instead of /app/payments
              mode           enforce
              mode set by    kith mode shop/deployment/checkout
              baseline       bl:…
              found by       rung A, exact
              trace          0af7651916cd43dd8448eb211c80319c

            To allow it, if it is right:
              kith allow shop/deployment/checkout %1$s --ttl 4h --note "why it is right"
            To say only that you saw it:
              kith ack shop/deployment/checkout %1$s --note "what it was"
            """
                .formatted(denied.decisionId()));
  }

  @Test
  void explain_portThatAnotherProcessHadOfLate_saysSo() {
    var late = "2 processes used these addresses of late: all of them count";
    enforce();
    var denied =
        check(
            new Flow(
                CHECKOUT_ID,
                new Attributed(List.of(PAYMENTS, CURL), Rung.KERNEL_EXACT, List.of(late)),
                database()));

    assertThat(kith("explain", denied.decisionId())).isZero();

    assertThat(out.toString())
        .contains(
            "deny (new_process)", "  process        /usr/bin/curl\n", "  remarks        " + late);
  }

  @Test
  void explain_whatNoRuleCanAllow_saysWhatToRepair() {
    enforce();
    var denied = check(unattributed());

    assertThat(kith("explain", denied.decisionId())).isZero();

    assertThat(out.toString())
        .contains("(unattributed)", "  process        unknown", "repair the node's identity bridge")
        .doesNotContain("kith allow");
    assertThat(kith("allow", OWNER, denied.decisionId(), "--note", "please")).isEqualTo(1);
    assertThat(err.toString()).startsWith("kith: decision d:").contains("has no known process");
  }

  @Test
  void decisions_ofNothing_sayWhatWasLookedAt() {
    assertThat(kith("decisions", "--owner", OWNER, "--denied")).isZero();
    assertThat(out)
        .hasToString(
            "This server remembers no denial of shop/deployment/checkout since"
                + " 2026-11-25T12:00:00Z.\n");
    enforce();
    check(flow(database(), CURL));
    clock.set(NOON.plusSeconds(3_601));
    assertThat(kith("decisions", "--reason", "new_process", "--since", "1h")).isZero();
    assertThat(out)
        .hasToString(
            "This server remembers no denial with reason new_process since 2026-11-25T12:00:01Z.\n");

    assertThat(kith("decisions", "--since", "soon")).isEqualTo(2);
    assertThat(err.toString()).startsWith("kith: --since: 'soon' (expected: 90s, 30m, 4h or 7d)");
    assertThat(kith("decisions", "--reason", "new_proces")).isEqualTo(1);
    assertThat(err.toString()).startsWith("kith: reason: 'new_proces' (expected: one of ");
  }

  @Test
  void decisions_hostileProgramName_cannotMoveTheCursor() {
    enforce();
    check(flow(database(), program("/tmp/\u001b[2Jx\n", Shop.HASH, Origin.IMAGE)));

    assertThat(kith("decisions", "--denied")).isZero();

    assertThat(out.toString()).contains("/tmp/?[2Jx?").doesNotContain("\u001b");
  }

  @Test
  void mode_enforceWithoutBaseline_isRefused() {
    assertThat(kith("mode", "*", "enforce", "--note", "now")).isEqualTo(1);

    assertThat(err)
        .hasToString(
            "kith: no baseline yet: shop/deployment/checkout (end learning first: kith learn finish"
                + " OWNER --note TEXT)\n");
  }

  @Test
  void mode_inherit_saysWhatSetsItSince() {
    enforce();
    assertThat(kith("mode", "*", "enforce", "--note", "ready")).isZero();
    assertThat(kith("mode", OWNER, "observe", "--note", "incident 42")).isZero();
    assertThat(out).hasToString("Mode of " + OWNER + ": observe (before: enforce)\n");

    assertThat(kith("mode", OWNER, "inherit", "--note", "over")).isZero();

    assertThat(out)
        .hasToString(
            "Mode of "
                + OWNER
                + ": enforce, set by kith mode * (before: observe)\n"
                + "What was proposed meanwhile is not in force, and refused where only that has it:"
                + " kith status says \"proposed\", kith mode OWNER enforce puts it in force.\n");
    assertThat(kith("mode", OWNER, "inherit", "--note", "again")).isEqualTo(1);
    assertThat(err)
        .hasToString(
            "kith: kith mode said nothing of "
                + OWNER
                + ": its mode, enforce, comes from kith mode *\n");
  }

  @Test
  void verbs_withoutAServer_sayHowToGetOne() {
    assertThat(kith("status", "--server", "unix:/nowhere/admin.sock")).isEqualTo(3);

    assertThat(out.toString()).isEmpty();
    assertThat(err)
        .hasToString(
            "kith: no server at unix:/nowhere/admin.sock (start one with ./kith server, or name it"
                + " with --server)\n");

    environment.put("KITH_SERVER_ADMIN", "unix:/elsewhere.sock");
    assertThat(kith("status")).isEqualTo(3);
    assertThat(err.toString()).startsWith("kith: no server at unix:/elsewhere.sock");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "status --colour|kith: Unknown option: '--colour'|Try 'kith status --help'.",
        "blame|kith: Unmatched argument at index 0: 'blame'|Try 'kith --help'.",
        "revisions|kith: Missing required parameter: 'OWNER'|Try 'kith revisions --help'.",
        "mode * block --note x|kith: Invalid value for positional parameter at index 1 (MODE)|Try"
            + " 'kith mode --help'.",
        "allow a/b/c d:1|kith: Missing required option: '--note=TEXT'|Try 'kith allow --help'.",
        "status -o xml|kith: Invalid value for option '--output'|Try 'kith status --help'.",
        "config|kith: Missing required subcommand|Try 'kith config --help'.",
      })
  void wrongArguments_areOneMessageAndAHint(String line, String message, String hint) {
    assertThat(kith(line.split(" "))).isEqualTo(2);

    assertThat(out.toString()).isEmpty();
    assertThat(err.toString().lines().toList()).hasSize(2);
    assertThat(err.toString()).startsWith(message).endsWith(hint + "\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "allow a/b/c d:1 --note x --ttl soon|kith: --ttl: 'soon' (expected: 90s, 30m, 4h or 7d)",
        "decisions --limit 0|kith: --limit: 0 (expected: 1 to 1000)",
        "status --server nowhere|kith: --server: 'nowhere' (expected: host:port or"
            + " unix:/path/to.sock)",
        "status --server 127.0.0.1:1|kith: --identity: missing (expected over TCP: a SPIFFE ID of"
            + " server.adminIds, or --token-file)",
      })
  void wrongValues_areUsageErrors(String line, String message) {
    assertThat(kith(line.split(" "))).isEqualTo(2);

    assertThat(err).hasToString(message + "\n");
  }

  @Test
  void noVerb_isAUsageErrorWithAHint() {
    assertThat(kith()).isEqualTo(2);

    assertThat(err).hasToString("kith: Missing required subcommand\nTry 'kith --help'.\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--help",
        "status --help",
        "show --help",
        "decisions --help",
        "explain --help",
        "learn finish --help",
        "mode --help",
        "allow --help",
        "config check --help",
        "config show --help",
        "server --help",
        "dev-identity --help",
      })
  void help_teachesWithExamples(String line) {
    assertThat(kith(line.split(" "))).isZero();

    assertThat(out.toString()).startsWith("Usage: kith").contains("Examples:\n  ");
  }

  @Test
  void help_listsEveryVerbAndTheExitCodes() {
    assertThat(kith("--help")).isZero();

    assertThat(out.toString())
        .contains(
            "status",
            "show",
            "decisions",
            "explain",
            "learn",
            "mode",
            "allow",
            "config",
            "server",
            "dev-identity",
            "Exit codes:",
            "no server answers");
  }

  @Test
  void version_isThatOfTheBuild() {
    assertThat(kith("--version")).isZero();

    assertThat(out.toString()).matches("kith \\d+\\.\\d+\\.\\d+.*\n");
  }

  @Test
  void configCheck_listsAllProblems() throws Exception {
    Files.writeString(
        folder.resolve("bad.yaml"),
        "server: {deadline: soon, colour: red}\nscopes: [{mode: block}]");

    assertThat(kith("config", "check", "bad.yaml")).isEqualTo(1);

    assertThat(out.toString().lines()).hasSize(4);
    assertThat(out.toString())
        .contains("bad.yaml:1:20: server.deadline: 'soon' (expected: 200ms, 90s, 5m, 4h or 7d)");
    assertThat(err).hasToString("kith: 4 problems in " + folder.resolve("bad.yaml") + "\n");
  }

  @Test
  void configCheck_goodOrMissing_saysSo() {
    assertThat(kith("config", "check")).isZero();
    assertThat(out).hasToString(folder.resolve("kith.yaml") + ": good (0 workloads, 0 scopes)\n");

    assertThat(kith("config", "check", "none.yaml")).isEqualTo(1);
    assertThat(err.toString()).contains("none.yaml: no such file");
  }

  @Test
  void anyVerb_brokenConfiguration_isToldInLines() throws Exception {
    Files.writeString(folder.resolve("kith.yaml"), "server: {deadline: soon}");

    assertThat(kith("status")).isEqualTo(1);

    assertThat(err)
        .hasToString(
            "kith: kith.yaml:1:20: server.deadline: 'soon' (expected: 200ms, 90s, 5m, 4h or 7d)\n");
  }

  @Test
  void configShow_readAgain_meansTheSame() throws Exception {
    Files.copy(Path.of("..", "docs", "kith.yaml"), folder.resolve("full.yaml"));
    environment.put("KITH_SERVER_DEADLINE", "350ms");

    assertThat(kith("config", "show", "--config", "full.yaml")).isZero();
    var shown = Files.writeString(folder.resolve("shown.yaml"), out.toString());
    assertThat(out.toString()).contains("deadline: 350ms");
    var before = out.toString().lines().skip(1).toList();

    environment.clear();
    assertThat(kith("config", "show", "--config", shown.toString())).isZero();
    assertThat(out.toString().lines().skip(1)).containsExactlyElementsOf(before);

    assertThat(kith("config", "show", "-o", "json", "--config", shown.toString())).isZero();
    assertThat(
            JsonParser.parseString(out.toString())
                .getAsJsonObject()
                .getAsJsonObject("server")
                .get("deadline")
                .getAsString())
        .isEqualTo("350ms");
  }
}
