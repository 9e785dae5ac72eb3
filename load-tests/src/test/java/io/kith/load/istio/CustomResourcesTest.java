package io.kith.load.istio;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FieldValidateable.Validation;
import io.kith.baselines.config.KubernetesSettings;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.store.BaselineStore;
import io.kith.load.lab.Lab;
import io.kith.load.mesh.Mesh;
import io.kith.load.tools.Istio;
import io.kith.server.control.AllowListFiles;
import io.kith.server.control.ControlSettings;
import io.kith.server.control.ControlState;
import io.kith.server.control.ServerKeys;
import io.kith.server.kubernetes.resource.ClusterResources;
import io.kith.server.store.InMemoryStore;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a real API server takes of Kith's resources, what it refuses and how, what it prints. */
@Tag("istio")
@Timeout(600)
class CustomResourcesTest {
  private static final Duration LIMIT = Duration.ofMinutes(1);
  private static final Path FOLDER = Path.of("..", "istio", "chart", "kith", "crds");
  private static Lab lab;
  private static ControlPlane plane;

  @BeforeAll
  static void start() throws Exception {
    lab = Lab.open("kc", IstioMesh.SAY);
    plane = ControlPlane.start(lab, Istio.find(IstioMesh.SAY), IstioMesh.SAY);
    define(plane);
    plane.namespace("shop", Map.of());
  }

