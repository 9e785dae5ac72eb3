package io.kith.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.sun.net.httpserver.HttpServer;
import io.kith.istio.doctor.Rule;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(600)
class DoctorVerbTest {
  private static final Path CLEAN =
      Path.of("..", "istio", "src", "test", "resources", "doctor", "clean");

  @TempDir Path folder;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private Path dump;

  @BeforeEach
  void copyCleanDump() throws IOException {
    dump = folder.resolve("dump");
    try (var all = Files.walk(CLEAN)) {
      for (var one : all.toList()) {
        Files.copy(one, dump.resolve(CLEAN.relativize(one).toString()));
      }
    }
  }

  private int kith(String... arguments) {
    return kith(Map.of(), arguments);
  }

  private int kith(Map<String, String> environment, String... arguments) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    var all = new ArrayList<>(List.of("doctor"));
    all.addAll(List.of(arguments));
    return Kith.run(
        new Surroundings(
            environment, folder, "ada", new PrintWriter(out, true), new PrintWriter(err, true)),
        all.toArray(String[]::new));
  }

  private JsonObject report() {
    return JsonParser.parseString(out.toString()).getAsJsonObject();
  }

  private List<String> rules() {
    var rules = new ArrayList<String>();
    report()
        .getAsJsonArray("findings")
        .forEach(one -> rules.add(one.getAsJsonObject().get("rule").getAsString()));
    return rules;
  }

  private void replace(String file, String what, String by) throws IOException {
    var path = dump.resolve(file);
    var text = Files.readString(path);
    assertThat(text).contains(what);
    Files.writeString(path, text.replace(what, by));
  }

  // ---- dumps

  @Test
  void dump_withoutFault_isZero_andSaysWhatWasNotJudged() {
    assertThat(kith("--dump", "dump", "--fail-on", "note")).as(err.toString()).isZero();

    assertThat(out.toString())
        .startsWith(
            """
            0 errors, 0 warnings, 0 notes; 2 sidecars judged.
            Not judged: version of istiod: no pod labelled app=istiod
            Not judged: users of images of shop/deployment/cart, shop/deployment/catalog: their pods\
            """);
  }

  @Test
  void dump_withAFault_saysWhatItMeans_andTheChange() throws Exception {
    replace("kith/status.json", "\"mode\": \"observe\"", "\"mode\": \"enforce\"");

    assertThat(kith("--dump", "dump")).isEqualTo(4);

    assertThat(out.toString())
        .startsWith(
            """
            error open-under-enforce: shop/deployment/cart (cart-0)
                seen: mode enforce, and failure_mode_allow in kith.connection, kith.request
            """)
        .contains(
            """
                change:
                  kith istio overlay shop/deployment/cart --label app=cart --failure closed | kubectl apply -f -
                more: docs/doctor.md#open-under-enforce
            """)
        .contains("2 errors, 0 warnings, 0 notes; 2 sidecars judged.");
  }

  @ParameterizedTest
  @CsvSource({"error,0", "warning,4", "note,4", "never,0"})
  void failOn_saysFromWhereOnItFails(String severity, int code) throws Exception {
    replace(
        "objects/pod.json",
        "\"ownerReferences\"",
        "\"annotations\": {\"traffic.sidecar.istio.io/excludeOutboundPorts\": \"3306\"},\n"
            + "\"ownerReferences\"");

    assertThat(kith("--dump", "dump", "--fail-on", severity, "-o", "json")).isEqualTo(code);

    assertThat(rules()).containsOnly("excluded-traffic");
    assertThat(report().get("warnings").getAsInt()).isEqualTo(2);
  }

  @Test
  void namespace_limitsWhatIsJudged() throws Exception {
    replace("kith/status.json", "\"mode\": \"observe\"", "\"mode\": \"enforce\"");

    assertThat(kith("--dump", "dump", "-n", "elsewhere", "-o", "json")).isZero();
    assertThat(report().get("sidecars").getAsInt()).isZero();
    assertThat(kith("--dump", "dump", "-n", "shop", "-o", "json")).isEqualTo(4);
    assertThat(report().get("sidecars").getAsInt()).isEqualTo(2);
  }

  @Test
  void brokenFiles_areFindings_andTheRestIsJudged() throws Exception {
    Files.writeString(dump.resolve("objects/more.yaml"), "kind: [unclosed\n");
    Files.writeString(dump.resolve("objects/empty.yaml"), "");
    Files.writeString(dump.resolve("objects/list.json"), "[1, 2]");
    Files.writeString(dump.resolve("proxies/shop.cart-0.json"), "{\"configs\": [");

    assertThat(kith("--dump", "dump", "-o", "json")).isEqualTo(4);

    assertThat(rules()).containsExactly("unread", "unread", "unread", "unread-sidecar");
    assertThat(out.toString())
        .contains(
            "\"subject\": \"objects/empty.yaml\"",
            "is empty",
            "\"subject\": \"objects/list.json\"",
            "is not a JSON object",
            "\"subject\": \"objects/more.yaml\"",
            "is not YAML: ",
            "proxies/shop.cart-0.json is not JSON: ");
    assertThat(report().get("sidecars").getAsInt()).isEqualTo(1);
  }

  /** Every fault that a mesh can have beside all others. */
  @Test
  void dumpWithEveryFault_hasEachRule_andNoOther() throws Exception {
    Files.writeString(dump.resolve("objects/broken.yaml"), "kind: [unclosed\n");
    Files.writeString(dump.resolve("objects/faults.yaml"), FAULTS);
    Files.createDirectories(dump.resolve("istiod"));
    Files.writeString(
        dump.resolve("istiod/istiod-1.json"),
        """
        {"version": "1.33.1-ab12-Clean",
         "sidecars": [{"proxy": "cart-0.shop", "listener_sent": "2", "listener_acked": "1"}]}
        """);
    Files.writeString(
        dump.resolve("kith/metrics.txt"), "kith_guard_refused_total{reason=\"proxy_user\"} 12\n");
    Files.writeString(
        dump.resolve("proxies/shop.cart-0.stats"), "server.dynamic_unknown_fields: 26\n");
    edit(
        "objects/configmap.json",
        one -> one.has("values"),
        data -> data.addProperty("values", "{global: {proxy: {excludeIPRanges: 10.7.0.0/16}}}"));
    edit(
        "kith/status.json",
        one -> one.has("owner") && one.get("owner").getAsString().endsWith("/catalog"),
        workload -> workload.addProperty("mode", "enforce"));
    edit(
        "kith/status.json",
        one -> one.has("canary_ok"),
        bridge -> bridge.addProperty("canary_ok", false));
    edit(
        "collected.json",
        one -> one.has("at"),
        collected -> {
          var later = Instant.parse(collected.get("at").getAsString()).plus(Duration.ofHours(25));
          collected.addProperty("at", later.toString());
          var cart = collected.getAsJsonObject("proxies").getAsJsonObject("shop/cart-0");
          cart.addProperty(
              "clock", Instant.parse(cart.get("asked").getAsString()).plusSeconds(95).toString());
        });
    edit(
        "proxies/shop.catalog-0.json",
        one -> one.has("dynamic_active_clusters"),
        clusters -> clusters.add("dynamic_active_clusters", new JsonArray()));
    editCart();

    assertThat(kith("--dump", "dump", "-o", "json")).isEqualTo(4);

    assertThat(new TreeSet<>(rules()))
        .isEqualTo(
            Arrays.stream(Rule.values())
                .filter(rule -> !APART.contains(rule))
                .map(Rule::id)
                .collect(Collectors.toCollection(TreeSet::new)));
  }

  /** Those of another recipe, and what is less than a certificate that is over. */
  private static final Set<Rule> APART =
      Set.of(Rule.NOT_GATED, Rule.REGISTRY_ONLY_WITH_STRICT, Rule.CERTIFICATE_ENDING);

  private static final String FAULTS =
      """
      apiVersion: networking.istio.io/v1alpha3
      kind: EnvoyFilter
      metadata: {name: faster, namespace: shop}
      spec:
        configPatches:
        - applyTo: NETWORK_FILTER
          match: {context: SIDECAR_OUTBOUND, listener: {filterChain: {filter: {name: kith.connection}}}}
          patch: {operation: REMOVE}
      ---
      apiVersion: networking.istio.io/v1
      kind: Sidecar
      metadata: {name: default, namespace: shop}
      spec: {egress: [{port: {number: 5432, protocol: TCP, name: db}, captureMode: NONE, hosts: ["./*"]}]}
      ---
      kind: Service
      metadata: {name: edge, namespace: shop}
      spec: {ports: [{name: http3, port: 443, protocol: UDP}]}
      ---
      kind: Pod
      metadata: {name: old-0, namespace: shop}
      spec: {nodeName: node-1, containers: [{name: job, image: job}]}
      status: {phase: Running}
      ---
      kind: Pod
      metadata: {name: asked-0, namespace: shop, labels: {sidecar.istio.io/inject: "false"}}
      spec: {nodeName: node-1, containers: [{name: job, image: job}]}
      status: {phase: Running}
      ---
      kind: Pod
      metadata: {name: host-0, namespace: shop}
      spec: {nodeName: node-1, hostNetwork: true, containers: [{name: job, image: job}]}
      status: {phase: Running}
      ---
      kind: Pod
      metadata: {name: own-0, namespace: shop}
      spec: {nodeName: node-1, hostUsers: false, containers: [{name: istio-proxy, image: proxyv2}]}
      status: {phase: Running}
      ---
      kind: Pod
      metadata: {name: none-0, namespace: shop, annotations: {sidecar.istio.io/interceptionMode: NONE}}
      spec: {nodeName: node-1, containers: [{name: istio-proxy, image: proxyv2}]}
      status: {phase: Running}
      ---
      kind: Pod
      metadata:
        name: worst-0
        namespace: shop
        annotations: {traffic.sidecar.istio.io/excludeOutboundPorts: "3306", sidecar.istio.io/proxyImage: mine}
      spec:
        nodeName: node-2
        hostPID: true
        initContainers: [{name: early, image: job}]
        containers:
        - {name: istio-proxy, image: proxyv2}
        - {name: proxys, image: job, securityContext: {runAsUser: 1337}}
        - {name: raw, image: job, securityContext: {capabilities: {add: [NET_RAW]}}}
      status: {phase: Running, podIPs: [{ip: 10.88.0.9}, {ip: "fd00::9"}]}
      ---
      kind: Pod
      metadata: {name: server-0, namespace: kith, labels: {app.kubernetes.io/name: kith}}
      spec: {nodeName: node-1, containers: [{name: kith, image: "example.org/kith:0.2.0"}]}
      ---
      kind: Pod
      metadata: {name: bridge-0, namespace: kith, labels: {app.kubernetes.io/name: kith}}
      spec: {nodeName: node-1, containers: [{name: kith, image: "example.org/kith:0.1.0"}]}
      ---
      kind: Scope
      metadata: {name: all, namespace: ops}
      spec: {mode: enforce}
      ---
      kind: ValidatingAdmissionPolicyBinding
      metadata: {name: pods}
      spec: {policyName: kith-pods, validationActions: [Warn]}
      """;

  private void editCart() throws IOException {
    var file = "proxies/shop.cart-0.json";
    edit(
        file,
        named("virtualOutbound-catchall-tcp"),
        chain -> chain.getAsJsonArray("filters").remove(0));
    edit(
        file,
        one -> one.has("http_filters"),
        manager -> {
          var without = new JsonArray();
          for (var filter : manager.getAsJsonArray("http_filters")) {
            if (!named("kith.request").test(filter.getAsJsonObject())) {
              without.add(filter);
            }
          }
          without.add(
              JsonParser.parseString(
                  "{name: mine, typed_config: {'@type': envoy.extensions.filters.http.lua.v3.Lua}}"));
          manager.add("http_filters", without);
        });
    edit(
        file,
        one -> one.has("configs"),
        config ->
            config
                .getAsJsonArray("configs")
                .add(
                    JsonParser.parseString(
                        "{dynamic_route_configs: [{request_mirror_policies: [{cluster: copies}]}]}")));
    edit(
        file,
        named("kith.connection"),
        filter -> {
          var config = filter.getAsJsonObject("typed_config");
          config.addProperty("shadow_mode", true);
          config.remove("failure_mode_allow");
          config.remove("include_tls_session");
        });
    edit(
        file,
        one -> one.has("health_status"),
        endpoint -> endpoint.addProperty("health_status", "UNHEALTHY"));
    edit(
        file,
        one -> one.has("match_typed_subject_alt_names"),
        context -> context.remove("match_typed_subject_alt_names"));
    edit(
        file,
        one -> one.has("admin"),
        bootstrap ->
            bootstrap.add(
                "admin",
                JsonParser.parseString(
                    "{\"address\": {\"socket_address\": {\"address\": \"0.0.0.0\", \"port_value\":"
                        + " 15000}}}")));
    edit(file, one -> one.has("minor_number"), version -> version.addProperty("minor_number", 33));
    edit(
        file,
        named("virtualOutbound").and(one -> one.has("active_state")),
        listener ->
            listener.add(
                "error_state", JsonParser.parseString("{\"details\": \"no such filter\"}")));
    edit(file, one -> one.has("listener_filters"), one -> one.remove("listener_filters"));
  }

  private static Predicate<JsonObject> named(String name) {
    return one -> one.get("name") instanceof JsonPrimitive text && text.getAsString().equals(name);
  }

  /** Changes every object in a file that a condition holds for; there has to be one. */
  private void edit(String file, Predicate<JsonObject> which, Consumer<JsonObject> change)
      throws IOException {
    var path = dump.resolve(file);
    var tree = JsonParser.parseString(Files.readString(path));
    assertThat(edit(tree, which, change)).as(file).isPositive();
    Files.writeString(path, tree.toString());
  }

  private static int edit(
      JsonElement tree, Predicate<JsonObject> which, Consumer<JsonObject> change) {
    var changed = 0;
    if (tree instanceof JsonObject object) {
      if (which.test(object)) {
        change.accept(object);
        changed++;
      }
      for (var entry : List.copyOf(object.entrySet())) {
        changed += edit(entry.getValue(), which, change);
      }
    } else if (tree instanceof JsonArray array) {
      for (var one : array) {
        changed += edit(one, which, change);
      }
    }
    return changed;
  }

  @Test
  void dumpMadeByHand_needsNeitherCollectedNorStatus() throws Exception {
    Files.delete(dump.resolve("collected.json"));
    Files.delete(dump.resolve("kith/status.json"));
    Files.writeString(
        dump.resolve("objects/scope.yaml"),
        """
        apiVersion: kith.io/v1
        kind: Scope
        metadata: {name: shop, namespace: shop}
        spec: {mode: enforce}
        """);

    kith("--dump", "dump", "-o", "json");

    assertThat(rules()).contains("open-under-enforce");
    assertThat(out.toString()).contains("no status of its server was asked");
  }

  @Test
  void collectOfADump_leavesOutWhatIsNobodysBusiness() throws Exception {
    Files.writeString(
        dump.resolve("objects/secretive.yaml"),
        """
        apiVersion: v1
        kind: Secret
        metadata: {name: s, namespace: shop}
        data: {password: aHVudGVyMg==}
        ---
        apiVersion: v1
        kind: Pod
        metadata:
          name: batch-0
          namespace: tools
          annotations:
            kubectl.kubernetes.io/last-applied-configuration: hunter2
            proxy.istio.io/config: "proxyMetadata: {PASSWORD: hunter2}"
            sidecar.istio.io/userVolume: hunter2
        spec:
          containers:
          - name: batch
            image: private.example.org/batch:1
            command: [run, --password, hunter2]
            env: [{name: PASSWORD, value: hunter2}]
            volumeMounts: [{name: hunter2, mountPath: /hunter2}]
        ---
        apiVersion: networking.istio.io/v1alpha3
        kind: EnvoyFilter
        metadata: {name: lua, namespace: tools}
        spec:
          configPatches:
          - applyTo: HTTP_FILTER
            patch: {operation: INSERT_FIRST, value: {name: lua, typed_config: {inline_code: hunter2}}}
        """);
    replace(
        "proxies/shop.cart-0.json",
        "\"configs\": [",
        "\"configs\": [{\"@type\": \"x\", \"static_route_configs\": [\"hunter2\"]},"
            + "{\"dynamic_active_secrets\": [{\"name\": \"k\", \"secret\": {\"tls_certificate\":"
            + " {\"private_key\": {\"inline_string\": \"hunter2\"}}}}]},");

    assertThat(kith("--dump", "dump", "--collect", "ticket")).as("%s%s", out, err).isZero();

    try (var files = Files.walk(folder.resolve("ticket"))) {
      assertThat(files.filter(Files::isRegularFile).map(DoctorVerbTest::read))
          .isNotEmpty()
          .noneMatch(text -> text.contains("hunter2") || text.contains("aHVudGVyMg"))
          .noneMatch(text -> text.contains("private.example.org"));
    }
    assertThat(err.toString()).startsWith("kith: written to ticket: ");
    assertThat(kith("--dump", "dump", "--collect", "ticket")).isEqualTo(1);
    assertThat(err.toString()).contains("ticket: is not empty (expected: a name that is free)");
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ---- arguments

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--dump nowhere|1|no dump of a mesh (expected: a folder as 'kith doctor --collect DIR'"
            + " writes it",
        "--dump dump --proxy shop/cart-0=http://127.0.0.1:1|2|--dump: asks nobody",
        "--fail-on sometimes|2|--fail-on",
        "|2|no kubeconfig (expected: --kubeconfig FILE, $KUBECONFIG or ~/.kube/config; or --dump"
            + " DIR)",
        "--kubeconfig nowhere|1|nowhere",
      })
  void refuses_whatCannotBeMeant(String arguments, int code, String message) {
    var words = arguments == null ? new String[0] : arguments.split(" ");

    assertThat(kith(words)).isEqualTo(code);

    assertThat(err.toString()).contains(message);
    assertThat(out.toString()).isEmpty();
  }

  // ---- an API server that answers in part

  private final Map<String, String> pages = new HashMap<>();
  private @Nullable HttpServer api;

  @AfterEach
  void stopApi() {
    if (api != null) {
      api.stop(0);
    }
  }

  /** Answers with pages by their path and query, and forbids the rest. */
  private Path kubeconfig() throws IOException {
    var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    api = server;
    server.createContext(
        "/",
        exchange -> {
          try (exchange) {
            var page = pages.get(exchange.getRequestURI().toString());
            var body =
                (page == null
                        ? "{\"kind\": \"Status\", \"code\": 403, \"message\": \"not for ada\"}"
                        : page)
                    .getBytes(UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(page == null ? 403 : 200, body.length);
            exchange.getResponseBody().write(body);
          }
        });
    server.start();
    return kubeconfig(server.getAddress().getPort());
  }

  private Path kubeconfig(int port) throws IOException {
    return Files.writeString(
        folder.resolve("kubeconfig"),
        """
        apiVersion: v1
        kind: Config
        clusters: [{name: c, cluster: {server: "http://127.0.0.1:%d"}}]
        users: [{name: u, user: {token: "t"}}]
        contexts: [{name: x, context: {cluster: c, user: u}}]
        current-context: x
        """
            .formatted(port));
  }

  @Test
  void apiServerThatForbids_isAFinding_andTheRestIsJudged_inPages() throws Exception {
    var config = kubeconfig();
    pages.put(
        "/api/v1/pods?limit=500",
        """
        {"metadata": {"continue": "a b"}, "items": [{"metadata": {"namespace": "shop", "name": "cart-0"},
          "spec": {"nodeName": "node-1", "containers": [{"name": "istio-proxy"}]}}]}
        """);
    pages.put(
        "/api/v1/pods?limit=500&continue=a+b",
        """
        {"metadata": {}, "items": [{"metadata": {"namespace": "shop", "name": "job-0"}, "spec": {"hostNetwork": true}}]}
        """);
    pages.put(
        "/api/v1/namespaces?limit=500",
        """
        {"items": [{"metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}]}
        """);

    assertThat(kith(Map.of("KUBECONFIG", config.toString()), "-o", "json")).isEqualTo(4);

    assertThat(rules()).startsWith("unread").contains("unread-sidecar", "host-network");
    assertThat(out.toString())
        .contains(
            "\"subject\": \"envoyfilters\"",
            "not for ada",
            "kubectl auth can-i list envoyfilters -A")
        .contains("its port cannot be forwarded: ");
  }

  /** Nobody named a server or its metrics: those in the cluster are asked, if that may be done. */
  @Test
  void serversOfKith_thatMayNotBeAsked_areNotJudged() throws Exception {
    var config = kubeconfig();
    pages.put("/api/v1/pods?limit=500", "{\"items\": []}");
    var environment = Map.of("KUBECONFIG", config.toString());

    kith(environment, "-o", "json");

    assertThat(notJudged())
        .contains("servers of Kith: pods in kith cannot be listed: not for ada")
        .anyMatch(one -> one.startsWith("guard counts: no metrics of Kith's servers were read"))
        .anyMatch(one -> one.startsWith("bridges and versions of Kith: no status of its server"));

    pages.put(
        "/api/v1/namespaces/authz/pods?labelSelector=app.kubernetes.io%2Fname%3Dkith%2Ckith.io%2Fmetrics%3Dtrue",
        """
        {"apiVersion": "v1", "kind": "PodList", "items": [
          {"metadata": {"name": "kith-node-x", "namespace": "authz", "labels": {"app.kubernetes.io/component": "node"}}},
          {"metadata": {"name": "kith-control-0", "namespace": "authz", "labels": {"app.kubernetes.io/component": "control"}}}]}
        """);
    kith(environment, "--kith", "authz", "-o", "json");

    assertThat(notJudged())
        .anyMatch(one -> one.startsWith("status of Kith by kith-control-0: nothing can be run in"))
        .noneMatch(one -> one.startsWith("status of Kith by kith-node-x"))
        .anyMatch(
            one -> one.startsWith("guard counts of kith-node-x: its port cannot be forwarded"))
        .anyMatch(
            one -> one.startsWith("guard counts of kith-control-0: its port cannot be forwarded"));

    pages.put(
        "/api/v1/namespaces/kith/pods?labelSelector=app.kubernetes.io%2Fname%3Dkith%2Ckith.io%2Fmetrics%3Dtrue",
        "{\"apiVersion\": \"v1\", \"kind\": \"PodList\", \"items\": []}");
    kith(environment, "--collect", "seen", "-o", "json");
    var live = notJudged();
    kith("--dump", "seen", "-o", "json");

    assertThat(live)
        .anyMatch(one -> one.startsWith("servers of Kith: no pod in kith has the labels"))
        .isEqualTo(notJudged());
  }

  private List<String> notJudged() {
    return report().getAsJsonArray("not_judged").asList().stream()
        .map(JsonElement::getAsString)
        .toList();
  }

  @Test
  void apiServerThatIsNotThere_isSaid() throws Exception {
    var config = kubeconfig(1);

    assertThat(kith("--kubeconfig", config.toString())).isEqualTo(3);

    assertThat(err.toString()).contains("the API server at http://127.0.0.1:1/ does not answer: ");
  }

  @Test
  void serverOfKithThatWasNamed_andIsNotThere_isSaid() throws Exception {
    var config = kubeconfig();

    assertThat(kith("--kubeconfig", config.toString(), "--server", "unix:/nowhere.sock"))
        .isEqualTo(3);

    assertThat(err.toString()).contains("no server at unix:/nowhere.sock");
  }
}
