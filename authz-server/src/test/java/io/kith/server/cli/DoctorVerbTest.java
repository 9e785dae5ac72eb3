package io.kith.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpServer;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
            Not judged: users of images of shop/deployment/cart, shop/deployment/catalog: their pods""");
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
        "\"annotations\": {\"traffic.sidecar.istio.io/excludeOutboundPorts\": \"3306\"},\n\"ownerReferences\"");

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
          annotations: {kubectl.kubernetes.io/last-applied-configuration: hunter2}
        spec:
          containers:
          - name: batch
            image: private.example.org/batch:1
            command: [run, --password, hunter2]
            env: [{name: PASSWORD, value: hunter2}]
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
        "--dump nowhere|1|no dump of a mesh (expected: a folder as 'kith doctor --collect DIR' writes it",
        "--dump dump --proxy shop/cart-0=http://127.0.0.1:1|2|--dump: asks nobody",
        "--fail-on sometimes|2|--fail-on",
        "|2|no kubeconfig (expected: --kubeconfig FILE, $KUBECONFIG or ~/.kube/config; or --dump DIR)",
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
