package io.kith.load.istio;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.baselines.config.KithConfig;
import io.kith.istio.FailureMode;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshRecipe;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.istio.ServerAddress;
import io.kith.load.istio.HelmChart.Rendered;
import io.kith.load.istio.HelmChart.Values;
import io.kith.load.tools.Command;
import io.kith.load.tools.Helm;
import io.kith.load.tools.Istio;
import io.kith.load.tools.Prometheus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What Helm makes of Kith's chart, and of wrong values. */
@Tag("istio")
@Timeout(600)
class ChartTest {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  /** With which every EnvoyFilter is met. */
  private static final String STANDING =
      "Schema validation warning: EnvoyFilter exposes internal implementation details that may"
          + " change at any time. Prefer other APIs if possible, and exercise extreme caution,"
          + " especially around upgrades.";

  private static HelmChart chart;
  private static Istio istio;

  @TempDir Path folder;

  @BeforeAll
  static void find() throws Exception {
    chart = new HelmChart(Helm.find(System.out::println));
    istio = Istio.find(System.out::println);
  }

  static List<Values> all() {
    return Values.ALL;
  }

  @ParameterizedTest
  @MethodSource("all")
  void template_ofEachFileOfValues_isTheFileInTheRepository(Values values) throws Exception {
    var text = chart.template(values).orFail().output();

    var golden = HelmChart.FOLDER.resolve("goldens").resolve(values.name() + ".yaml");
    if (System.getProperty("kith.refreshGoldens") != null) {
      Files.createDirectories(golden.getParent());
      Files.writeString(golden, text);
    }
    assertThat(text)
        .as("%s is what the chart yields (write it anew with -Dkith.refreshGoldens)", golden)
        .isEqualTo(Files.readString(golden));
  }

