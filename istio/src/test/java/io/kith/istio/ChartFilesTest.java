package io.kith.istio;

import static io.kith.istio.Yaml.map;
import static java.util.Objects.requireNonNull;

import io.kith.istio.MeshSettings.Tcp;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The patches of which the Helm chart makes its EnvoyFilters are those of the recipes. Only the
 * cluster has something of an installation in it, which the chart fills in.
 */
class ChartFilesTest {
  private static final String FOLDER = "chart/kith/files/filters";
  private static final String SERVER = "server.placeholder";
  private static final String FALLBACK = "fallback.placeholder";
  private static final String ID = "spiffe://placeholder";
  private static final int PORT = 9191;

  private static final Map<String, String> FILLED_IN =
      Map.of(
          SERVER, "{{ include \"kith.checks.host\" . }}",
          FALLBACK, "{{ include \"kith.fallback.host\" . }}",
          ID, "{{ include \"kith.checks.id\" . }}");

  private static Stream<Arguments> settings() {
    return Stream.of(Tcp.values())
        .flatMap(
            tcp -> {
              var name = tcp == Tcp.BASELINE ? "baseline" : "strict";
              var settings = MeshSettings.of(tcp);
              return Stream.of(
                  Arguments.of(name, settings),
                  Arguments.of(name + "-short-cut", settings.withShortCut()));
            });
  }

  private static void check(String name, String type, List<?> patches) throws IOException {
    var text = Yaml.text(map("patches", patches)).substring("patches:\n".length());
    for (var placeholder : FILLED_IN.entrySet()) {
      text = text.replace(placeholder.getKey(), placeholder.getValue());
    }
    new Goldens(FOLDER, type).check(name, " for the chart", text);
  }

  private static List<?> patches(EnvoyFilter filter) {
    var spec = (Map<?, ?>) requireNonNull(filter.document().get("spec"));
    return (List<?>) requireNonNull(spec.get("configPatches"));
  }

  @ParameterizedTest
  @CsvSource({"central, ''", "node, fallback.placeholder"})
  void cluster_ofAPlacement_isTheRecipes(String placement, String fallback) throws IOException {
    var recipe =
        new MeshRecipe(
            new ServerAddress.Named(SERVER, PORT),
            fallback.isEmpty() ? null : new ServerAddress.Named(fallback, PORT),
            ID,
            MeshSettings.of(Tcp.BASELINE));

    check(
        "server-" + placement + ".yaml", "MeshRecipe", patches(recipe.envoyFilter()).subList(0, 1));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void filters_ofARecipe_areThoseOfTheRecipe(String name, MeshSettings settings)
      throws IOException {
    var recipe = new MeshRecipe(new ServerAddress.Named(SERVER, PORT), ID, settings);
    var patches = patches(recipe.envoyFilter());

    check(name + ".yaml", "MeshRecipe", patches.subList(1, patches.size()));
  }

  @ParameterizedTest
  @MethodSource("settings")
  void filters_ofAnOverlay_areThoseOfTheOverlay(String name, MeshSettings settings)
      throws IOException {
    for (var mode : List.of(new FailureMode.Open(), new FailureMode.Closed())) {
      var overlay = new MeshOverlay(settings, MeshScope.MESH, mode);

      check(mode.word() + "-" + name + ".yaml", "MeshOverlay", patches(overlay.envoyFilter()));
    }
  }
}
