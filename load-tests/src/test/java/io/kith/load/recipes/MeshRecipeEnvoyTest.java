package io.kith.load.recipes;

import static io.kith.load.recipes.PatchedSidecar.HTTP_MANAGER;
import static io.kith.load.recipes.PatchedSidecar.filters;
import static io.kith.load.recipes.PatchedSidecar.httpFilters;
import static io.kith.load.recipes.PatchedSidecar.names;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.istio.FailureMode;
import io.kith.istio.FailureMode.Approved;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshRecipe;
import io.kith.istio.MeshScope;
import io.kith.istio.MeshSettings;
import io.kith.istio.MeshSettings.Tcp;
import io.kith.istio.ServerAddress;
import io.kith.load.tools.Command;
import io.kith.load.tools.Command.Outcome;
import io.kith.load.tools.Envoy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What becomes of a sidecar's configuration, and that Envoy takes every field of it. */
@Timeout(600)
class MeshRecipeEnvoyTest {
  private static final FailureMode FLOOR =
      new FailureMode.Floor(
          List.of(
              Approved.parse("catalog.shop.svc.cluster.local:80"),
              Approved.parse("10.7.0.0/16:3306"),
              Approved.parse("[fd00::/64]:3306"),
              new FailureMode.ApprovedService(
                  List.of("10.96.0.7/32", "fd00:0:0:0:0:0:0:7/128"),
                  List.of("10.96.0.7", "catalog.shop", "catalog.shop.svc.cluster.local"),
                  8080),
              new FailureMode.ApprovedService(List.of("10.8.0.0/16"), List.of(), 25)));
  private static Envoy envoy;

  @TempDir Path folder;

  @BeforeAll
  static void find() throws InterruptedException {
    envoy = Envoy.find(System.err::println);
  }

  private static MeshSettings settings(Tcp tcp, boolean shortCut) {
    var settings = MeshSettings.of(tcp);
    return shortCut ? settings.withShortCut() : settings;
  }

  private static String recipe(MeshSettings settings) {
    return new MeshRecipe(
            ServerAddress.parse("kith-checks.kith.svc.cluster.local:9191"),
            "spiffe://cluster.local/ns/kith/sa/kith-server",
            settings)
        .yaml();
  }

  private static String overlay(MeshSettings settings, MeshScope scope, FailureMode mode) {
    return new MeshOverlay(settings, scope, mode).yaml();
  }

  private Outcome validate(String yaml) throws IOException, InterruptedException {
    var file = Files.writeString(folder.resolve("envoy.yaml"), yaml);
    return Command.run(
        Duration.ofMinutes(2),
        List.of(
            envoy.program().toString(),
            "--mode",
            "validate",
            "--log-level",
            "warning",
            "-c",
            file.toString()));
  }

  static Stream<Arguments> all() {
    return Stream.of(Tcp.values())
        .flatMap(
            tcp ->
                Stream.of(false, true)
                    .flatMap(
                        shortCut ->
                            Stream.of(new FailureMode.Open(), new FailureMode.Closed(), FLOOR)
                                .map(mode -> Arguments.of(tcp, shortCut, mode))));
  }

  @ParameterizedTest
  @MethodSource("all")
  void recipe_withOverlay_isTakenByEnvoyWithoutAWarning(Tcp tcp, boolean shortCut, FailureMode mode)
      throws Exception {
    var settings = settings(tcp, shortCut);
    var sidecar =
        new PatchedSidecar(recipe(settings), overlay(settings, MeshScope.namespace("shop"), mode));

    var outcome = validate(sidecar.yaml());

    assertThat(outcome.succeeded()).as(outcome.output()).isTrue();
    assertThat(outcome.output()).doesNotContain("Deprecated", "unknown");
  }

  @ParameterizedTest
  @EnumSource(Tcp.class)
  void recipe_alone_isTakenByEnvoy(Tcp tcp) throws Exception {
    for (var address :
        List.of("10.96.0.10:9191", "[fd00::10]:9191", "unix:/run/kith/checks.sock")) {
      var recipe =
          new MeshRecipe(ServerAddress.parse(address), "spiffe://td/kith", MeshSettings.of(tcp));
      var outcome = validate(new PatchedSidecar(recipe.yaml()).yaml());

      assertThat(outcome.succeeded()).as(outcome.output()).isTrue();
    }
  }

  @Test
  void recipe_withFallback_isTakenByEnvoy() throws Exception {
    var named = ServerAddress.parse("central.kith.svc.cluster.local:9191");
    var numeric = ServerAddress.parse("10.96.0.10:9191");
    for (var recipe :
        List.of(
            withFallback(ServerAddress.parse("check.kith.svc.cluster.local:9191"), named),
            withFallback(numeric, named),
            withFallback(ServerAddress.parse("unix:/run/kith/check.sock"), numeric))) {
      var outcome = validate(new PatchedSidecar(recipe.yaml()).yaml());

      assertThat(outcome.succeeded()).as(outcome.output()).isTrue();
      assertThat(outcome.output()).doesNotContain("Deprecated", "unknown");
    }
  }

  private static MeshRecipe withFallback(ServerAddress server, ServerAddress fallback) {
    return new MeshRecipe(server, fallback, "spiffe://td/kith", MeshSettings.of(Tcp.BASELINE));
  }

