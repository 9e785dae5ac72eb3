package io.kith.server.kubernetes.resource;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.istio.doctor.Admission;
import io.kith.server.control.ControlState;
import io.kith.server.control.DeclaredScope;
import io.kith.server.kubernetes.ApiServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a Scope's condition says of the policies that an API server has. */
class AdmissionBoundTest {
  private static final ScopeName SHOP = new ScopeName.Namespace("shop");
  private static final String POLICIES =
      "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";

  private final TreeSet<String> policies = new TreeSet<>(Admission.policies());
  private final Map<String, String> bindings = new TreeMap<>();
  private final AtomicInteger requests = new AtomicInteger();
  private Instant now = Instant.parse("2027-01-01T12:00:00Z");
  private volatile int refuses;
  private HttpServer server;
  private KubernetesClient client;
  private ControlState state;
  private AdmissionBound bound;

  @BeforeEach
  void start() throws Exception {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::answer);
    server.start();
    client =
        ApiServer.client(
            new ConfigBuilder(Config.empty())
                .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                .build());
    var config = KithConfig.parse("kith.yaml", "workloads: []", Map.of());
    state = ControlState.of(config, new StaticWorkloadDirectory(List.of()), () -> now);
    bound =
        new AdmissionBound(
            new KubernetesApi(client, () -> false)::admission, state.cluster(), () -> now);
    policies.forEach(policy -> bindings.put(policy, "{}"));
  }

  @AfterEach
  void stop() {
    state.close();
    client.close();
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      requests.incrementAndGet();
      var page = refuses > 0 ? null : page(exchange.getRequestURI().getPath());
      var status = refuses > 0 ? refuses : page == null ? 404 : 200;
      var body =
          (page == null
                  ? "{\"kind\": \"Status\", \"code\": %d, \"message\": \"refused\"}"
                      .formatted(status)
                  : page)
              .getBytes(UTF_8);
      exchange.getResponseHeaders().add("Content-Type", "application/json");
      exchange.sendResponseHeaders(status, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  /** Items of lists have no kind. */
  private synchronized @Nullable String page(String path) {
    return switch (path) {
      case "/api/v1/namespaces" ->
          list(
              Stream.of("shop", "ops", "office")
                  .map(
                      name ->
                          "{\"metadata\": {\"name\": \"%s\", \"labels\": {\"istio-injection\":"
                                  .formatted(name)
                              + " \"enabled\"}}}"));
      case "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings" ->
          list(
              bindings.entrySet().stream()
                  .map(
                      one ->
                          "{\"metadata\": {\"name\": \"%1$s\"}, \"spec\": {\"policyName\": \"%1$s\","
                                  .formatted(one.getKey())
                              + " \"validationActions\": [\"Deny\"], \"matchResources\": "
                              + one.getValue()
                              + "}}"));
      default ->
          path.startsWith(POLICIES + "/")
                  && policies.contains(path.substring(POLICIES.length() + 1))
              ? "{\"apiVersion\": \"admissionregistration.k8s.io/v1\", \"kind\":"
                  + " \"ValidatingAdmissionPolicy\", \"metadata\": {\"name\": \"%s\"}}"
                      .formatted(path.substring(POLICIES.length() + 1))
              : null;
    };
  }

  private static String list(Stream<String> items) {
    return "{\"metadata\": {}, \"items\": [" + items.collect(Collectors.joining(", ")) + "]}";
  }

  private String words(ScopeName scope) {
    var condition = bound.of(scope);
    return condition.type().word()
        + " "
        + condition.status().word()
        + " "
        + condition.reason().word()
        + (condition.message().isEmpty() ? "" : ": " + condition.message());
  }

  @Test
  void of_aScopeWhosePoliciesDeny_isTrue() {
    assertThat(words(SHOP)).isEqualTo("AdmissionBound True Bound");
    assertThat(words(new ScopeName.One(Owner.parse("shop/deployment/cart"))))
        .isEqualTo("AdmissionBound True Bound");
  }

  @Test
  void of_aScopeOfWhichAPolicyIsGone_orNotBoundThere_saysWhichAndWhatToDo() {
    policies.remove("kith-sessions");
    bindings.remove("kith-failure-modes");
    bindings.put("kith-pods", "{\"namespaceSelector\": {\"matchLabels\": {\"office\": \"yes\"}}}");

    assertThat(words(SHOP))
        .isEqualTo(
            "AdmissionBound False NotBound: no binding of kith-pods, kith-failure-modes with Deny"
                + " selects shop; there is no policy kith-sessions: helm upgrade kith CHART -n kith"
                + " --reuse-values --set"
                + " admission.enabled=true,admission.pods=all,admission.meshResources=true   # or"
                + " scopes.shop=enforce, if all of it is to be enforced");
  }

  @Test
  void of_theMesh_isAboutNamespacesWithInjection_thatHaveNoScopeOfTheirOwn() throws Exception {
    bindings.put(
        "kith-pods",
        """
        {"namespaceSelector": {"matchExpressions":
          [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop", "office"]}]}}
        """);
    state.cluster().declare(SHOP, new DeclaredScope("shop/all", Mode.OBSERVE, null, null), "ada");

    assertThat(words(new ScopeName.Mesh()))
        .startsWith(
            "AdmissionBound False NotBound: no binding of kith-pods with Deny selects office:");

    for (var namespace : List.of("ops", "office")) {
      state
          .cluster()
          .declare(
              new ScopeName.Namespace(namespace),
              new DeclaredScope(namespace + "/all", Mode.OBSERVE, null, null),
              "ada");
    }

    assertThat(words(new ScopeName.Mesh()))
        .isEqualTo(
            "AdmissionBound Unknown NoNamespaces: no namespace with injection is without a scope of"
                + " its own");
  }

  @Test
  void of_anyScope_whereTheServerMayNotRead_isUnknown_withWhatItNeeds() {
    refuses = 403;

    assertThat(words(SHOP))
        .isEqualTo(
            "AdmissionBound Unknown NotRead: 403 refused; it is tried again (the server's account"
                + " needs get of validatingadmissionpolicies, and list of"
                + " validatingadmissionpolicybindings and namespaces: helm upgrade kith CHART -n"
                + " kith --reset-then-reuse-values)");
  }

  @Test
  void of_anyScope_whereTheApiServerDoesNotAnswer_isUnknown_andAskedAgainLater() {
    refuses = 503;
    assertThat(words(SHOP))
        .isEqualTo("AdmissionBound Unknown NotRead: 503 refused; it is tried again");
    refuses = 0;
    assertThat(words(SHOP)).startsWith("AdmissionBound Unknown");
    now = now.plus(AdmissionBound.KNOWN);

    assertThat(words(SHOP)).isEqualTo("AdmissionBound True Bound");
    var asked = requests.get();
    assertThat(words(SHOP)).isEqualTo("AdmissionBound True Bound");
    assertThat(requests).hasValue(asked);
  }

  /** It must not keep a server from following the objects. */
  @Test
  void of_anyScope_whereTheAnswerIsNotUnderstood_isUnknown() {
    bindings.put("kith-pods", "[]");

    assertThat(words(SHOP)).startsWith("AdmissionBound Unknown NotRead: ");
  }
}