  /** Applies Kith's definitions and waits until objects can be made. */
  static void define(ControlPlane plane) throws IOException {
    for (var plural : List.of("egressallowlists", "scopes", "baselines")) {
      plane.apply(Files.readString(FOLDER.resolve(plural + ".kith.io.yaml")));
      plane
          .client()
          .resources(CustomResourceDefinition.class)
          .withName(plural + ".kith.io")
          .waitUntilCondition(
              CustomResourcesTest::isEstablished, LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  private static boolean isEstablished(CustomResourceDefinition definition) {
    return definition != null
        && definition.getStatus() != null
        && definition.getStatus().getConditions() != null
        && definition.getStatus().getConditions().stream()
            .anyMatch(one -> one.getType().equals("Established") && one.getStatus().equals("True"));
  }

  @AfterAll
  static void stop() throws Exception {
    if (plane != null) {
      plane.close();
    }
    if (lab != null) {
      lab.close();
    }
  }

  @Test
  void theAnnotatedFile_isTakenAsItIs() throws Exception {
    var text = Files.readString(Path.of("..", "docs", "egress-allow-list.yaml"));
    for (var document : text.split("\n---\n", -1)) {
      plane.apply(document.replace("metadata: {", "metadata: {namespace: shop, "));
    }

    var kept =
        plane
            .client()
            .genericKubernetesResources("kith.io/v1", "EgressAllowList")
            .inNamespace("shop")
            .withName("checkout")
            .require();
    assertThat(kept.<String>get("spec", "rules", 1, "destination", "ports")).isEqualTo("8443-8450");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          action: deny
          action: deny, process: {program: nc}
          action: deny, destination: {cidr: fd00:1::/32}
          action: deny, destination: {host: telemetry.example.org}
          action: deny, process: {path: /a, lineage: [/b]}
          action: allow, until: "2027-03-31T18:00:00Z", process: {path: /a}, destination: {host: a.example.com., port: 443}
          action: allow, process: {path: /a}, destination: {host: shop/deployment/catalog, ports: 8080}
          action: allow, process: {path: /a}, destination: {host: "*.svc.cluster.local", ports: 8080-8090, protocol: udp}
          action: allow, process: {path: /a}, destination: {cidr: 10.0.0.1, port: 1}
          action: allow, process: {path: /a, sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03}, destination: {host: a.example.com, port: 1}
          """)
  void rule_asAFileMayHaveIt_isTaken(String rule) {
    plane.apply(list("taken", "shop/*", rule));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          action: permit | spec.rules[0].action: Unsupported value: "permit": supported values: "allow", "deny"
          action: deny, strictness: hash, process: {path: /a} | strictness is given (expected: none, a rule that denies asks for what it says)
          action: deny, process: {} | process asks for nothing (expected: a path, program, script or sha256; or no process, which is every process)
          action: deny, until: tomorrow | spec.rules[0].until: Invalid value: "tomorrow": neither a day nor an instant (expected: 2027-01-31 or 2027-01-31T18:00:00Z)
          action: deny, until: "2027-13-31" | neither a day nor an instant
          action: deny, ttl: 4h | unknown field "spec.rules[0].ttl"
          action: allow, destination: {host: a.com, port: 1} | process.path is missing (expected: the executable's absolute path, in a rule that allows)
          action: allow, process: {program: x}, destination: {host: a.com, port: 1} | process.path is missing
          action: allow, process: {path: /a} | destination.port is missing (expected: port: 443 or ports: 9000-9100, in a rule that allows)
          action: allow, process: {path: /a}, destination: {host: a.com} | destination.port is missing
          action: allow, process: {path: bin/curl}, destination: {host: a.com, port: 1} | not an absolute path of a file (expected: the path as the process sees it, as /usr/bin/curl)
          action: allow, process: {path: /usr/bin/*}, destination: {host: a.com, port: 1} | has a '*' (expected: one path; its digits match any digits)
          action: allow, process: {path: /a, sha256: ABC}, destination: {host: a.com, port: 1} | not a SHA-256 (expected: 64 lower-case hex digits)
          action: allow, strictness: hash, process: {path: /a}, destination: {host: a.com, port: 1} | process.sha256 is missing (expected: the executable's, for strictness hash)
          action: allow, strictness: class, process: {path: /a, sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03}, destination: {host: a.com, port: 1} | a sha256 without strictness hash
          action: allow, strictness: lineage, process: {path: /a}, destination: {host: a.com, port: 1} | process.lineage and strictness lineage go together
          action: allow, process: {path: /a, lineage: [/b]}, destination: {host: a.com, port: 1} | process.lineage and strictness lineage go together
          action: deny, process: {path: /a, lineage: [/b, /c, /d, /e]} | spec.rules[0].process.lineage: Too many: 4: must have at most 3 items
          action: deny, destination: {port: 1} | host and cidr, or neither (expected: one of them)
          action: deny, destination: {host: a.com, cidr: 10.0.0.0/8} | host and cidr, or neither
          action: deny, destination: {host: a.com, port: 1, ports: 2-3} | port and ports (expected: one of them)
          action: deny, destination: {host: a.com, port: 0} | spec.rules[0].destination.port: Invalid value: 0: spec.rules[0].destination.port in body should be greater than or equal to 1
          action: deny, destination: {host: a.com, port: 65536} | should be less than or equal to 65535
          action: deny, destination: {host: a.com, ports: 3-2} | not ports (expected: 443 or 9000-9100, within 1 to 65535, the lower one first)
          action: deny, destination: {host: a.com, ports: 0-2} | not ports
          action: deny, destination: {host: a.com, ports: 1-65536} | not ports
          action: deny, destination: {host: a.com, ports: https} | not ports
          action: deny, destination: {host: 10.0.0.1} | an address (expected: cidr, which takes one address too)
          action: deny, destination: {host: "*.com"} | covers names of strangers (expected: a wildcard below a name of one owner, as *.example.com)
          action: deny, destination: {host: "a.*.com"} | not a host (expected: api.example.com, *.example.com or namespace/kind/name
          action: deny, destination: {host: "https://a.com"} | not a host
          action: deny, destination: {host: shop/checkout} | not a host
          action: deny, destination: {cidr: 10.0.0.1/8} | not an address block (expected: a block's first address and prefix as 10.1.0.0/16 or fd00:1::/32, or one address)
          action: deny, destination: {cidr: a.com} | not an address block
          action: deny, destination: {host: a.com, protocol: icmp} | supported values: "tcp", "udp"
          """)
  void rule_asNoFileMayHaveIt_isRefusedWithWhatToDo(String rule, String message) {
    assertRefused(list("refused", "shop/*", rule), message);
  }

  @ParameterizedTest
  @CsvSource({"checkout", "shop/checkout", "'shop/*/checkout'", "'*/*'", "''"})
  void list_ofNoScope_isRefused(String workload) {
    assertRefused(
        list("refused", workload, "action: deny"),
        "not a scope (expected: namespace/kind/name as shop/deployment/checkout, namespace/* or"
            + " *)");
  }

  @Test
  void rule_withoutWhoAndWhy_isRefused() {
    assertRefused(
        list("refused", "shop/*", "action: deny").replace(", by: ada, why: test", ""),
        "spec.rules[0].by: Required value");
  }

  private static String list(String name, String workload, String rule) {
    return """
    apiVersion: kith.io/v1
    kind: EgressAllowList
    metadata: {name: %s, namespace: shop}
    spec:
      workload: "%s"
      rules:
      - {%s, by: ada, why: test}
    """
        .formatted(name, workload, rule);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          mode: observe
          mode: enforce, workload: {kind: Deployment, name: checkout}, unattributed: allow, inbound: require
          mode: shadow, workload: {kind: statefulset, name: orders-db.v2}, unattributed: deny, inbound: accept
          mode: enforce, failure: open
          mode: observe, failure: closed
          mode: enforce, failure: floor
          mode: enforce, failure: floor, approved: ["catalog.shop.svc.cluster.local:80", "10.7.0.0/16:3306", "10.7.0.1:1", "[fd00::/64]:5432"]
          """)
  void scope_isTaken(String spec) {
    plane.apply(scope(spec));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          inbound: accept | spec.mode: Required value
          mode: block | spec.mode: Unsupported value: "block": supported values: "observe", "shadow", "enforce"
          mode: observe, workload: {name: a} | spec.workload.kind: Required value
          mode: observe, workload: {kind: Deployment} | spec.workload.name: Required value
          mode: observe, workload: {kind: Deployment, name: "*"} | not a name (expected: that of the object that owns the pods; all of the namespace is a Scope without workload)
          mode: observe, workload: {kind: apps/Deployment, name: a} | not a kind (expected: as Deployment or StatefulSet)
          mode: observe, unattributed: maybe | supported values: "allow", "deny"
          mode: observe, inbound: maybe | supported values: "accept", "require"
          mode: observe, failure: ajar | supported values: "open", "closed", "floor"
          mode: enforce, approved: ["a.example.com:80"] | approved is for failure floor only
          mode: enforce, failure: closed, approved: ["a.example.com:80"] | approved is for failure floor only
          mode: enforce, failure: floor, approved: [] | should have at least 1 items
          mode: enforce, failure: floor, approved: ["a.example.com"] | not a destination (expected: HOST:PORT, 10.7.0.0/16:PORT or [fd00::/64]:PORT)
          mode: enforce, failure: floor, approved: ["*.example.com:80"] | not a destination
          mode: enforce, failure: floor, approved: ["10.7.0:80"] | not a destination
          mode: enforce, fail: open | unknown field "spec.fail"
          """)
  void scope_isRefusedWithWhatToDo(String spec, String message) {
    assertRefused(scope(spec), message);
  }

  private static String scope(String spec) {
    return """
    apiVersion: kith.io/v1
    kind: Scope
    metadata: {name: one, namespace: shop}
    spec: {%s}
    """
        .formatted(spec);
  }

  private static void assertRefused(String object, String message) {
    assertThatThrownBy(() -> create(object))
        .isInstanceOf(KubernetesClientException.class)
        .hasMessageContaining(message);
  }

  /** As `kubectl create` does it, which asks for fields that are unknown to be refused. */
  private static void create(String yaml) {
    var client = plane.client();
    var object =
        (GenericKubernetesResource)
            client.load(new ByteArrayInputStream(yaml.getBytes(UTF_8))).items().getFirst();
    client.resource(object).fieldValidation(Validation.STRICT).create();
  }

  // ---- several servers

  /** A control server of several on one store, as far as it decides. */
  private record Server(ControlState state, ClusterResources resources) implements AutoCloseable {
    static Server start(BaselineStore store, ServerKeys keys, String name) throws Exception {
      var state =
          ControlState.open(
              new ControlSettings(
                  new StaticWorkloadDirectory(List.of()),
                  List.of(),
                  LearningSettings.defaults(),
                  PublicSuffixes.UNKNOWN,
                  keys,
                  store,
                  "postgresql",
                  name,
                  null,
                  ControlSettings.QUEUE),
              AllowListFiles.none(),
              InstantSource.system(),
              ControlState::toLog);
      var settings =
          new KubernetesSettings(
              plane.kubeconfig(), false, true, "cluster.local", "cluster.local", "istio-system");
      return new Server(
          state,
          ClusterResources.open(settings, Path.of(""), Map.of(), state, true, null, null, null));
    }

    /** The mode that an object sets, or null. */
    @Nullable Mode modeOf(String namespace) {
      var said = state.cluster().scopes().get(new ScopeName.Namespace(namespace));
      return said == null ? null : said.mode();
    }

    @Override
    public void close() {
      resources.close();
      state.close();
    }
  }

  @Test
  void ofSeveralServers_oneWrites_andAnotherGoesOnWhenThatEnds() throws Exception {
    plane.namespace("kith", Map.of()); // of the Lease
    plane.namespace("pay", Map.of());
    var store = new InMemoryStore();
    var keys = ServerKeys.ephemeral();
    try (var one = Server.start(store, keys, "one");
        var two = Server.start(store, keys, "two")) {
      Mesh.await(
          "one of them writes",
          Mesh.PATIENCE,
          () -> one.resources().writes() != two.resources().writes());
      Mesh.await(
          "both know it",
          Mesh.PATIENCE,
          () -> one.resources().problem() == null && two.resources().problem() == null);
      var first = one.resources().writes() ? one : two;
      var second = one.resources().writes() ? two : one;
      var scope = scope("mode: shadow").replace("namespace: shop", "namespace: pay");

      plane.apply(scope);
      for (var server : List.of(first, second)) {
        Mesh.await("both follow", Mesh.PATIENCE, () -> server.modeOf("pay") == Mode.SHADOW);
      }
      assertThat(first.state().audit("pay/*", 0, 10)).hasSize(1);
      first.resources().close();
      long begin = System.nanoTime();
      Mesh.await("the other writes", Mesh.PATIENCE, second.resources()::writes);
      IstioMesh.SAY.accept(
          "another server writes after %.1f s".formatted((System.nanoTime() - begin) / 1e9));

      plane.apply(scope.replace("shadow", "observe"));
      Mesh.await("it follows", Mesh.PATIENCE, () -> second.modeOf("pay") == Mode.OBSERVE);
    }
  }

  @Test
  void get_printsWhatAnOperatorWants() throws Exception {
    assertThat(columns("egressallowlists"))
        .containsExactly("Name", "Workload", "Rules", "Accepted", "Applied", "Age");
    assertThat(columns("scopes"))
        .containsExactly("Name", "Covers", "Mode", "Applied", "Enforced", "Reason", "Fails", "Age");
    assertThat(columns("baselines"))
        .containsExactly(
            "Name", "Workload", "Mode", "Stage", "Coverage", "Reviews", "Revision", "Age", "Waits");
  }

  @Test
  void get_ofTheCategory_findsAllKinds() throws Exception {
    var resources = json("/apis/kith.io/v1", "application/json").get("resources");

    var names = new ArrayList<String>();
    for (var resource : resources) {
      if (resource.path("categories").toString().contains("\"kith\"")) {
        names.add(resource.get("name").asText() + " " + resource.get("shortNames"));
      }
    }
    assertThat(names)
        .containsExactlyInAnyOrder(
            "egressallowlists [\"eal\"]", "scopes [\"kscope\"]", "baselines [\"kbl\"]");
  }

  private static List<String> columns(String plural) throws Exception {
    var table =
        json(
            "/apis/kith.io/v1/namespaces/shop/" + plural,
            "application/json;as=Table;v=v1;g=meta.k8s.io");
    var names = new ArrayList<String>();
    for (var column : table.get("columnDefinitions")) {
      if (column.get("priority").asInt() == 0) {
        names.add(column.get("name").asText());
      }
    }
    return names;
  }

  private static JsonNode json(String path, String accept) throws Exception {
    var client = plane.client();
    var http = client.getHttpClient();
    var request =
        http.newHttpRequestBuilder()
            .uri(client.getMasterUrl() + path.substring(1))
            .header("Accept", accept)
            .build();
    return new ObjectMapper().readTree(http.sendAsync(request, String.class).get().body());
  }
}
