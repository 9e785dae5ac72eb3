package io.kith.load.tools;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Helm, which renders the chart, and where it came from. */
public record Helm(Path program, String from) {
  /** The version that is built; the last series that reads what all of its users have. */
  public static final String VERSION = "3.22.0";

  private static final GoBuild BUILD =
      new GoBuild(
          "Helm " + VERSION,
          List.of("helm.sh/helm/v3/cmd/helm"),
          "v" + VERSION,
          List.of(),
          Map.of("CGO_ENABLED", "0"),
          3,
          "install Go, or set KITH_HELM to the program of Helm " + VERSION);

  /**
   * Helm from {@code KITH_HELM}, else from the cache, else built with Go (some three minutes on two
   * processors). Not from {@code PATH}: what a chart yields differs a little from one to another.
   *
   * @param say takes lines of progress
   */
  public static Helm find(Consumer<String> say) throws InterruptedException {
    var chosen = System.getenv("KITH_HELM");
    if (chosen != null && !chosen.isBlank()) {
      return new Helm(Envoy.requireExecutable("KITH_HELM", chosen), "KITH_HELM");
    }
    var folder = ToolCache.ofUser().fetch("helm", VERSION, fresh -> BUILD.into(fresh, say), say);
    return new Helm(folder.resolve("helm"), "cache");
  }
}
