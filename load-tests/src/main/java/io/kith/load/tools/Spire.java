package io.kith.load.tools;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The two programs of SPIRE, and where they came from. */
public record Spire(Path server, Path agent, String from) {
  /** The version that is built; the first whose agent has the Broker API. */
  public static final String VERSION = "1.15.2";

  private static final GoBuild BUILD =
      new GoBuild(
          "SPIRE " + VERSION,
          List.of(
              "github.com/spiffe/spire/cmd/spire-server",
              "github.com/spiffe/spire/cmd/spire-agent"),
          "v" + VERSION,
          // Of an upstream authority that no test uses. 1.1.0, which SPIRE names, is not to be had
          // from every module proxy.
          List.of(
              "github.com/Keyfactor/ejbca-go-client-sdk=github.com/Keyfactor/ejbca-go-client-sdk@v1.0.2"),
          Map.of("CGO_ENABLED", "1"), // SQLite, in C: wants gcc
          10,
          "install SPIRE "
              + VERSION
              + ", or Go and a C compiler, or set KITH_SPIRE_SERVER and KITH_SPIRE_AGENT to its"
              + " programs");

  /**
   * SPIRE from {@code KITH_SPIRE_SERVER} and {@code KITH_SPIRE_AGENT}, else from {@code PATH}, else
   * from the cache, else built with Go (some ten minutes on two processors).
   *
   * @param say takes lines of progress
   */
  public static Spire find(Consumer<String> say) throws InterruptedException {
    var server = chosen("KITH_SPIRE_SERVER");
    var agent = chosen("KITH_SPIRE_AGENT");
    if (server != null && agent != null) {
      return new Spire(server, agent, "KITH_SPIRE_SERVER, KITH_SPIRE_AGENT");
    }
    if (server != null || agent != null) {
      throw new MissingToolException(
          "KITH_SPIRE_SERVER and KITH_SPIRE_AGENT: only one is set (expected: both, or neither)");
    }
    server = Command.find("spire-server");
    agent = Command.find("spire-agent");
    if (server != null && agent != null) {
      return new Spire(server, agent, "PATH");
    }
    var folder = ToolCache.ofUser().fetch("spire", VERSION, fresh -> BUILD.into(fresh, say), say);
    return new Spire(folder.resolve("spire-server"), folder.resolve("spire-agent"), "cache");
  }

  private static @Nullable Path chosen(String variable) {
    var value = System.getenv(variable);
    return value == null || value.isBlank() ? null : Envoy.requireExecutable(variable, value);
  }
}
