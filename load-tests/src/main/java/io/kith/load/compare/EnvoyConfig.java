package io.kith.load.compare;

import io.kith.baselines.identity.SpiffeId;
import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Identity;
import io.kith.istio.StandaloneRecipe.Redirected;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;

/**
 * Envoy's configuration for one row: the recipe that Kith is delivered with. Whom it asks is
 * another server, or the recipe's filters are gone or are RBAC's; all else is the same.
 *
 * @param pod whose Envoy it is; its own port for what is captured follows from it
 * @param serverPort where whom it asks takes Checks; any where it asks nobody
 */
record EnvoyConfig(Authorizer authorizer, EnvoyShape shape, int pod, int serverPort) {
  private static final String NETWORK = "envoy.filters.network.";
  private static final String HTTP = "envoy.filters.http.";
  private static final String TYPES = "type.googleapis.com/envoy.extensions.filters.";
  private static final int ADMIN_PORTS = 15_101;

  /** Slow answers are measured, and not lost. */
  private static final Duration TIMEOUT = Duration.ofSeconds(10);

  /** Where what the pod sends is redirected to. */
  int capturePort() {
    return StandaloneRecipe.CAPTURE_PORT + pod;
  }

  int adminPort() {
    return ADMIN_PORTS + pod;
  }

  /** Envoy's counter of what the server allowed. */
  String allowedCounter() {
    return switch (shape) {
      case l4 -> "ext_authz.kith.ok";
      case l7 -> "http.http.ext_authz.kith.ok";
      case gate -> "http.gate.ext_authz.kith.ok";
    };
  }

  /**
   * The configuration's text.
   *
   * @param sockets where the SDS of a pod is to be had
   */
  String yaml(Function<SpiffeId, Path> sockets) {
    var text =
        recipe(sockets)
            .yaml()
            .replaceAll(
                "\\b" + StandaloneRecipe.CAPTURE_PORT + "\\b", Integer.toString(capturePort()));
    if (authorizer.asks()) {
      return text;
    }
    var document = new Load(LoadSettings.builder().build()).loadFromString(text);
    return new Dump(DumpSettings.builder().build())
        .dumpToString(exchanged(Objects.requireNonNull(document)));
  }

  private StandaloneRecipe recipe(Function<SpiffeId, Path> sockets) {
    var id = Identities.pod(pod);
    @Nullable Identity identity =
        authorizer.takesTls()
            ? new Identity(sockets.apply(id).toString(), id.toString(), "ROOTCA")
            : null;
    var recipe =
        new StandaloneRecipe(
            "node-1",
            "w" + pod,
            new Address("127.0.0.1", serverPort),
            Identities.SERVER.toString(),
            identity,
            new Redirected(),
            shape == EnvoyShape.gate ? TcpCheck.GATE : TcpCheck.FIRST_BYTE,
            shape == EnvoyShape.l7 ? List.of(Traffic.PORT) : List.of(),
            List.of(),
            false,
            TIMEOUT,
            null,
            adminPort());
    return authorizer == Authorizer.KITH_SHORT_CUT ? recipe.withShortCut() : recipe;
  }

  /** The same without the filters that ask, or with RBAC's in their places. */
  private Object exchanged(Object node) {
    return switch (node) {
      case Map<?, ?> map -> {
        var all = new LinkedHashMap<Object, Object>();
        map.forEach((key, value) -> all.put(key, exchanged(value)));
        yield all;
      }
      case List<?> list ->
          list.stream()
              .flatMap(
                  element -> isCheck(element) ? instead(element) : Stream.of(exchanged(element)))
              .toList();
      default -> node;
    };
  }

  private static boolean isCheck(Object element) {
    return element instanceof Map<?, ?> filter && name(filter).endsWith(".ext_authz");
  }

  private static String name(Object filter) {
    return filter instanceof Map<?, ?> map ? String.valueOf(map.get("name")) : "";
  }

  private Stream<Object> instead(Object filter) {
    if (authorizer == Authorizer.NONE) {
      return Stream.of();
    }
    return Stream.of(
        name(filter).startsWith(HTTP)
            ? filter(HTTP + "rbac", "http.rbac.v3.RBAC", Map.of())
            : filter(NETWORK + "rbac", "network.rbac.v3.RBAC", Map.of("stat_prefix", "rbac")));
  }

  private Map<String, Object> filter(String name, String type, Map<String, Object> more) {
    var config = new LinkedHashMap<String, Object>();
    config.put("@type", TYPES + type);
    config.putAll(more);
    var policy =
        shape == EnvoyShape.gate
            ? Map.of("permissions", toByHeader(), "principals", List.of(fromByHeader()))
            : Map.of("permissions", to(), "principals", List.of(from()));
    config.put("rules", Map.of("action", "ALLOW", "policies", Map.of("kith", policy)));
    return Map.of("name", name, "typed_config", config);
  }

  private static List<Object> to() {
    return forDestinations(
        address ->
            Map.of(
                "and_rules",
                Map.of(
                    "rules",
                    List.of(
                        Map.of("destination_ip", range(address)),
                        Map.of("destination_port", Traffic.PORT)))));
  }

  private Map<String, Object> from() {
    return Map.of("direct_remote_ip", range(Traffic.pod(pod)));
  }

  /** In the gate's own listener the addresses are Envoy's, and the real ones are headers. */
  private static List<Object> toByHeader() {
    return forDestinations(
        address -> header("x-kith-dst", Map.of("exact", address + ":" + Traffic.PORT)));
  }

  private Map<String, Object> fromByHeader() {
    return header("x-kith-src", Map.of("prefix", Traffic.pod(pod) + ":"));
  }

  private static Map<String, Object> header(String name, Map<String, String> match) {
    return Map.of("header", Map.of("name", name, "string_match", match));
  }

  private static Map<String, Object> range(String address) {
    return Map.of("address_prefix", address, "prefix_len", 32);
  }

  private static List<Object> forDestinations(Function<String, Map<String, Object>> rule) {
    return IntStream.range(0, Traffic.DESTINATIONS)
        .mapToObj(Traffic::destination)
        .<Object>map(rule)
        .toList();
  }
}
