package io.kith.server.istio;

import io.kith.istio.MeshRecipe;
import io.kith.istio.ServerAddress;
import io.kith.server.verb.Failure;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The EnvoyFilter for all sidecars. */
@Command(
    name = "recipe",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "The EnvoyFilter for all sidecars of a mesh. While Kith cannot be asked nothing passes,"
          + " unless an overlay says otherwise.",
      "baseline checks TCP at the client's first byte: all protocols work as before, and who stays"
          + " silent can read what the destination says first. strict checks connections to"
          + " addresses that no service has when they are opened, so nothing reaches those before"
          + " the verdict.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith istio recipe baseline --server kith-checks.kith.svc.cluster.local:9191 \\",
      "    --server-id spiffe://cluster.local/ns/kith/sa/kith-server > kith-mesh.yaml",
      "  kith istio recipe strict --server unix:/run/kith/checks.sock --short-cut \\",
      "    --server-id spiffe://cluster.local/ns/kith/sa/check-server --out kith-mesh.yaml",
    })
final class RecipeCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // set by picocli
  @Parameters(paramLabel = "RECIPE", description = "${COMPLETION-CANDIDATES}.")
  RecipeWord recipe;

  @Option(
      names = "--server",
      required = true,
      paramLabel = "ADDRESS",
      description =
          "Where Kith takes Checks: HOST:PORT, [IPV6]:PORT or unix:/PATH. Of a Service with several"
              + " pods rather a headless one: each sidecar keeps few connections.")
  String server = "";

  @Option(
      names = "--fallback",
      paramLabel = "ADDRESS",
      description =
          "Whom sidecars ask while nothing answers at --server, such as central servers behind that"
              + " of the node. Default: nobody.")
  @Nullable String fallback;

  @Option(
      names = "--server-id",
      required = true,
      paramLabel = "ID",
      description =
          "SPIFFE ID that Kith has to prove, a fallback as well; no other workload may answer for"
              + " it.")
  String serverId = "";

  @Mixin SettingsOption settings = new SettingsOption();
  @Mixin Printed printed = new Printed();

  @Override
  public Integer call() throws Failure {
    return printed.print(
        spec,
        List.of(
            "All listeners of all sidecars change: open connections are drained (45 s unless the"
                + " mesh says otherwise).",
            "Apply it once, in a quiet hour, after every scope that is not enforced has its"
                + " overlay.",
            "Sidecars need Envoy 1.40 or newer: older ones refuse HTTP connections by their"
                + " address."),
        yaml());
  }

  private String yaml() throws Failure {
    var agreed = settings.settings(recipe.tcp);
    try {
      var behind = fallback == null ? null : ServerAddress.parse(fallback);
      return new MeshRecipe(ServerAddress.parse(server), behind, serverId, agreed).yaml();
    } catch (IllegalArgumentException e) {
      throw Failure.usage(String.valueOf(e.getMessage()));
    }
  }
}
