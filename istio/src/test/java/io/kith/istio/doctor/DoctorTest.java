package io.kith.istio.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.kith.istio.FailureMode;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Rules over dumps of a mesh that a real istiod ruled, without a fault and with one each.
 * docs/doctor.md has an example of each rule from here; it changes only by {@code
 * -Dkith.goldens=refresh}.
 */
class DoctorTest {
  private static final Path PAGE = Path.of("..", "docs", "doctor.md");
  private static final String BEGIN = "<!-- rules begin: written by DoctorTest -->\n";
  private static final String END = "<!-- rules end -->\n";

  private static List<Rule> rules(Examination examination) {
    return examination.findings().stream().map(Finding::rule).distinct().toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"clean", "strict"})
  void examine_meshWithoutFault_findsNothing(String name) {
    var examination = MeshDump.of(name).examine();

    assertThat(examination.findings()).isEmpty();
    assertThat(examination.sidecars()).isPositive();
    assertThat(examination.notJudged())
        .hasSize(2)
        .anyMatch(one -> one.startsWith("users of images of shop/deployment/cart"))
        .contains("version of istiod: no pod labelled app=istiod");
  }

  /** A control server alone, say: whether there is something to find is not known then. */
  @Test
  void examine_withoutAServerWhoseGuardsCount_saysSo() {
    var dump = MeshDump.of("clean");
    dump.metrics = "# TYPE kith_checks_total counter\nkith_checks_total 3\n";
    var other = MeshDump.of("clean");
    other.metrics = null;

    assertThat(dump.examine().notJudged())
        .contains(
            "guard counts: no server that was asked has kith_guard_seen_total, which those have"
                + " that bridges are connected to");
    assertThat(other.examine().notJudged())
        .contains(
            "guard counts: no metrics of Kith's servers were read (--kith NAME, or --metrics URL)");
  }

  /** A sidecar dials istiod before it listens, and so before a guard knows it as the proxy. */
  @Test
  void examine_proxysUserSeenAndNotRefused_isNoFinding() {
    var dump = MeshDump.of("clean");
    dump.metrics =
        """
        # TYPE kith_guard_seen_total counter
        kith_guard_seen_total{reason="proxy_user"} 2
        # TYPE kith_guard_refused_total counter
        kith_guard_refused_total{reason="proxy_user"} 0
        """;

    assertThat(dump.examine().findings()).isEmpty();
    assertThat(dump.examine().notJudged())
        .anyMatch(
            one ->
                one.startsWith(
                    "who went past sidecars as the proxy's user:"
                        + " kith_guard_seen_total{reason=\"proxy_user\"} is 2, and none was refused"));
  }

  @Test
  void examination_askedForTwice_isTheSame() {
    var dump = MeshDump.of("clean");
    dump.sidecars.remove("shop/cart-0");
    dump.workload("shop/deployment/catalog").put("mode", "enforce");
    var doctor = dump.judged();

    var first = doctor.examination();

    assertThat(doctor.examination()).isEqualTo(first);
    assertThat(first.findings()).isNotEmpty();
  }

  @Test
  void examine_podThatDoesNotRunYet_isNoFinding() {
    var dump = MeshDump.of("clean");
    MeshDump.at(dump.pod("cart-0"), "status").put("phase", "Pending");
    dump.sidecars.remove("shop/cart-0");

    var examination = dump.examine();

    assertThat(examination.findings()).isEmpty();
    assertThat(examination.notJudged()).contains("sidecars that do not run yet: 1");
  }

  /** Where there is no label to tell by, ReplicaSets and Jobs say whose they are. */
  @Test
  void examine_ownerOfTheOwner_isTheWorkload() {
    var dump = MeshDump.of("clean");
    MeshDump.at(dump.pod("cart-0"), "metadata", "labels").remove("pod-template-hash");
    dump.add(
        """
        kind: ReplicaSet
        metadata:
          name: cart-5d9c8b7f64
          namespace: shop
          ownerReferences: [{kind: Deployment, name: cart, controller: true}]
        """);
    dump.workload("shop/deployment/cart").put("mode", "enforce");

    assertThat(dump.examine().findings())
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.rule()).isEqualTo(Rule.OPEN_UNDER_ENFORCE);
              assertThat(finding.subject()).isEqualTo("shop/deployment/cart");
            });
  }

  /** A more specific overlay puts its filters in the place of a wider one's. */
  @Test
  void examine_closedOverlayWithinAnOpenMesh_isNoDroppedField() {
    var dump = MeshDump.of("clean");
    var overlay =
        new MeshOverlay(
            MeshSettings.of(Tcp.BASELINE),
            MeshScope.parse("shop/deployment/cart", Map.of("app", "cart")),
            new FailureMode.Closed());
    dump.add(overlay.yaml());
    MeshDump.each(
        dump.sidecar("shop/cart-0"),
        map -> map.containsKey("failure_mode_allow"),
        map -> map.remove("failure_mode_allow"));
    MeshDump.each(
        dump.sidecar("shop/cart-0"),
        map -> "x-kith-failure".equals(map.get("key")),
        map -> map.put("value", "closed"));
    dump.workload("shop/deployment/cart").put("mode", "enforce");

    assertThat(dump.examine().findings()).isEmpty();
  }

  /** Another one by hand would count after them. */
  @Test
  void examine_whereTheServerKeepsOverlays_itsConditionsSayWhy() {
    var dump = MeshDump.of("clean");
    dump.add(
        new MeshOverlay(
                MeshSettings.of(Tcp.BASELINE),
                MeshScope.MESH,
                new FailureMode.Open(),
                MeshOverlay.Writer.SERVER)
            .yaml());
    dump.workload("shop/deployment/cart").put("mode", "enforce");

    assertThat(dump.examine().findings())
        .singleElement()
        .satisfies(
            finding -> {
              assertThat(finding.rule()).isEqualTo(Rule.OPEN_UNDER_ENFORCE);
              assertThat(finding.change())
                  .startsWith("kubectl describe kscope -n shop")
                  .endsWith("or make a Scope of shop/deployment/cart");
            });
  }

  /** Of Helm's recipe, Helm's values are what changes. */
  @Test
  void examine_recipeOfHelm_isChangedByItsValues() {
    var dump = MeshDump.of("strict");
    for (var one : dump.objects) {
      if ("EnvoyFilter".equals(one.get("kind"))) {
        MeshDump.at(one, "metadata", "annotations")
            .putAll(
                Map.of(
                    "meta.helm.sh/release-name", "kith", "meta.helm.sh/release-namespace", "kith"));
      }
    }
    dump.add(
        """
        apiVersion: networking.istio.io/v1
        kind: Sidecar
        metadata: {name: default, namespace: shop}
        spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
        """);

    assertThat(dump.examine().findings())
        .singleElement()
        .satisfies(
            finding ->
                assertThat(finding.change())
                    .endsWith(
                        "or helm upgrade kith CHART -n kith --reuse-values --set"
                            + " filters.recipe=baseline"));
  }

  /** Envoy's counters, and pilot-agent: in each bootstrap of Istio's. */
  @Test
  void examine_staticListenersOfIstio_findNothing() {
    var dump = MeshDump.of("clean");
    for (var cluster : List.of("prometheus_stats", "agent")) {
      MeshDump.list(dump.sidecar("shop/cart-0"), "configs")
          .add(Fault.staticListener(Fault.manager(cluster, "agent")));
    }

    assertThat(dump.examine().findings()).isEmpty();
  }

  /** As Istio's integration of SPIRE has it. */
  @Test
  void examine_templateThatAddsToTheSidecar_isNoFinding() {
    var dump = MeshDump.of("clean");
    dump.annotations("cart-0").put("inject.istio.io/templates", "sidecar, spire");
    var trimmed = dump.objects.stream().map(Trimmed::object).toList();
    dump.objects.clear();
    dump.objects.addAll(trimmed);

    assertThat(dump.examine().findings()).isEmpty();
  }

  /** The sidecar's usual mounts; what it shares with everybody is nobody's secret. */
  @Test
  void examine_mountsOfIstio_findNothing() {
    var dump = MeshDump.of("clean");
    var account =
        "{name: kube-api-access-x7f2q, mountPath: /var/run/secrets/kubernetes.io/serviceaccount}";
    var cloud = "{name: azure-identity-token, mountPath: /var/run/secrets/azure/tokens}";
    MeshDump.each(
        dump.pod("cart-0"),
        MeshDump.named("istio-proxy"),
        proxy -> {
          var mounts = MeshDump.list(proxy, "volumeMounts");
          OtherSidecar.MOUNTS.forEach(
              one ->
                  mounts.add(
                      MeshDump.yaml("{name: " + one.replaceFirst(":", ", mountPath: ") + "}")));
          mounts.add(MeshDump.yaml(account));
          mounts.add(MeshDump.yaml(cloud));
        });
    var mounts = MeshDump.list(dump.container("cart-0"), "volumeMounts");
    mounts.add(MeshDump.yaml(account));
    mounts.add(MeshDump.yaml(cloud));

    assertThat(dump.examine().findings()).isEmpty();
  }

  /** The one that istiod goes by: by its selector, of the namespace, of the mesh. */
  @Test
  void examine_sidecarThatIsNotInForce_isNoFinding() {
    var registryOnly = "outboundTrafficPolicy: {mode: REGISTRY_ONLY}";
    var other = MeshDump.of("strict");
    other.add(
        Fault.sidecar("shop", "{workloadSelector: {labels: {app: other}}, " + registryOnly + "}"));
    var older = MeshDump.of("strict");
    older.add(Fault.sidecar("istio-system", "{" + registryOnly + "}"));
    older.add(
        """
        kind: Sidecar
        metadata: {name: younger, namespace: shop, creationTimestamp: "2026-11-20T00:00:00Z"}
        spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
        """);
    older.add(
        """
        kind: Sidecar
        metadata: {name: zero, namespace: shop, creationTimestamp: "2026-11-19T00:00:00Z"}
        spec: {outboundTrafficPolicy: {mode: ALLOW_ANY}}
        """);
    var ofMesh = MeshDump.of("strict");
    MeshDump.at(ofMesh.object("ConfigMap", "istio"), "data")
        .put("mesh", "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n");
    ofMesh.add(Fault.sidecar("shop", "{outboundTrafficPolicy: {mode: ALLOW_ANY}}"));

    for (var dump : List.of(other, older, ofMesh)) {
      assertThat(dump.examine().findings()).isEmpty();
    }
  }

  /** A label that another workload's pods have as well would give them its failure mode. */
  @Test
  void examine_labelThatOthersHave_isNotTheOverlays() {
    var dump = MeshDump.of("clean");
    for (var name : List.of("cart-0", "catalog-0")) {
      MeshDump.at(dump.pod(name), "metadata", "labels").put("app.kubernetes.io/instance", "shop");
    }
    dump.workload("shop/deployment/cart").put("mode", "enforce");

    assertThat(dump.examine().findings())
        .singleElement()
        .satisfies(
            finding ->
                assertThat(finding.change())
                    .startsWith(
                        "kith istio overlay shop/deployment/cart --label app=cart --failure"
                            + " closed |"));
  }

  /** Each of the chart's ways to refuse pods in a namespace that is enforced. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        Fault.IN_OPS,
        "{key: istio.io/rev, operator: Exists}",
        "{key: istio.io/rev, operator: In, values: [default]}",
        "{key: office, operator: DoesNotExist}"
      })
  void examine_enforcedNamespaceWhosePodsAreRefused_findsNothing(String expression) {
    var dump = MeshDump.of("clean");
    dump.add("{kind: Scope, metadata: {name: all, namespace: ops}, spec: {mode: enforce}}");
    dump.add("{kind: Namespace, metadata: {name: ops, labels: {istio.io/rev: default}}}");
    dump.add(
        "{kind: ValidatingAdmissionPolicyBinding, metadata: {name: one}, spec: {policyName:"
            + " kith-pods, validationActions: [Deny], matchResources: {"
            + Fault.selecting(expression)
            + "}}}");
    Fault.refuseTheRest(dump, AdmissionPolicy.KITH_PODS);

    assertThat(dump.examine().findings()).isEmpty();
  }

  @Test
  void examine_enforcedNamespaceWithoutBindingsRead_isNotJudged() {
    var dump = MeshDump.of("clean");
    dump.add("{kind: Scope, metadata: {name: all, namespace: ops}, spec: {mode: enforce}}");

    var examination = dump.examine();

    assertThat(examination.findings()).isEmpty();
    assertThat(examination.notJudged())
        .contains("admission of pods in ops: no ValidatingAdmissionPolicyBindings were read");
  }

  /** Who may not list policies is told so; who did not find one has a finding. */
  @Test
  void examine_boundPoliciesThatWereNotRead_areNotJudged() {
    var dump = MeshDump.of("clean");
    dump.add("{kind: Scope, metadata: {name: all, namespace: ops}, spec: {mode: enforce}}");
    dump.add("{kind: ValidatingAdmissionPolicyBindingList, items: []}");

    assertThat(dump.examine().notJudged())
        .contains(
            "whether the policies that are bound are there: no ValidatingAdmissionPolicies were"
                + " read");
  }

  /** What the chart's policies refuse is looked for in pods that are there: the same lists. */
  @Test
  void whatIsLookedFor_isWhatTheChartRefuses() throws Exception {
    var chart = Path.of("chart", "kith", "templates");
    var policies = Files.readString(chart.resolve("admission.yaml"));
    var parts = Files.readString(chart.resolve("_admission.tpl"));

    assertThat(
            Pattern.compile("kind: ValidatingAdmissionPolicy\nmetadata:\n  name: (\\S+)")
                .matcher(policies)
                .results()
                .map(one -> one.group(1)))
        .containsExactlyInAnyOrderElementsOf(
            Arrays.stream(AdmissionPolicy.values()).map(AdmissionPolicy::id).toList());
    assertThat(listBehind("in\n        ['ALL'", parts))
        .containsExactlyInAnyOrderElementsOf(PodRules.STRONG);
    assertThat(listBehind("m.name in\n", parts))
        .containsExactlyInAnyOrderElementsOf(PodRules.VOLUMES);
    assertThat(listBehind("\"kith.cel.proxyMounts\"", parts))
        .containsExactlyInAnyOrderElementsOf(OtherSidecar.MOUNTS);
    assertThat(listBehind("k in [\n        'inject", policies))
        .containsExactlyInAnyOrderElementsOf(OtherSidecar.ANNOTATIONS);
    assertThat(
            Pattern.compile("has \\. \\(list (.+)\\) }}")
                .matcher(Files.readString(chart.resolve("_names.tpl")))
                .results()
                .flatMap(one -> Arrays.stream(one.group(1).replace("\"", "").split(" "))))
        .containsExactlyInAnyOrderElementsOf(OtherSidecar.OTHER_TEMPLATES);
    assertThat(
            Pattern.compile("\"\\?\\(([A-Za-z|]+)\\)\"\\?")
                .matcher(policies)
                .results()
                .flatMap(one -> Arrays.stream(one.group(1).split("\\|"))))
        .containsExactlyInAnyOrderElementsOf(OtherSidecar.HARMLESS);
    assertThat(
            Pattern.compile("\n  sharedVolumes:.*\n((?:  - .+\n)+)")
                .matcher(Files.readString(Path.of("chart", "kith", "values.yaml")))
                .results()
                .flatMap(one -> one.group(1).lines().map(line -> line.substring("  - ".length()))))
        .containsExactlyInAnyOrderElementsOf(OtherSidecar.OF_CLOUDS);
  }

  /** Else a policy that is there would be taken for one that is not. */
  @Test
  void whatAServerMayRead_isWhatIsLookedFor() throws Exception {
    assertThat(
            Pattern.compile("resourceNames: \\[(kith-.*)]")
                .matcher(Files.readString(Path.of("chart", "kith", "templates", "accounts.yaml")))
                .results()
                .map(one -> List.of(one.group(1).split(", "))))
        .containsExactly(Admission.policies());
  }

  /** Texts of the list that has what is given, or comes next. */
  private static List<String> listBehind(String what, String text) {
    var at = text.indexOf(what);
    assertThat(at).as(what).isPositive();
    var begin = text.indexOf('[', at);
    return Pattern.compile("'([^']+)'")
        .matcher(text.substring(begin, text.indexOf(']', begin)))
        .results()
        .map(one -> one.group(1))
        .toList();
  }

  /** A control server knows nodes by what check servers hear. */
  @Test
  void examine_bridgesAtCheckServers_areJudged() {
    var dump = MeshDump.of("clean");
    Fault.onNodes(dump, "");

    var examination = dump.examine();

    assertThat(examination.findings()).isEmpty();
    assertThat(examination.notJudged()).noneMatch(one -> one.startsWith("bridges"));
  }

  @Test
  void examine_controlServerOfAnOlderVersion_doesNotTellWhereBridgesAre() {
    var dump = MeshDump.of("clean");
    Fault.onNodes(dump, "");
    dump.status.remove("nodes");

    assertThat(dump.examine().notJudged())
        .anyMatch(one -> one.startsWith("bridges: they are connected to check servers"));
  }

  private static List<Fault> faults() {
    return Fault.all();
  }

  @ParameterizedTest
  @MethodSource("faults")
  void examine_oneFault_isFound_andNothingElse(Fault fault) {
    var dump = MeshDump.of(fault.dump());
    fault.seed().accept(dump);

    var examination = dump.examine();

    assertThat(rules(examination)).as("%s", examination.findings()).isEqualTo(fault.rules());
    assertThat(examination.findings())
        .allSatisfy(
            finding -> {
              assertThat(finding.seen()).isNotBlank();
              assertThat(finding.change()).isNotBlank();
              assertThat(finding.subject()).isNotBlank();
            });
  }

  @Test
  void faults_areOfEveryRule() {
    var seeded = new HashSet<Rule>();
    Fault.all().forEach(fault -> seeded.addAll(fault.rules()));

    assertThat(seeded).containsExactlyInAnyOrder(Rule.values());
  }

  @ParameterizedTest
  @MethodSource("faults")
  void examine_whatIsTrimmed_saysTheSame(Fault fault) {
    var dump = MeshDump.of(fault.dump());
    fault.seed().accept(dump);
    var before = dump.examine();

    dump.sidecars.replaceAll((_, config) -> Trimmed.sidecar(config));
    var objects = dump.objects.stream().map(Trimmed::object).toList();
    dump.objects.clear();
    dump.objects.addAll(objects);

    assertThat(dump.examine()).isEqualTo(before);
  }

  /** Dumps are somebody else's: whatever is in them, nobody is thrown at. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void examine_damagedDump_neverFails(int seed) {
    var random = new Random(seed);
    for (var i = 0; i < 30; i++) {
      var dump = MeshDump.of(random.nextBoolean() ? "clean" : "strict");
      var places = new ArrayList<Map<String, Object>>();
      MeshDump.each(
          List.of(dump.objects, List.copyOf(dump.sidecars.values()), List.of(dump.status)),
          map -> !map.isEmpty(),
          places::add);
      for (var j = 0; j < 20; j++) {
        var place = places.get(random.nextInt(places.size()));
        var keys = List.copyOf(place.keySet());
        if (!keys.isEmpty()) {
          var damage =
              Arrays.asList(
                  "", "x", 7, true, null, List.of("x"), List.of(Map.of()), Map.of("a", 1));
          place.put(
              keys.get(random.nextInt(keys.size())), damage.get(random.nextInt(damage.size())));
        }
      }

      assertThatCode(
              () -> {
                dump.examine();
                dump.sidecars.values().forEach(Trimmed::sidecar);
                dump.objects.forEach(Trimmed::object);
              })
          .as("seed %d, round %d", seed, i)
          .doesNotThrowAnyException();
    }
  }

  @Test
  void examine_unwellBridge_whosePodIsNotThere_namesTheNode() {
    var dump = MeshDump.of("clean");
    MeshDump.list(dump.status, "bridges").getFirst().put("canary_ok", false);

    assertThat(dump.examine().findings())
        .singleElement()
        .satisfies(
            finding ->
                assertThat(finding.change())
                    .startsWith("kith bridge status   # on node-1, or in the container bridge"));
  }

  /** Without the tag Helm would keep the release's, or take that of the chart at hand. */
  @Test
  void examine_skew_namesTheImageOfTheYoungestPod() {
    var tags = MeshDump.of("clean");
    tags.add(Fault.podOfKith("kith-server-0", "example.org/kith:0.10.0", "2026-11-01"));
    tags.add(Fault.podOfKith("kith-bridge-x", "example.org/kith:0.9.0", "2026-11-02")); // goes back
    var digests = MeshDump.of("clean");
    digests.add(Fault.podOfKith("kith-server-0", "example.org/kith@sha256:aa", "2026-11-02"));
    digests.add(Fault.podOfKith("kith-bridge-x", "example.org/kith@sha256:bb", "2026-11-01"));
    var undated = MeshDump.of("clean");
    undated.add(Fault.podOfKith("kith-server-0", "example.org/kith:0.2.0", ""));
    undated.add(Fault.podOfKith("kith-bridge-x", "example.org/kith:0.1.0", ""));
    undated.objects.forEach(one -> MeshDump.at(one, "metadata").remove(MeshObjects.CREATED));

    assertThat(change(tags)).contains(" --reset-then-reuse-values --set image.tag=0.9.0 ");
    assertThat(change(digests)).contains(" --set image.digest=sha256:aa ");
    assertThat(change(undated)).contains(" --set image.tag=TAG ");
  }

  @Test
  void examine_checkServerOfAnotherVersion_namesTheImageOfKithsPods() {
    var dump = MeshDump.of("clean");
    MeshDump.list(dump.status, "check_servers")
        .add(new HashMap<>(Map.of("name", "spiffe://td/kith#node-1", "version", "0.0.9")));
    var known = MeshDump.of("clean");
    known.status = dump.status;
    known.add(Fault.podOfKith("kith-control-0", "example.org/kith:prod-7", "2026-11-01"));

    assertThat(change(dump)).contains(" --set image.tag=TAG ");
    assertThat(change(known)).contains(" --set image.tag=prod-7 ");
  }

  /** Where Helm wrote the recipe its release is named. */
  @Test
  void examine_skewOfARelease_namesIt() {
    var dump = MeshDump.of("clean");
    dump.objects.stream()
        .filter(one -> "EnvoyFilter".equals(one.get("kind")))
        .forEach(
            one ->
                MeshDump.at(one, "metadata", "annotations")
                    .putAll(
                        Map.of(
                            "meta.helm.sh/release-name", "guard",
                            "meta.helm.sh/release-namespace", "kith")));
    dump.add(Fault.podOfKith("kith-server-0", "example.org/kith:0.2.0", "2026-11-02"));
    dump.add(Fault.podOfKith("kith-bridge-x", "example.org/kith:0.1.0", "2026-11-01"));

    assertThat(change(dump))
        .startsWith(
            "helm upgrade guard CHART -n kith --reset-then-reuse-values --set image.tag=0.2.0   #");
  }

  /** A pilot-agent keeps the certificates of Kith's pods, and what is over runs nothing. */
  @Test
  void examine_whatRunsNothingOfKiths_isNoSkew() {
    var dump = MeshDump.of("clean");
    for (var version : List.of("1.31.0", "1.31.1")) {
      var pod =
          MeshDump.yaml(Fault.podOfKith("kith-" + version, "example.org/kith:1", "2026-11-01"));
      MeshDump.list(MeshDump.at(pod, "spec"), "initContainers")
          .add(
              new HashMap<>(
                  Map.of(
                      "name", "istio-certs",
                      "image", "istio/proxyv2:" + version,
                      "restartPolicy", "Always")));
      dump.objects.add(pod);
    }
    var evicted =
        MeshDump.yaml(Fault.podOfKith("kith-bridge-y", "example.org/kith:0", "2026-10-01"));
    MeshDump.at(evicted, "status").put("phase", "Failed");
    dump.objects.add(evicted);

    assertThat(dump.examine().findings()).isEmpty();
  }

  private static String change(MeshDump dump) {
    return dump.examine().findings().stream()
        .filter(one -> one.rule() == Rule.KITH_SKEW)
        .findFirst()
        .orElseThrow()
        .change();
  }

  // ---- docs/doctor.md

  @Test
  void page_hasEveryRule_withAnExample() throws Exception {
    var text = new StringBuilder(BEGIN);
    text.append("\n| rule | severity | found is |\n| --- | --- | --- |\n");
    for (var rule : Rule.values()) {
      text.append(
          "| [`%s`](#%s) | %s | %s |\n"
              .formatted(rule.id(), rule.id(), rule.severity().word(), rule.looksFor()));
    }
    for (var rule : Rule.values()) {
      text.append(section(rule, example(rule)));
    }
    text.append('\n').append(END);

    var page = Files.readString(PAGE);
    var now =
        page.substring(0, page.indexOf(BEGIN))
            + text
            + page.substring(page.indexOf(END) + END.length());
    if ("refresh".equals(System.getProperty("kith.goldens"))) {
      Files.writeString(PAGE, now);
    }
    assertThat(Files.readString(PAGE))
        .as("refresh with -Dkith.goldens=refresh, and review the difference")
        .isEqualTo(now);
  }

  private static Finding example(Rule rule) {
    for (var fault : Fault.all()) {
      if (fault.rules().equals(List.of(rule))) {
        var dump = MeshDump.of(fault.dump());
        fault.seed().accept(dump);
        return dump.examine().findings().getFirst();
      }
    }
    throw new IllegalStateException("no fault for " + rule);
  }

  private static String section(Rule rule, Finding example) {
    return """

    ### `%s`

    %s: %s. %s Seen, for example: %s. The change then:

    ```
    %s
    ```
    """
        .formatted(
            rule.id(),
            rule.severity().word(),
            rule.looksFor(),
            rule.means(),
            example.seen(),
            example.change());
  }
}
