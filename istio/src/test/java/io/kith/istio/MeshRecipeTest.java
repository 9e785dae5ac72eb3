package io.kith.istio;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.istio.MeshSettings.Tcp;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class MeshRecipeTest {
  private static final Goldens GOLDENS = new Goldens("mesh", "MeshRecipe");
  private static final String TYPES = "type.googleapis.com/";
  private static final String NETWORK_CHECK =
      "envoy.extensions.filters.network.ext_authz.v3.ExtAuthz";
  private static final String HTTP_CHECK = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";

  private static MeshRecipe recipe(MeshSettings settings) {
    return new MeshRecipe(
        ServerAddress.parse("kith-checks.kith.svc.cluster.local:9191"),
        "spiffe://cluster.local/ns/kith/sa/kith-server",
        settings);
  }

  @Test
  void yaml_baseline_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("baseline.yaml", recipe(MeshSettings.of(Tcp.BASELINE)).yaml());
  }

  @Test
  void yaml_strict_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("strict.yaml", recipe(MeshSettings.of(Tcp.STRICT)).yaml());
  }

  @Test
  void yaml_shortCut_isTheFileInTheRepository() throws IOException {
    GOLDENS.check("short-cut.yaml", recipe(MeshSettings.of(Tcp.BASELINE).withShortCut()).yaml());
  }

  private static MeshRecipe onTheNode(String server, String fallback) {
    return new MeshRecipe(
        ServerAddress.parse(server),
        ServerAddress.parse(fallback),
        "spiffe://cluster.local/ns/kith/sa/check-server",
        MeshSettings.of(Tcp.BASELINE));
  }

  @Test
  void yaml_onTheNode_isTheFileInTheRepository() throws IOException {
    GOLDENS.check(
        "node.yaml",
        onTheNode("check-server.kith.svc.cluster.local:9191", "central.kith.svc.cluster.local:9191")
            .yaml());
  }

  // ---- a fallback

  private static Map<?, ?> cluster(MeshRecipe recipe) {
    var patches = (List<?>) at(recipe.envoyFilter().document(), "spec", "configPatches");
    return (Map<?, ?>) at((Map<?, ?>) patches.getFirst(), "patch", "value");
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.1:9191,               10.0.0.2:9191, STATIC",
    "unix:/run/kith/check.sock,   10.0.0.2:9191, STATIC",
    "check.kith.svc:9191,         10.0.0.2:9191, STRICT_DNS",
    "10.0.0.1:9191,       central.kith.svc:9191, STRICT_DNS",
    "check.kith.svc:9191, central.kith.svc:9191, STRICT_DNS",
  })
  void cluster_withFallback_resolvesNames_andAsksOnlyTheFirstWhetherItIsThere(
      String server, String fallback, String type) {
    var cluster = cluster(onTheNode(server, fallback));

    assertThat(at(cluster, "type")).isEqualTo(type);
    var groups = (List<?>) at(cluster, "load_assignment", "endpoints");
    assertThat(groups).hasSize(2);
    var first = (Map<?, ?>) groups.getFirst();
    var second = (Map<?, ?>) groups.getLast();
    assertThat(at(first, "priority")).isEqualTo(0);
    assertThat(at(second, "priority")).isEqualTo(1);
    assertThat(first.toString()).doesNotContain("disable_active_health_check");
    assertThat(second.toString()).contains("disable_active_health_check=true");
    assertThat(cluster.keySet().contains("health_checks")).isTrue();
  }

  @Test
  void new_nameBehindASocket_isRefused() {
    assertThatThrownBy(() -> onTheNode("unix:/run/kith/check.sock", "central.kith.svc:9191"))
        .hasMessage(
            "fallback: a name (expected: an address; behind a Unix socket Envoy resolves no"
                + " names)");
  }

  // ---- the filters, as maps

  private static Stream<MeshSettings> settings() {
    return Stream.of(Tcp.values())
        .map(MeshSettings::of)
        .flatMap(settings -> Stream.of(settings, settings.withShortCut()));
  }

  /** Configurations of extensions anywhere below; what is wrapped, unwrapped. */
  private static Stream<Map<?, ?>> configs(Object node, String type) {
    return switch (node) {
      case Map<?, ?> map -> {
        var wrapped = (TYPES + type).equals(map.get("type_url"));
        var own =
            (TYPES + type).equals(map.get("@type"))
                ? Stream.<Map<?, ?>>of(map)
                : wrapped
                    ? Stream.<Map<?, ?>>of((Map<?, ?>) requireNonNull(map.get("value")))
                    : Stream.<Map<?, ?>>of();
        yield Stream.concat(own, map.values().stream().flatMap(value -> configs(value, type)));
      }
      case List<?> list -> list.stream().flatMap(value -> configs(value, type));
      default -> Stream.of();
    };
  }

  private static Object document(MeshSettings settings) {
    return recipe(settings).envoyFilter().document();
  }

  private static List<Map<?, ?>> checks(Object document) {
    return Stream.of(NETWORK_CHECK, HTTP_CHECK).flatMap(type -> configs(document, type)).toList();
  }

  private static Object at(Map<?, ?> map, String... path) {
    Object node = map;
    for (var key : path) {
      node = requireNonNull(((Map<?, ?>) node).get(key), key);
    }
    return node;
  }

  @ParameterizedTest
  @MethodSource("settings")
  void check_every_hasItsLimits_andAsksOnlyTheServer(MeshSettings settings) {
    assertThat(checks(document(settings)))
        .hasSizeGreaterThanOrEqualTo(6)
        .allSatisfy(
            check -> {
              assertThat(at(check, "grpc_service", "timeout")).isEqualTo("0.5s");
              assertThat(at(check, "grpc_service", "envoy_grpc", "cluster_name"))
                  .isEqualTo("kith_server");
              assertThat(at(check, "grpc_service", "retry_policy", "num_retries")).isEqualTo(5);
              // else half of the tries of two servers went to the one that is gone
              assertThat(
                      at(check, "grpc_service", "retry_policy", "retry_host_predicate").toString())
                  .contains("previous_hosts");
              // Envoy's limit of one try, too
              assertThat(
                      at(check, "grpc_service", "retry_policy", "retry_back_off", "max_interval"))
                  .isEqualTo("0.5s");
              assertThat(at(check, "transport_api_version")).isEqualTo("V3");
              assertThat(at(check, "stat_prefix")).isEqualTo("kith");
            });
  }

  @ParameterizedTest
  @MethodSource("settings")
  void check_everyInTheMesh_failsClosed_butForTheGateThatIsNotLedTo(MeshSettings settings) {
    var document = document(settings);

    var open =
        checks(document).stream()
            .filter(check -> !Boolean.FALSE.equals(at(check, "failure_mode_allow")))
            .toList();

    assertThat(open).hasSize(settings.tcp() == Tcp.STRICT ? 1 : 0);
    assertThat(
            recipe(settings).envoyFilter().patches().stream()
                .filter(patch -> patch.operation().equals("MERGE"))
                .map(patch -> requireNonNull(patch.value()).toString()))
        .noneMatch(value -> value.contains("kith_gate_open"));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void check_everyOfRequests_keepsSecretsToItself_andTellsFailureFromRefusal(
      MeshSettings settings) {
    assertThat(configs(document(settings), HTTP_CHECK).toList())
        .isNotEmpty()
        .allSatisfy(
            check -> {
              assertThat(at(check, "disallowed_headers", "patterns"))
                  .isEqualTo(List.of(Map.of("exact", "authorization"), Map.of("exact", "cookie")));
              assertThat(at(check, "status_on_error", "code")).isEqualTo("ServiceUnavailable");
            });
  }

  @ParameterizedTest
  @MethodSource("settings")
  void check_every_saysItsDirection_andOutboundItsNode(MeshSettings settings) {
    assertThat(checks(document(settings)))
        .allSatisfy(
            check -> {
              var metadata = metadata(check);
              assertThat(metadata.get("x-kith-direction")).isIn("outbound", "inbound");
              if ("outbound".equals(metadata.get("x-kith-direction"))) {
                assertThat(metadata)
                    .containsEntry("x-kith-node", "%ENVIRONMENT(ISTIO_META_NODE_NAME)%")
                    .containsEntry("x-kith-cluster", "%UPSTREAM_CLUSTER%")
                    .containsKey("x-kith-conn");
              }
            });
  }

  private static Map<Object, Object> metadata(Map<?, ?> check) {
    return ((List<?>) at(check, "grpc_service", "initial_metadata"))
        .stream()
            .map(entry -> (Map<?, ?>) entry)
            .collect(
                Collectors.toMap(
                    entry -> requireNonNull(entry.get("key")),
                    entry -> requireNonNull(entry.get("value"))));
  }

  /** istiod drops a field that it does not know: what only counts would refuse. */
  @ParameterizedTest
  @MethodSource("settings")
  void newFields_areWrapped(MeshSettings settings) {
    assertThat(plain(document(settings)).map(Object::toString))
        .noneMatch(text -> text.contains("shadow_mode") || text.contains("on_downstream_data"));
    assertThat(document(settings).toString()).contains("shadow_mode=true");
  }

  /** All keys of what is not wrapped. */
  private static Stream<Object> plain(Object node) {
    return switch (node) {
      case Map<?, ?> map ->
          map.containsKey("type_url")
              ? Stream.of()
              : Stream.concat(
                  map.keySet().stream(), map.values().stream().flatMap(MeshRecipeTest::plain));
      case List<?> list -> list.stream().flatMap(MeshRecipeTest::plain);
      default -> Stream.of();
    };
  }

  @Test
  void server_isAskedByMutualTls_andHasToProveItsName() {
    var tls =
        configs(
                document(MeshSettings.of(Tcp.BASELINE)),
                "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext")
            .toList();

    assertThat(tls).hasSize(1);
    var common = (Map<?, ?>) at(tls.getFirst(), "common_tls_context");
    assertThat(
            at(
                common,
                "combined_validation_context",
                "default_validation_context",
                "match_typed_subject_alt_names"))
        .isEqualTo(
            List.of(
                Map.of(
                    "san_type",
                    "URI",
                    "matcher",
                    Map.of("exact", "spiffe://cluster.local/ns/kith/sa/kith-server"))));
    assertThat(
            at(
                common,
                "combined_validation_context",
                "validation_context_sds_secret_config",
                "name"))
        .isEqualTo("ROOTCA");
    assertThat(at(common, "tls_certificate_sds_secret_configs").toString())
        .contains("name=default");
    assertThat(at(common, "tls_params", "tls_minimum_protocol_version")).isEqualTo("TLSv1_3");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''          | serverId: '' (expected: a SPIFFE ID, spiffe://DOMAIN/PATH)
          spiffe://   | serverId: 'spiffe://' (expected: a SPIFFE ID, spiffe://DOMAIN/PATH)
          https://x/y | serverId: 'https://x/y' (expected: a SPIFFE ID, spiffe://DOMAIN/PATH)
          """)
  void new_nobodyToProve_isRefused(String id, String message) {
    assertThatThrownBy(
            () ->
                new MeshRecipe(
                    new ServerAddress.Named("kith", 9191), id, MeshSettings.of(Tcp.STRICT)))
        .hasMessage(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ''           | default | NODE  | PT1S     | rootNamespace: empty (expected: istio-system)
          istio-system | ''      | NODE  | PT1S     | revision: empty (expected: default)
          istio-system | default | A)%x  | PT1S     | nodeVariable: 'A)%x' (expected: a name such as ISTIO_META_NODE_NAME)
          istio-system | default | NODE  | PT0S     | timeout: PT0S (expected: at least 1 ms)
          istio-system | default | NODE  | PT0.0009S | timeout: PT0.0009S (expected: at least 1 ms)
          istio-system | default | NODE  | PT-1S    | timeout: PT-1S (expected: at least 1 ms)
          """)
  void settings_wrong_areRefused(
      String namespace, String revision, String variable, Duration timeout, String message) {
    assertThatThrownBy(
            () ->
                new MeshSettings(Tcp.BASELINE, namespace, revision, variable, timeout, true, false))
        .hasMessage(message);
  }
}
