package io.kith.baselines.config;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.process.Rung;
import io.kith.baselines.yaml.Problem;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KithConfigTest {
  @Test
  void parse_pin_isAFolderOrOff() throws Exception {
    assertThat(KithConfig.parse("kith.yaml", "", Map.of()).bridge().pin())
        .isEqualTo(Path.of("/sys/fs/bpf/kith"));
    assertThat(KithConfig.parse("kith.yaml", "bridge: {pin: off}", Map.of()).bridge().pin())
        .isNull();
  }

  @Test
  void parse_theAnnotatedExample_isReadAsItSays() throws Exception {
    var text = Files.readString(Path.of("..", "docs", "kith.yaml"));

    var config = KithConfig.parse("kith.yaml", text, Map.of());

    assertThat(config.server().requireId())
        .hasToString("spiffe://dev.kith.local/ns/kith/sa/authz-server");
    assertThat(config.server().deadline()).isEqualTo(Duration.ofMillis(400));
    assertThat(config.bridge().requireServerId()).isEqualTo(config.server().requireId());
    assertThat(config.bridge().proxyPorts()).containsExactly(15_001, 15_006);
    assertThat(config.bridge().minimumRung()).isEqualTo(Rung.WORKLOAD_ONLY);
    assertThat(config.identity())
        .isEqualTo(
            new Identity.Dev(
                Path.of("/run/kith/dev-identity"), "dev.kith.local", Duration.ofHours(1)));
    assertThat(config.workloads()).hasSize(2);
    assertThat(config.workloads().getFirst().addresses())
        .containsExactly(IpAddress.parse("10.88.1.2"));
    assertThat(config.scopes()).hasSize(2);
    assertThat(config.telemetry().otlp()).isEqualTo(URI.create("http://127.0.0.1:4318"));
  }

  @Test
  void parse_inbound_isWhatIsSaidOrLeftToTheScopeAround() throws Exception {
    var config =
        KithConfig.parse(
            "kith.yaml",
            """
            server:
              keys: {provenance: [new.key, old.key]}
              inbound: {probes: [/status]}
            scopes:
            - {scope: "*", mode: observe}
            - {scope: shop/deployment/catalog, mode: enforce, inbound: require}
            """,
            Map.of());

    assertThat(config.scopes())
        .map(KithConfig.ScopeEntry::inbound)
        .containsExactly(null, Inbound.REQUIRE);
    assertThat(config.keys().provenance()).containsExactly(Path.of("new.key"), Path.of("old.key"));
    assertThat(config.server().probes()).containsExactly("/status");
  }

  @Test
  void parse_probes_noneOrNotSaid() throws Exception {
    var none = KithConfig.parse("kith.yaml", "server: {inbound: {probes: []}}", Map.of());
    var usual = KithConfig.parse("kith.yaml", "server: {inbound: {}}", Map.of());

    assertThat(none.server().probes()).isEmpty();
    assertThat(usual.server().probes())
        .containsExactly("/healthz", "/livez", "/readyz", "/metrics");
  }

  @ParameterizedTest
  @CsvSource({"1ms, PT0.00075S", "3ms, PT0.00225S", "400ms, PT0.3S", "5s, PT3.75S"})
  void parse_timeForBridges_isThreeQuartersOfTheDeadline(String deadline, Duration time)
      throws Exception {
    var config = KithConfig.parse("kith.yaml", "server: {deadline: " + deadline + "}", Map.of());

    assertThat(config.server().bridgeTimeout()).isEqualTo(time);
  }

  @Test
  void parse_longestDeadline_hasThreeQuartersToo() throws Exception {
    var config = KithConfig.parse("kith.yaml", "server: {deadline: 999999999d}", Map.of());

    var quarter = Duration.ofDays(999_999_999).dividedBy(4);
    assertThat(config.server().bridgeTimeout())
        .isEqualTo(Duration.ofDays(999_999_999).minus(quarter));
  }

  @Test
  void parse_inboundThatCannotWork_isAProblem() {
    var problems =
        problemsOf(
            """
            server: {inbound: {probes: ["healthz?x=1"]}}
            scopes:
            - {scope: "*", mode: enforce, inbound: require}
            - {scope: shop/*, inbound: refuse}
            store:
              type: postgresql
              url: "jdbc:postgresql://db:5432/kith"
              user: kith
            """);

    assertThat(problems)
        .map(Problem::toString)
        .contains(
            "kith.yaml:1:29: server.inbound.probes[0]: 'healthz?x=1' (expected: a path without"
                + " query, such as /healthz)",
            "kith.yaml:4:28: scopes[1].inbound: 'refuse' (expected: one of accept, require)",
            "kith.yaml:1:9: server.keys.provenance: missing, and a scope has inbound: require"
                + " (expected: a file with the same secret for every server, or each"
                + " refuses what the others let out)");
  }

  @Test
  void parse_emptyText_isAllDefaults() throws Exception {
    var config = KithConfig.parse("kith.yaml", "", Map.of());

    assertThat(config.server().checks()).isEqualTo(new Endpoint.Tcp("0.0.0.0", 9191));
    assertThat(config.server().admin().listen()).hasToString("unix:/run/kith/admin.sock");
    assertThat(config.server().onFailure().allows(Mode.OBSERVE)).isTrue();
    assertThat(config.server().onFailure().allows(Mode.ENFORCE)).isFalse();
    assertThat(config.workloads()).isEmpty();
  }

  @Test
  void parse_environment_overridesTheFile() throws Exception {
    var config =
        KithConfig.parse(
            "kith.yaml",
            "server: {checks: {listen: \"0.0.0.0:1\"}}",
            Map.of(
                "KITH_SERVER_CHECKS_LISTEN",
                "127.0.0.1:2",
                "KITH_BRIDGE_SERVERS",
                "a:1, unix:/run/x.sock"));

    assertThat(config.server().checks()).isEqualTo(new Endpoint.Tcp("127.0.0.1", 2));
    assertThat(config.bridge().servers())
        .containsExactly(new Endpoint.Tcp("a", 1), new Endpoint.Unix(Path.of("/run/x.sock")));
  }

  @Test
  void parse_hostNetworkAndOnHost_areOffUnlessAskedFor() throws Exception {
    var config =
        KithConfig.parse(
            "kith.yaml",
            """
            bridge: {hostNetwork: true}
            workloads:
            - {owner: shop/vm/checkout, onHost: true}
            - {owner: shop/deployment/catalog}
            """,
            Map.of());

    assertThat(config.bridge().hostNetwork()).isTrue();
    assertThat(config.workloads())
        .map(StaticWorkloadDirectory.Entry::onHost)
        .containsExactly(true, false);
    assertThat(KithConfig.parse("kith.yaml", "", Map.of()).bridge().hostNetwork()).isFalse();
  }

  @Test
  void parse_attest_isOfTheProviderUnlessItIsSaid() throws Exception {
    assertThat(attest("", Map.of())).isEqualTo(new Attest.Dev());
    assertThat(attest(SPIRE, Map.of())).isEqualTo(new Attest.None());
    assertThat(attest("", Map.of("KITH_BRIDGE_ATTEST", "none"))).isEqualTo(new Attest.None());
    assertThat(attest(SPIRE + "bridge: {attest: \"spire-broker:/run/b.sock\"}", Map.of()))
        .isEqualTo(new Attest.SpireBroker(Path.of("/run/b.sock")))
        .hasToString("spire-broker:/run/b.sock");
    assertThat(attest("bridge: {attest: \"spire-delegated:/run/a.sock\"}", Map.of()))
        .isEqualTo(new Attest.SpireDelegated(Path.of("/run/a.sock")))
        .hasToString("spire-delegated:/run/a.sock");
  }

  private static final String SPIRE =
      "identity: {provider: workload-api, workloadApi: {socket: \"unix:/run/s.sock\"}}\n";

  private static Attest attest(String text, Map<String, String> environment) throws Exception {
    return KithConfig.parse("kith.yaml", text, environment).bridge().attest();
  }

  @Test
  void parse_attestThatProvesNothing_orCannotWork_isRefused() {
    assertThat(problemsOf(SPIRE + "bridge: {attest: dev}"))
        .map(Problem::toString)
        .containsExactly(
            "kith.yaml:2:18: bridge.attest: dev proves nothing and is for development only"
                + " (expected: none or a SPIRE agent, or identity.provider dev)");
    assertThat(problemsOf("bridge: {attest: \"spire-broker:/run/b.sock\"}"))
        .map(Problem::toString)
        .containsExactly(
            "kith.yaml:1:18: bridge.attest: the Broker API wants an SVID of SPIRE's trust domain"
                + " from the bridge (expected: identity.provider workload-api or files, or"
                + " spire-delegated)");
    for (var wrong : List.of("spire", "spire-delegated:", "spire-broker:relative.sock", "Dev")) {
      assertThat(problemsOf("bridge: {attest: \"" + wrong + "\"}"))
          .map(Problem::toString)
          .containsExactly(
              "kith.yaml:1:18: bridge.attest: '"
                  + wrong
                  + "' (expected: none, dev, spire-delegated:/path/of/admin.sock or"
                  + " spire-broker:/path/of/broker.sock)");
    }
  }

  @Test
  void parse_severalMistakes_areReportedTogetherWithTheirPlaces() {
    var problems =
        problemsOf(
            """
            server:
              deadline: soon
              checks: {listen: "0.0.0.0:70000"}
              colour: red
            workloads:
            - spiffeId: spiffe://td/a/../b
            - {owner: shop/deployment/a, addresses: [10.0.0.1]}
            - {owner: shop/deployment/b, addresses: [10.0.0.1, checkout]}
            scopes:
            - {scope: shop, mode: block}
            """);

    assertThat(problems)
        .map(Problem::toString)
        .containsExactlyInAnyOrder(
            "kith.yaml:2:13: server.deadline: 'soon' (expected: 200ms, 90s, 5m, 4h or 7d)",
            "kith.yaml:3:20: server.checks.listen: '70000' (expected: a whole number from 0 to"
                + " 65535)",
            "kith.yaml:4:3: server.colour: unknown key (expected: one of [admin, adminIds,"
                + " bridgeIds, bridgeTimeout, bridges, checkIds, checks, connectionAge,"
                + " connections, control,"
                + " deadline, guard, health, inbound, keys, kubernetes, onFailure, reporters, role,"
                + " spiffeId])",
            "kith.yaml:6:13: workloads[0].spiffeId: SPIFFE ID 'spiffe://td/a/../b': a path segment"
                + " is '..' (expected: spiffe://trust.domain/path/of/segments with [a-z0-9._-]"
                + " before the first slash and [A-Za-z0-9._-] after it)",
            "kith.yaml:6:3: workloads[0].owner: missing (expected: namespace/kind/name)",
            "kith.yaml:8:52: workloads[2].addresses[1]: address: 'checkout' (expected: an IPv4 or"
                + " IPv6 address such as 10.0.0.1 or fd00::1)",
            "kith.yaml:8:41: workloads[2].addresses: 10.0.0.1 belongs to shop/deployment/a already"
                + " (expected: one owner)",
            "kith.yaml:10:11: scopes[0].scope: scope: 'shop' (expected: *, namespace/* or"
                + " namespace/kind/name)",
            "kith.yaml:10:23: scopes[0].mode: mode: 'block' (expected: observe, shadow or"
                + " enforce)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`server: [`|kith.yaml:1:10: not YAML: expected the node content, but found",
        "`- a`|kith.yaml:1:1: not a mapping (expected: keys such as server:)",
        "`telemetry: {otlp: {endpoint: //collector:4318}}`|kith.yaml:1:30: telemetry.otlp.endpoint:"
            + " '//collector:4318' (expected: http://host:port)",
        "`server: 1`|kith.yaml:1:9: server: not a mapping (expected: keys and values)",
        "`server: {deadline: [1]}`|kith.yaml:1:20: server.deadline: a list or mapping (expected:"
            + " one value)",
        "`store: {type: oracle}`|kith.yaml:1:15: store.type: 'oracle' (expected: one of sqlite,"
            + " postgresql, control, memory)",
        "`store: {type: postgresql}`|kith.yaml:1:8: store.url: missing (expected:"
            + " jdbc:postgresql://db.example.org:5432/kith?sslmode=verify-full)",
        "`store: {url: \"jdbc:mysql://db/kith\"}`|kith.yaml:1:14: store.url: not a JDBC URL without"
            + " user (expected: jdbc:postgresql://db.example.org:5432/kith?sslmode=verify-full)",
        "`store: {url: \"jdbc:postgresql://db/kith?user=a&password=b\"}`|kith.yaml:1:14: store.url:"
            + " holds a password (expected: it in a file, named by store.passwordFile)",
        "`store: {flushInterval: 1ms}`|kith.yaml:1:24: store.flushInterval: '1ms' (expected: 100ms"
            + " to 10m)",
        "`store: {poolSize: 0}`|kith.yaml:1:19: store.poolSize: '0' (expected: a whole number from"
            + " 1 to 100)",
        "`identity: {provider: files}`|kith.yaml:1:11: identity.files: incomplete (expected:"
            + " {certificate: …, key: …, bundle: …}, PEM files)",
        "`server: {bridgeTimeout: 1s}`|kith.yaml:1:25: server.bridgeTimeout: 1000ms (expected: less"
            + " than server.deadline, which is 400ms)",
        "`workloads: [{owner: a/vm/b, onHost: yes}]`|kith.yaml:1:37: workloads[0].onHost: 'yes'"
            + " (expected: true or false)",
        "`workloads: [{owner: a/vm/b, onHost: true}, {owner: a/vm/b}]`|kith.yaml:1:44:"
            + " workloads[1].onHost: false, and true for a/vm/b before (expected: the same in all"
            + " its entries;",
        "`workloads: [{owner: a/vm/b, addresses: [127.0.0.1]}]`|kith.yaml:1:40:"
            + " workloads[0].addresses: 127.0.0.1 is loopback, which every workload has (expected:"
            + " its own addresses)",
        "`server: {deadline: 1s, deadline: 2s}`|kith.yaml:1:24: server.deadline: given twice"
            + " (expected: once)",
      })
  void parse_oneMistake_isReportedWithItsPlace(String text, String message) {
    assertThat(problemsOf(text)).map(Problem::toString).anyMatch(line -> line.startsWith(message));
  }

  @Test
  void parse_yamlBomb_isRefused() {
    var bomb = new StringBuilder("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (var c = 'b'; c < 'j'; c++) {
      var previous = "*" + (char) (c - 1);
      bomb.append(c).append(": &").append(c).append(" [");
      bomb.append((previous + ", ").repeat(9)).append(previous).append("]\n");
    }

    assertThat(problemsOf(bomb.toString())).isNotEmpty();
  }

  @Test
  void requireId_missing_saysWhichKey() throws Exception {
    var config = KithConfig.parse("kith.yaml", "", Map.of());

    var refused = catchThrowableOfType(ConfigException.class, () -> config.bridge().requireId());

    assertThat(refused)
        .hasMessage("kith.yaml: bridge.spiffeId: missing (expected: the bridge's own SPIFFE ID)");
  }

  @Test
  void scopeName_mostSpecificCovers() {
    var checkout = Owner.parse("shop/deployment/checkout");

    assertThat(ScopeName.parse("*").covers(checkout)).isTrue();
    assertThat(ScopeName.parse("shop/*").covers(checkout)).isTrue();
    assertThat(ScopeName.parse("sho/*").covers(checkout)).isFalse();
    assertThat(ScopeName.parse("shop/deployment/checkout").covers(checkout)).isTrue();
    assertThat(List.of("*", "shop/*", "shop/deployment/checkout"))
        .map(text -> ScopeName.parse(text).specificity())
        .containsExactly(0, 1, 2);
  }

  private static List<Problem> problemsOf(String text) {
    return catchThrowableOfType(
            ConfigException.class, () -> KithConfig.parse("kith.yaml", text, Map.of()))
        .problems();
  }

  @Test
  void parse_adminRoles_standBesideTheAddress() throws Exception {
    var server =
        KithConfig.parse(
                "kith.yaml",
                """
                server:
                  admin:
                    listen: "127.0.0.1:9193"
                    roles:
                    - {uid: 1000, role: operator}
                    - {spiffeId: "spiffe://a.example/ns/ops/sa/*", role: admin}
                    - {uid: 7}
                """,
                Map.of())
            .server();

    assertThat(server.admin().listen()).isEqualTo(Endpoint.parse("127.0.0.1:9193"));
    assertThat(server.admin().roles())
        .map(Object::toString)
        .containsExactly(
            "OfUser[uid=1000, role=OPERATOR]",
            "OfId[id=spiffe://a.example/ns/ops/sa/*, role=ADMIN]",
            "OfUser[uid=7, role=VIEWER]");
  }

  @Test
  void parse_adminRoleOfBothOrOfNobody_isRefused() {
    for (var entry : List.of("{role: admin}", "{uid: 1, spiffeId: \"spiffe://a.example/b\"}")) {
      assertThatThrownBy(
              () ->
                  KithConfig.parse(
                      "kith.yaml", "server: {admin: {roles: [" + entry + "]}}", Map.of()))
          .hasMessageContaining("uid and spiffeId: both or none (expected: one of them)");
    }
  }

  @Test
  void parse_adminOverHttp_isNowhereUnlessSaid_andHasItsOwnAddress() throws Exception {
    assertThat(KithConfig.parse("kith.yaml", "", Map.of()).server().admin().http()).isNull();

    var said =
        KithConfig.parse(
            "kith.yaml",
            "server: {admin: {http: {listen: \"unix:/run/kith/admin-http.sock\"}}}",
            Map.of());
    assertThat(said.server().admin().http()).hasToString("unix:/run/kith/admin-http.sock");

    assertThat(
            problemsOf(
                """
                server:
                  admin: {listen: "10.0.0.1:9193", http: {listen: "10.0.0.1:9193"}}
                """))
        .map(Problem::what)
        .containsExactly(
            "10.0.0.1:9193 is admin.listen already (expected: an address of its own, such as"
                + " unix:/run/kith/admin-http.sock)");
  }

  @Test
  void parse_tokensAtTheAdminApi_haveIssuerAudienceAndRoles() throws Exception {
    assertThat(KithConfig.parse("kith.yaml", "", Map.of()).server().admin().oidc()).isNull();

    var oidc =
        KithConfig.parse(
                "kith.yaml",
                """
                server:
                  admin:
                    listen: "0.0.0.0:9193"
                    oidc:
                      issuer: https://id.example.org/
                      audience: kith
                      caFile: issuer-ca.pem
                      roles: {claim: realm_access.roles, viewer: [staff], admin: [kith-admins]}
                """,
                Map.of())
            .server()
            .admin()
            .oidc();
    assertThat(oidc)
        .isEqualTo(
            new OidcSettings(
                URI.create("https://id.example.org/"),
                "kith",
                "realm_access.roles",
                List.of("staff"),
                List.of(),
                List.of("kith-admins"),
                Path.of("issuer-ca.pem")));
  }

  @Test
  void parse_tokensAtTheAdminApi_thatNobodyCouldUseOrAnybodyCouldForge_areRefused() {
    assertThat(
            problemsOf(
                """
                server:
                  admin:
                    listen: "0.0.0.0:9193"
                    oidc: {issuer: "http://id.example.org"}
                """))
        .map(Problem::what)
        .containsExactlyInAnyOrder(
            "'http://id.example.org' (expected: an address with https, or http of this machine)",
            "missing (expected: what tokens for Kith are for)",
            "nobody (expected: values of the claim, under viewer, operator or admin)");
    assertThat(
            problemsOf(
                """
                server:
                  admin:
                    oidc:
                      issuer: "http://127.0.0.1:8080"
                      audience: kith
                      caFile: ca.pem
                      roles: {viewer: [all]}
                """))
        .map(Problem::what)
        .containsExactlyInAnyOrder(
            "the issuer is asked without TLS (expected: an issuer with https)",
            "tokens are taken over TLS only, and here are Unix sockets only (expected: host:port in"
                + " admin.listen or admin.http.listen)");
  }

  @Test
  void parse_limitsOfTheAdminApi_haveDefaultsOneByOne() throws Exception {
    assertThat(KithConfig.parse("kith.yaml", "", Map.of()).server().admin().limits())
        .isEqualTo(AdminLimits.DEFAULT);
    assertThat(
            KithConfig.parse(
                    "kith.yaml",
                    "server: {admin: {limits: {changes: {burst: 7}, streams: 9}}}",
                    Map.of())
                .server()
                .admin()
                .limits())
        .isEqualTo(new AdminLimits(new AdminLimits.Rate(50, 100), new AdminLimits.Rate(5, 7), 9));
    assertThat(problemsOf("server: {admin: {limits: {reads: {perSecond: 0}}}}"))
        .map(Problem::what)
        .containsExactly("'0' (expected: a whole number from 1 to 100000)");
  }

  @Test
  void theApiServerIsWatchedOnlyWhereItIsNamed() throws ConfigException {
    assertThat(KithConfig.parse("kith.yaml", "server: {}", Map.of()).server().kubernetes())
        .isNull();
    assertThat(
            KithConfig.parse("kith.yaml", "server: {kubernetes: }", Map.of()).server().kubernetes())
        .isEqualTo(
            new KubernetesSettings(
                null, true, true, "cluster.local", "cluster.local", "istio-system"));
    assertThat(
            KithConfig.parse(
                    "kith.yaml",
                    "server: {kubernetes: {kubeconfig: k.yaml, workloads: false, resources: false,"
                        + " trustDomain: td, clusterDomain: cd, rootNamespace: root}}",
                    Map.of())
                .server()
                .kubernetes())
        .isEqualTo(new KubernetesSettings(Path.of("k.yaml"), false, false, "td", "cd", "root"));
  }

  @Test
  void overlaysFollowTheRecipeAndNeedWorkloadsAndResources() throws ConfigException {
    assertThat(
            KithConfig.parse(
                    "kith.yaml",
                    "server: {kubernetes: {overlays: true, recipe: {name: strict, shortCut: true,"
                        + " inbound: false, revision: canary, nodeVariable: NODE, timeout: 1s}}}",
                    Map.of())
                .server()
                .kubernetes())
        .isEqualTo(
            new KubernetesSettings(
                null,
                true,
                true,
                true,
                new KubernetesSettings.Recipe(
                    true, true, false, "canary", "NODE", Duration.ofSeconds(1)),
                "cluster.local",
                "cluster.local",
                "istio-system",
                null));
    assertThat(problemsOf("server: {kubernetes: {overlays: true, workloads: false}}"))
        .map(Problem::what)
        .containsExactly(
            "true (expected: workloads and resources true as well, which say whose pods have to"
                + " have which filter; or overlays false)");
  }

  @Test
  void nodeTaint_isAKeyOfYourOwn_andNeedsResources() throws ConfigException {
    assertThat(
            requireNonNull(
                    KithConfig.parse(
                            "kith.yaml",
                            "server: {kubernetes: {nodeTaint: kith.io/starting}}",
                            Map.of())
                        .server()
                        .kubernetes())
                .nodeTaint())
        .isEqualTo("kith.io/starting");
    assertThat(problemsOf("server: {kubernetes: {resources: false, nodeTaint: kith.io/starting}}"))
        .map(Problem::what)
        .containsExactly(
            "with resources false (expected: resources true as well, by whose Lease one of several"
                + " servers writes; or no nodeTaint)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"starting", "kith.io/starting:NoSchedule", "Kith.io/x", "kith.io/"})
  void nodeTaint_thatIsNoKey_isRefused(String taint) {
    assertThat(problemsOf("server: {kubernetes: {nodeTaint: \"" + taint + "\"}}"))
        .map(Problem::what)
        .containsExactly(
            "'"
                + taint
                + "' (expected: the key of a taint with its domain, without value and effect, as"
                + " kith.io/starting)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"node.kubernetes.io/not-ready", "kubernetes.io/x", "a.k8s.io/x"})
  void nodeTaint_ofTheCluster_isRefused(String taint) {
    assertThat(problemsOf("server: {kubernetes: {nodeTaint: \"" + taint + "\"}}"))
        .map(Problem::what)
        .containsExactly(
            "'"
                + taint
                + "' (expected: a taint of your own, as kith.io/starting; those of kubernetes.io say"
                + " what is wrong with a node)");
  }
}