  /** Also in what is wrapped: else the test above would say nothing. */
  @Test
  void envoy_fieldThatDoesNotExist_isRefused() throws Exception {
    var yaml = new PatchedSidecar(recipe(settings(Tcp.BASELINE, false))).yaml();

    for (var field : List.of("shadow_mode", "disallowed_headers")) {
      var outcome = validate(yaml.replace(field, field + "s"));

      assertThat(outcome.succeeded()).as(field).isFalse();
      assertThat(outcome.output()).contains(field + "s");
    }
  }

  /** Chains that end in something else than HTTP have one that refuses, others one that counts. */
  @ParameterizedTest
  @EnumSource(Tcp.class)
  void outbound_everyChain_isChecked(Tcp tcp) {
    var sidecar = new PatchedSidecar(recipe(settings(tcp, true)));

    assertThat(sidecar.chains(true))
        .hasSize(6)
        .allSatisfy(
            chain -> {
              var last = filters(chain).getLast();
              if (HTTP_MANAGER.equals(last.get("name"))) {
                assertThat(names(filters(chain)))
                    .containsExactly("kith.http-connection", "kith.spared", HTTP_MANAGER);
                assertThat(names(httpFilters(last)))
                    .endsWith("kith.request", "envoy.filters.http.router");
              } else if (isGated(last)) {
                assertThat(names(filters(chain))).hasSize(1);
              } else {
                assertThat(names(filters(chain))).startsWith("kith.connection").hasSize(2);
              }
            });
    assertThat(sidecar.chains(true).filter(chain -> isGated(filters(chain).getLast())))
        .hasSize(tcp == Tcp.STRICT ? 2 : 0);
  }

  private static boolean isGated(Map<String, Object> filter) {
    return Objects.toString(PatchedSidecar.map(filter, "typed_config").get("cluster"), "")
        .startsWith("kith_gate");
  }

  @Test
  void inbound_everyChain_isChecked_andTheApplicationDoesNotSeeTheHeader() {
    var sidecar = new PatchedSidecar(recipe(settings(Tcp.BASELINE, false)));

    assertThat(sidecar.chains(false))
        .satisfiesExactly(
            http ->
                assertThat(names(httpFilters(filters(http).getLast())))
                    .endsWith(
                        "kith.inbound-request", "kith.inbound-header", "envoy.filters.http.router"),
            tcp ->
                assertThat(names(filters(tcp)))
                    .containsExactly("kith.inbound-connection", PatchedSidecar.TCP_PROXY));
  }

  private static String mesh(MeshSettings settings, String... overlays) {
    var all = new String[overlays.length + 1];
    all[0] = recipe(settings);
    System.arraycopy(overlays, 0, all, 1, overlays.length);
    return new PatchedSidecar(all).yaml();
  }

  @Test
  void overlay_closedInsideAnOpenScope_isAsWithoutBoth() {
    for (var tcp : Tcp.values()) {
      var settings = settings(tcp, true);

      var closed =
          mesh(
              settings,
              overlay(
                  settings,
                  MeshScope.parse("shop/deployment/checkout", Map.of("app", "checkout")),
                  new FailureMode.Closed()),
              overlay(settings, MeshScope.namespace("shop"), FLOOR),
              overlay(settings, MeshScope.MESH, new FailureMode.Open()));

      assertThat(closed).isEqualTo(mesh(settings));
    }
  }

  /** So overlays may come before the recipe, and stay when it goes. */
  @Test
  void overlay_withoutTheRecipe_changesNothing() {
    var untouched = new PatchedSidecar().yaml();

    for (var tcp : Tcp.values()) {
      for (var mode : List.of(new FailureMode.Open(), new FailureMode.Closed(), FLOOR)) {
        assertThat(new PatchedSidecar(overlay(settings(tcp, true), MeshScope.MESH, mode)).yaml())
            .isEqualTo(untouched);
      }
    }
  }

  @Test
  void overlay_floorInsideAFloor_hasItsOwnDestinationsOnly() {
    var settings = settings(Tcp.BASELINE, false);
    var other = new FailureMode.Floor(List.of(Approved.parse("10.9.0.0/16:5432")));

    var both =
        mesh(
            settings,
            overlay(settings, MeshScope.MESH, FLOOR),
            overlay(settings, MeshScope.namespace("shop"), other));

    assertThat(both)
        .isEqualTo(mesh(settings, overlay(settings, MeshScope.namespace("shop"), other)))
        .contains("10.9.0.0")
        .doesNotContain("10.7.0.0");
  }

  @Test
  void overlay_open_opensTheGateToo_andAFloorDoesNot() {
    var settings = settings(Tcp.STRICT, false);

    for (var chain : List.of("virtualOutbound-catchall-tcp", "PassthroughFilterChain")) {
      assertThat(gateOf(settings, chain, new FailureMode.Open())).isEqualTo("kith_gate_open");
      assertThat(gateOf(settings, chain, FLOOR)).isEqualTo("kith_gate");
      assertThat(gateOf(settings, chain, new FailureMode.Closed())).isEqualTo("kith_gate");
    }
  }

  private static Object gateOf(MeshSettings settings, String chain, FailureMode mode) {
    var sidecar = new PatchedSidecar(recipe(settings), overlay(settings, MeshScope.MESH, mode));
    var proxy = filters(sidecar.chain(chain)).getLast();
    return Objects.requireNonNull(PatchedSidecar.map(proxy, "typed_config").get("cluster"));
  }
}
