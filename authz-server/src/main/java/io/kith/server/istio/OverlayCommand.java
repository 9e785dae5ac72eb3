package io.kith.server.istio;

import io.kith.istio.FailureMode;
import io.kith.istio.FailureMode.Approved;
import io.kith.istio.MeshOverlay;
import io.kith.istio.MeshScope;
import io.kith.server.verb.Failure;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The EnvoyFilter that gives a scope another failure mode. */
@Command(
    name = "overlay",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "An EnvoyFilter that says what becomes of a scope's connections while Kith cannot be asked."
          + " The most specific scope counts. It changes what the recipe put there, so --recipe and"
          + " the options below it are those of the recipe; make it anew when they change.",
      "open: all pass; for scopes under observe and shadow. closed: none pass; for scopes under"
          + " enforce, which needs an overlay only inside a scope that is open. floor: what goes to"
          + " an --approved destination passes; an outage of Kith is not one of the mesh then.",
      "A scope is enforced only once its sidecars have the closed filter: apply it first, wait"
          + " until 'istioctl proxy-status' shows them as synced, then 'kith mode SCOPE enforce'.",
      "Where the chart is installed the server keeps overlays itself, by the modes of scopes"
          + " (server.kubernetes.overlays): none has to be made there.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith istio overlay '*' --failure open",
      "  kith istio overlay shop/deployment/checkout --label app=checkout --failure closed",
      "  kith istio overlay shop --recipe strict --failure floor \\",
      "    --approved catalog.shop.svc.cluster.local:80 --approved 10.7.0.0/16:3306",
    })
final class OverlayCommand implements Callable<Integer> {
  enum FailureWord {
    open,
    closed,
    floor
  }

  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Parameters(
      paramLabel = "SCOPE",
      description = "* (the mesh), NAMESPACE, or OWNER as kith names it: NAMESPACE/KIND/NAME.")
  String scope = "";

  @SuppressWarnings("NullAway.Init") // set by picocli
  @Option(
      names = "--failure",
      required = true,
      paramLabel = "MODE",
      description = "${COMPLETION-CANDIDATES}.")
  FailureWord failure;

  @Option(
      names = "--label",
      paramLabel = "KEY=VALUE",
      description = "Of an OWNER: a label that its pods have and no others of the namespace.")
  Map<String, String> labels = new LinkedHashMap<>();

  @Option(
      names = "--approved",
      paramLabel = "DESTINATION",
      description =
          "Of a floor: HOST:PORT for requests to a service of that name, or 10.7.0.0/16:PORT,"
              + " [fd00::/64]:PORT for all connections there. May be given several times.")
  List<String> approved = List.of();

  @Option(
      names = "--recipe",
      paramLabel = "RECIPE",
      description = "What the mesh has: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  RecipeWord recipe = RecipeWord.baseline;

  @Mixin SettingsOption settings = new SettingsOption();
  @Mixin Printed printed = new Printed();

  @Override
  public Integer call() throws Failure {
    return printed.print(
        spec,
        List.of(
            "All listeners of these sidecars change: open connections are drained (45 s unless the"
                + " mesh says otherwise)."),
        yaml());
  }

  private String yaml() throws Failure {
    var agreed = settings.settings(recipe.tcp);
    if (failure != FailureWord.floor && !approved.isEmpty()) {
      throw Failure.usage("--approved: only with --failure floor");
    }
    if (failure == FailureWord.floor && approved.isEmpty()) {
      throw Failure.usage(
          "approved: empty (expected: destinations; without any, the failure mode is closed)");
    }
    try {
      return new MeshOverlay(agreed, MeshScope.parse(scope, labels), mode()).yaml();
    } catch (IllegalArgumentException e) {
      throw Failure.usage(String.valueOf(e.getMessage()));
    }
  }

  private FailureMode mode() {
    return switch (failure) {
      case open -> new FailureMode.Open();
      case closed -> new FailureMode.Closed();
      case floor -> new FailureMode.Floor(approved.stream().map(Approved::parse).toList());
    };
  }
}