  @ParameterizedTest
  @MethodSource("all")
  void lint_ofEachFileOfValues_findsNothing(Values values) throws Exception {
    var outcome = chart.lint(values);

    assertThat(outcome.succeeded()).as(outcome.output()).isTrue();
    assertThat(outcome.output()).doesNotContain("[WARNING]", "[ERROR]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          placement=everywhere        | at '/placement': value must be one of 'central', 'node'
          image.tagg=1                | at '/image': additional properties 'tagg' not allowed
          nodes.bridge=1              | additional properties 'nodes' not allowed
          server.replicas=0           | at '/server/replicas': minimum: got 0, want 1
          server.replicas=2           | server.replicas: 2 with store.type sqlite, which has one server (expected: 1, or store.type postgresql)
          server.autoscaling.enabled=true | server.autoscaling: enabled with store.type sqlite, which has one server (expected: enabled: false, or store.type postgresql)
          placement=node              | keys.secret: missing, and several servers need the same keys (expected: a Secret: kith keys new learner.pem
          keys.trusted={../learner.pem.pub} | at '/keys/trusted/0': '../learner.pem.pub' does not match pattern
          keys.approvers={approver.pem} | at '/keys/approvers/0': 'approver.pem' does not match pattern
          keys.bundlers=qa.pem.pub    | at '/keys/bundlers': got string, want array
          keys.provenance={keys/provenance} | at '/keys/provenance/0': 'keys/provenance' does not match pattern
          keys.provenance=provenance-2 | at '/keys/provenance': got string, want boolean or array
          keys.provenance={a,b,c,d,e} | at '/keys/provenance': maxItems: got 5, want 4
          keys.provenance={a,a}       | at '/keys/provenance': items at 0 and 1 are equal
          keys.provenance={provenance-2} | keys.secret: missing, and keys.provenance names files of it (expected: the name of the Secret)
          keys.trusted={learner-1.pem.pub} | keys.secret: missing, and keys.trusted names files of it
          store.type=postgresql       | store.postgresql.url: missing (expected: jdbc:postgresql://db.example.org:5432/kith?sslmode=verify-full)
          store.postgresql.url=db:5432 | at '/store/postgresql/url'
          filters.recipe=floor        | at '/filters/recipe': value must be one of 'baseline', 'strict'
          failure.mesh=floor          | at '/failure/mesh': value must be one of 'open', 'closed'
          scopes.shop=enforced        | at '/scopes/shop': value must be one of 'observe', 'shadow', 'enforce'
          guard.resolvers={10.0.0.1}  | at '/guard/resolvers/0': '10.0.0.1' does not match pattern
          identity.provider=files     | at '/identity/provider': value must be one of 'istio', 'spire'
          node.taint=starting         | at '/node/taint': 'starting' does not match pattern
          node.taint=node.kubernetes.io/not-ready | at '/node/taint': 'not' failed
          flowSchema.shares=0         | at '/flowSchema/shares': minimum: got 0, want 1
          flowSchema.priorityLevel=Kith | at '/flowSchema/priorityLevel': 'Kith' does not match pattern
          learning.suport.replicas=2  | at '/learning': additional properties 'suport' not allowed
          learning.support.replicas=0 | at '/learning/support/replicas': minimum: got 0, want 1
          learning.window=soon        | at '/learning/window': 'soon' does not match pattern
          admin.oidc.isuer=https://example.org | at '/admin/oidc': additional properties 'isuer' not allowed
          admin.oidc.roles.operators={ops} | at '/admin/oidc/roles': additional properties 'operators' not allowed
          guard.findResolver=false    | at '/guard': additional properties 'findResolver' not allowed
          telemetry.otlpMetrics=yes   | at '/telemetry/otlpMetrics': got string, want boolean
          telemetry.otlpMetrics=true  | telemetry.otlpEndpoint: missing, and telemetry.otlpMetrics or telemetry.otlpLogs is true (expected: where they go
          telemetry.otlpLogs=true     | telemetry.otlpEndpoint: missing
          admission.templates={spire,gateway} | admission.templates: gateway is a template of Istio's for pods without redirection or without a sidecar (expected: templates of your own that add to sidecar, such as spire)
          admission.templates={grpc-agent} | admission.templates: grpc-agent is a template
          admission.templates={grpc-simple} | admission.templates: grpc-simple is a template
          admission.templates={waypoint} | admission.templates: waypoint is a template
          admission.templates={kube-gateway} | admission.templates: kube-gateway is a template
          admission.templates={sidecar+spire} | at '/admission/templates/0': 'sidecar+spire' does not match pattern
          admission.templates=spire   | at '/admission/templates': got string, want array
          connections.perId=0         | at '/connections/perId': minimum: got 0, want 1
          telemetry.sampleAllows=2    | at '/telemetry/sampleAllows': maximum: got 2, want 1
          """)
  void template_ofWrongValues_isRefusedWithWhatIsWrong(String value, String message)
      throws Exception {
    var outcome = chart.template(new Values("default"), value);

    assertThat(outcome.succeeded()).isFalse();
    assertThat(outcome.output()).contains(message);
  }

  @Test
  void template_taintWithoutResources_isRefused() throws Exception {
    var outcome =
        chart.template(
            new Values("default"), "node.taint=kith.io/starting", "kubernetes.resources=false");

    assertThat(outcome.succeeded()).isFalse();
    assertThat(outcome.output())
        .contains("node.taint: kith.io/starting with kubernetes.resources false");
  }

  /** Else the first nodes of a cluster would wait for a server that waits for a node. */
  @ParameterizedTest
  @MethodSource("all")
  void template_withATaint_toleratesItInEveryPod(Values values) throws Exception {
    var key = "kith.io/starting";

    for (var object : chart.objects(values, "node.taint=" + key)) {
      if (List.of("StatefulSet", "DaemonSet").contains(object.kind())) {
        assertThat(object.at("spec", "template", "spec", "tolerations"))
            .as(object.name())
            .asInstanceOf(InstanceOfAssertFactories.LIST)
            .contains(Map.of("key", key, "operator", "Exists"));
      }
    }
  }

  /** The right over nodes is strong: nobody has it who does not use it. */
  @Test
  void template_withoutATaint_givesNobodyARightOverNodes() throws Exception {
    for (var object : chart.objects(new Values("default"))) {
      if (object.kind().endsWith("Role")) {
        assertThat(object.yaml()).doesNotContain("nodes");
      }
    }
  }

  private static final Pattern ALERT = Pattern.compile("^\\| `([^`]+)`(.*) \\| (.*) \\|$");

  /** An alert; {@code lasts} for some minutes before it is one. */
  record Alert(String expression, boolean lasts, String why) {}

  /**
   * The table of the page, with three nodes.
   *
   * @param ofNodes those that placement node alone has, or all others
   */
  private static List<Alert> alertsOfThePage(boolean ofNodes) throws IOException {
    return Files.readAllLines(Path.of("../docs/observability.md")).stream()
        .dropWhile(line -> !line.startsWith("What is worth a call at night"))
        .takeWhile(line -> !line.startsWith("## "))
        .map(ALERT::matcher)
        .filter(Matcher::matches)
        .filter(row -> row.group(2).contains("placement node alone") == ofNodes)
        .map(
            row ->
                new Alert(
                    row.group(1).replace("\\|", "|")
                        + (row.group(2).contains("number of nodes") ? " < 3" : ""),
                    row.group(2).contains("for some minutes"),
                    row.group(3).replaceAll("\\[[^]]*]\\(([^)]*)\\)", "docs/$1")))
        .toList();
  }

  @Test
  void prometheusRule_isTheTableOfThePage_andAsPromtoolWantsIt() throws Exception {
    var rule = prometheusRule("default");

    assertThat(alerts(rule)).hasSize(14).isEqualTo(alertsOfThePage(false));
    assertThat(checked(rule)).contains("SUCCESS: 14 rules found");
  }

  /** Where servers have the store themselves there is none to follow. */
  @Test
  void prometheusRule_ofNodes_callsWhereNoControlServerIsFollowed() throws Exception {
    var rule = prometheusRule("node");

    assertThat(alertsOfThePage(true)).hasSize(1);
    assertThat(alerts(rule)).hasSize(15).containsAll(alertsOfThePage(true));
    assertThat(checked(rule)).contains("SUCCESS: 15 rules found");
    for (var central : List.of("default", "central-postgresql", "spire-strict")) {
      assertThat(prometheusRule(central).yaml())
          .as(central)
          .doesNotContain("kith_control_connected");
    }
  }

  private static Rendered prometheusRule(String values) throws Exception {
    return chart
        .objects(new Values(values), "prometheusRule.enabled=true", "prometheusRule.nodes=3")
        .stream()
        .filter(one -> one.kind().equals("PrometheusRule"))
        .findFirst()
        .orElseThrow();
  }

  private static List<Alert> alerts(Rendered rule) {
    var rules = new ObjectMapper().valueToTree(rule.at("spec")).at("/groups/0/rules");
    var alerts = new ArrayList<Alert>();
    for (var one : rules) {
      alerts.add(
          new Alert(
              one.path("expr").asText(),
              one.path("for").asText().matches("2m|5m|15m"),
              one.at("/annotations/description").asText()));
    }
    return alerts;
  }

  private String checked(Rendered rule) throws Exception {
    return Prometheus.find()
        .checkRules(
            Files.writeString(folder.resolve("rules.json"), Serialization.asJson(rule.at("spec"))));
  }

  @Test
  void prometheusRule_isNotMadeUnlessAsked_norAboutAnUnknownNumberOfNodes() throws Exception {
    assertThat(chart.template(new Values("default")).orFail().output())
        .doesNotContain("kind: PrometheusRule");
    assertThat(
            chart.template(new Values("default"), "prometheusRule.enabled=true").orFail().output())
        .contains("kind: PrometheusRule")
        .doesNotContain("kith_bridges_attached");
  }

  /** A node's own server has one bridge, and none while it is made. */
  @Test
  void prometheusRule_ofNodes_lacksABridge_whereNoServerHasAll_orAServerHasNone() throws Exception {
    assertThat(
            chart
                .template(
                    new Values("node"), "prometheusRule.enabled=true", "prometheusRule.nodes=3")
                .orFail()
                .output())
        .contains(
            """
            expr: 'max(kith_bridges_attached) < 3 or min(kith_bridges_attached) < 1'
                  for: 2m
            """);
  }

  /** What the server uses, as the documentation lists it, and no more. */
  @ParameterizedTest
  @CsvSource({"kith-directory, kubernetes.md", "kith-resources, custom-resources.md"})
  void clusterRole_ofTheServer_hasTheRightsOfTheDocumentation(String name, String page)
      throws Exception {
    var text = Files.readString(Path.of("../docs").resolve(page));
    var block = Pattern.compile("```yaml rbac\n(.*?)(?:---|```)", Pattern.DOTALL).matcher(text);
    assertThat(block.find()).as(page).isTrue();

    var rendered =
        chart.objects(new Values("default")).stream()
            .filter(one -> one.kind().equals("ClusterRole") && one.name().equals(name))
            .toList();

    assertThat(rendered).hasSize(1);
    assertThat(rules(rendered.getFirst().yaml())).isNotEmpty().isEqualTo(rules(block.group(1)));
  }

  private static List<?> rules(String yaml) {
    return (List<?>)
        Objects.requireNonNull(Serialization.unmarshal(yaml, Map.class).get("rules"), yaml);
  }

  @Test
  void template_namespaceWithTwoFailureModes_isRefused() throws Exception {
    var outcome =
        chart.template(
            new Values("default"), "scopes.shop=enforce", "failure.namespaces.shop=open");

    assertThat(outcome.succeeded()).isFalse();
    assertThat(outcome.output())
        .contains(
            "failure.namespaces.shop: it is also under scopes, whose mode says what passes"
                + " (expected: one of them)");
  }

  @ParameterizedTest
  @MethodSource("all")
  void configuration_ofEachPod_isReadWithoutAProblem(Values values) throws Exception {
    var maps =
        chart.objects(values).stream().filter(one -> one.at("data", "kith.yaml") != null).toList();

    assertThat(maps).hasSizeGreaterThanOrEqualTo(2);
    for (var map : maps) {
      var read =
          KithConfig.parse(
              map.name(), requireNonNull((String) map.at("data", "kith.yaml")), Map.of());
      assertThat(read.server().spiffeId() == null).isEqualTo(map.name().equals("kith-bridge"));
    }
  }

  /** Nothing else of the Secret is in a pod: a check server has no key pair. */
  @ParameterizedTest
  @MethodSource("all")
  void keys_ofEachPod_areThoseOfItsConfiguration(Values values) throws Exception {
    var objects = chart.objects(values);

    for (var pod : objects) {
      if (List.of("StatefulSet", "DaemonSet").contains(pod.kind())) {
        var mounted = mountedKeys(pod);
        assertThat(mounted)
            .as(pod.name())
            .containsExactlyInAnyOrderElementsOf(namedKeys(objects, pod.name()));
        if (!List.of("kith-server", "kith-control").contains(pod.name())) {
          assertThat(mounted).as(pod.name()).noneMatch(file -> file.endsWith(".pem"));
        }
      }
    }
  }

  private static List<String> mountedKeys(Rendered pod) {
    var files = new ArrayList<String>();
    var spec = new ObjectMapper().valueToTree(pod.at("spec", "template", "spec"));
    for (var volume : spec.path("volumes")) {
      if (volume.path("name").asText().equals("keys")) {
        volume
            .at("/secret/items")
            .forEach(item -> files.add("/etc/kith/keys/" + item.path("path").asText()));
      }
    }
    return files;
  }

  private static List<String> namedKeys(List<Rendered> objects, String pod) throws Exception {
    var map =
        objects.stream()
            .filter(one -> one.kind().equals("ConfigMap") && one.name().equals(pod))
            .findFirst()
            .orElseThrow();
    var text = requireNonNull((String) map.at("data", "kith.yaml"));
    var keys = KithConfig.parse(pod, text, Map.of()).keys();
    return Stream.of(
            Stream.ofNullable(keys.learner()),
            Stream.ofNullable(keys.approver()),
            keys.trusted().stream(),
            keys.approvers().stream(),
            keys.bundlers().stream(),
            keys.provenance().stream())
        .flatMap(files -> files)
        .map(Path::toString)
        .toList();
  }

  @Test
  void template_withProvenance_hasTheFileOfThatName() throws Exception {
    var values = new Values("central-postgresql");

    assertThat(chart.template(values, "keys.provenance={provenance}").orFail().output())
        .isEqualTo(chart.template(values).orFail().output());
  }

  @Test
  void template_keyPairAsSecretOfTokens_isRefused() throws Exception {
    var outcome = chart.template(new Values("node"), "keys.provenance={learner.pem}");

    assertThat(outcome.succeeded()).isFalse();
    assertThat(outcome.output())
        .contains("keys.provenance: learner.pem is a key, and check servers read what is named");
  }

  /** Each step of a replacement is a value: docs/provenance.md. */
  @Test
  void template_secretsInAnotherOrder_makesEveryServerAnew() throws Exception {
    var values = new Values("node-new-keys");

    var before = configurations(chart.objects(values));
    var after = configurations(chart.objects(values, "keys.provenance={provenance,provenance-2}"));

    assertThat(before).containsOnlyKeys("kith-control", "kith-fallback", "kith-node");
    assertThat(after).containsOnlyKeys(before.keySet());
    before.forEach((pod, of) -> assertThat(after.get(pod)).as(pod).isNotEqualTo(of));
  }

  /** By name, what changes when pods are made anew for their configuration. */
  private static Map<String, String> configurations(List<Rendered> objects) {
    return objects.stream()
        .filter(one -> List.of("StatefulSet", "DaemonSet").contains(one.kind()))
        .collect(Collectors.toMap(Rendered::name, ChartTest::configuration));
  }

  private static String configuration(Rendered pod) {
    var annotations = pod.at("spec", "template", "metadata", "annotations");
    return (String)
        requireNonNull(((Map<?, ?>) requireNonNull(annotations)).get("kith.io/configuration"));
  }

  /** Settings as values, and the server's account. */
  static Stream<Arguments> recipes() {
    var central = "kith-checks.kith.svc.cluster.local:9191";
    return Stream.of(Tcp.values())
        .flatMap(
            tcp ->
                Stream.of(false, true)
                    .flatMap(
                        shortCut -> {
                          var settings = MeshSettings.of(tcp);
                          return Stream.of("central", "node")
                              .map(
                                  placement ->
                                      Arguments.of(
                                          placement,
                                          shortCut ? settings.withShortCut() : settings,
                                          placement.equals("node")
                                              ? "kith-node.kith.svc.cluster.local:9191"
                                              : central,
                                          placement.equals("node") ? central : null));
                        }));
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void filters_ofEachRecipeAndPlacement_areThoseOfTheGenerator(
      String placement, MeshSettings settings, String server, String fallback) throws Exception {
    var objects =
        chart.objects(
            new Values("default"),
            "placement=" + placement,
            "keys.secret=keys",
            "filters.recipe=" + (settings.tcp() == Tcp.STRICT ? "strict" : "baseline"),
            "filters.shortCut=" + settings.shortCut(),
            "scopes.shop=enforce",
            "scopes.ops=shadow",
            "failure.namespaces.legacy=closed");

    var recipe =
        new MeshRecipe(
            ServerAddress.parse(server),
            fallback == null ? null : ServerAddress.parse(fallback),
            "spiffe://cluster.local/ns/kith/sa/kith-"
                + (placement.equals("node") ? "node" : "server"),
            settings);
    assertThat(filter(objects, "kith", "istio-system")).isEqualTo(parsed(recipe.yaml()));
    assertThat(filter(objects, "kith-failure-mesh", "istio-system"))
        .isEqualTo(overlay(settings, MeshScope.MESH, new FailureMode.Open()));
    assertThat(filter(objects, "kith-failure", "shop"))
        .isEqualTo(overlay(settings, MeshScope.namespace("shop"), new FailureMode.Closed()));
    assertThat(filter(objects, "kith-failure", "ops"))
        .isEqualTo(overlay(settings, MeshScope.namespace("ops"), new FailureMode.Open()));
    assertThat(filter(objects, "kith-failure", "legacy"))
        .isEqualTo(overlay(settings, MeshScope.namespace("legacy"), new FailureMode.Closed()));
  }

  private static Map<?, ?> overlay(MeshSettings settings, MeshScope scope, FailureMode mode) {
    return parsed(new MeshOverlay(settings, scope, mode).yaml());
  }

  private static Map<?, ?> parsed(String yaml) {
    return HelmChart.objects(yaml).getFirst().object();
  }

  private static Map<?, ?> filter(List<Rendered> objects, String name, String namespace) {
    return objects.stream()
        .filter(one -> one.kind().equals("EnvoyFilter") && one.name().equals(name))
        .filter(one -> namespace.equals(one.at("metadata", "namespace")))
        .findFirst()
        .orElseThrow()
        .object();
  }

  /** Who is privileged: nobody but the bridge. */
  @ParameterizedTest
  @MethodSource("all")
  void containers_ofAllPods_haveNoMoreRightsThanTheyNeed(Values values) throws Exception {
    var pods =
        chart.objects(values).stream()
            .filter(one -> List.of("StatefulSet", "DaemonSet").contains(one.kind()))
            .toList();

    assertThat(pods).hasSizeGreaterThanOrEqualTo(2);
    for (var pod : pods) {
      assertThat(pod.at("spec", "template", "spec", "hostNetwork")).isNull();
      assertThat(pod.at("spec", "template", "spec", "securityContext", "seccompProfile", "type"))
          .isEqualTo("RuntimeDefault");
      assertThat(pod.at("spec", "template", "metadata", "labels", "sidecar.istio.io/inject"))
          .isEqualTo("false");
      for (var list : List.of("initContainers", "containers")) {
        if (pod.at("spec", "template", "spec", list) instanceof List<?> containers) {
          containers.forEach(one -> assertLeastRights((Map<?, ?>) one));
        }
      }
    }
  }

  private static void assertLeastRights(Map<?, ?> container) {
    var name = (String) requireNonNull(container.get("name"));
    var security = (Map<?, ?>) requireNonNull(container.get("securityContext"));
    assertThat(security.get("allowPrivilegeEscalation")).as(name).isEqualTo(false);
    assertThat(security.get("readOnlyRootFilesystem")).as(name).isEqualTo(true);
    assertThat(security.get("privileged")).as(name).isNull();
    var capabilities = (Map<?, ?>) requireNonNull(security.get("capabilities"));
    assertThat(capabilities.get("drop")).as(name).isEqualTo(List.of("ALL"));
    assertThat(capabilities.get("add"))
        .as(name)
        .isEqualTo(
            name.equals("bridge")
                ? List.of(
                    "BPF", "PERFMON", "NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_ADMIN")
                : null);
    assertThat(security.get("runAsUser")).as(name).isEqualTo(name.equals("bridge") ? 0 : null);
  }

  /** No sidecar takes Kith for a service of the mesh. */
  @ParameterizedTest
  @MethodSource("all")
  void services_all_areExportedToNobody(Values values) throws Exception {
    var services =
        chart.objects(values).stream().filter(one -> one.kind().equals("Service")).toList();

    assertThat(services)
        .isNotEmpty()
        .allSatisfy(
            one ->
                assertThat(one.at("metadata", "annotations", "networking.istio.io/exportTo"))
                    .isEqualTo("~"));
  }

  @ParameterizedTest
  @MethodSource("all")
  void filters_lookedAtByIstioctl_haveNothingButWhatEveryFilterHas(Values values) throws Exception {
    var file = folder.resolve("filters.yaml");
    Files.writeString(
        file,
        chart.objects(values).stream()
            .filter(one -> one.kind().equals("EnvoyFilter"))
            .map(one -> "---\n" + one.yaml())
            .reduce("", String::concat));

    var validated = istioctl("validate", "-f", file.toString());
    assertThat(validated.succeeded()).as(validated.output()).isTrue();

    // Of a namespace only, without -A: bad ones of another pass.
    var analyzed =
        istioctl(
            "analyze", "--use-kube=false", "-A", "--failure-threshold", "Info", file.toString());
    var findings =
        analyzed
            .output()
            .lines()
            .filter(line -> line.contains("[IST"))
            .filter(line -> !line.endsWith(STANDING))
            .toList();
    assertThat(findings).as(analyzed.output()).isEmpty();
    assertThat(analyzed.output()).contains("IST0133");
  }

  private static Command.Outcome istioctl(String... arguments)
      throws IOException, InterruptedException {
    return Command.run(
        LIMIT,
        Stream.concat(Stream.of(istio.istioctl().toString()), Stream.of(arguments)).toList());
  }
}
