package io.kith.istio;

import static io.kith.istio.EnvoyFilter.Side.SIDECAR_INBOUND;
import static io.kith.istio.EnvoyFilter.Side.SIDECAR_OUTBOUND;
import static java.util.Objects.requireNonNull;

import io.kith.istio.EnvoyFilter.Chain;
import io.kith.istio.EnvoyFilter.Patch;
import io.kith.istio.FailureMode.Floor;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Another failure mode for some of a mesh's sidecars; {@link #yaml} turns it into an EnvoyFilter
 * that changes what the recipe's put there.
 *
 * @param recipe what all sidecars have; the overlay is made anew when it changes
 */
public record MeshOverlay(MeshRecipe recipe, MeshScope scope, FailureMode mode) {
  public MeshOverlay {
    requireNonNull(recipe, "recipe");
    requireNonNull(scope, "scope");
    requireNonNull(mode, "mode");
  }

  /** The EnvoyFilter. */
  public String yaml() {
    return Yaml.text(envoyFilter().document());
  }

  EnvoyFilter envoyFilter() {
    var namespace = scope.namespace();
    return new EnvoyFilter(
        name(),
        namespace == null ? recipe.rootNamespace() : namespace,
        MeshRecipe.PRIORITY + 10 * scope.rank(),
        recipe.revision(),
        Map.of("kith.io/failure-mode", mode.word()),
        scope.labels(),
        patches());
  }

  /** One for a scope, so that the next mode takes the place of the one before. */
  private String name() {
    if (scope.namespace() == null) {
      return "kith-failure-mesh";
    }
    var name = scope.name();
    return name == null ? "kith-failure" : "kith-failure-" + name.toLowerCase(Locale.ROOT);
  }

  /*
   * Filters are replaced and not merged: a merge cannot set to false what another set to true. The
   * check of HTTP connections refuses nothing in any case, so it stays.
   */
  private List<Patch> patches() {
    var open = !(mode instanceof FailureMode.Closed);
    var checks = recipe.checks().failing(open);
    var patches = new ArrayList<Patch>();
    patches.add(
        Patch.ofNetworkFilter(
            SIDECAR_OUTBOUND,
            Chain.EVERY,
            "REPLACE",
            MeshRecipe.CONNECTION,
            MeshRecipe.connection(checks)));
    patches.add(
        Patch.ofHttpFilter(
            SIDECAR_OUTBOUND, "REPLACE", MeshRecipe.REQUEST, recipe.request(checks)));
    patches.addAll(floor());
    if (recipe.tcp() == MeshRecipe.Tcp.STRICT) {
      var gate = mode instanceof FailureMode.Open ? MeshRecipe.OPEN_GATE : Gate.NAME;
      for (var chain : MeshRecipe.PASSTHROUGH) {
        patches.add(
            Patch.ofNetworkFilter(
                SIDECAR_OUTBOUND,
                chain,
                "MERGE",
                Typed.TCP_PROXY,
                Typed.tcpProxy("cluster", gate)));
      }
    }
    if (recipe.inbound()) {
      patches.add(
          Patch.ofNetworkFilter(
              SIDECAR_INBOUND,
              Chain.EVERY,
              "REPLACE",
              MeshRecipe.INBOUND_CONNECTION,
              MeshRecipe.inboundConnection(checks)));
      patches.add(
          Patch.ofHttpFilter(
              SIDECAR_INBOUND,
              "REPLACE",
              MeshRecipe.INBOUND_REQUEST,
              MeshRecipe.inboundRequest(checks)));
    }
    return patches;
  }

  /** Its own in place of that of a wider scope: behind two, only what is in both would pass. */
  private List<Patch> floor() {
    var patches = new ArrayList<Patch>();
    patches.add(Patch.removeNetworkFilter(Chain.EVERY, FloorFilter.NAME));
    patches.add(Patch.removeHttpFilter(FloorFilter.NAME));
    if (mode instanceof Floor(var approved)) {
      patches.add(
          Patch.ofNetworkFilter(
              SIDECAR_OUTBOUND,
              Chain.EVERY,
              "INSERT_AFTER",
              MeshRecipe.CONNECTION,
              FloorFilter.ofConnections(approved)));
      patches.add(
          Patch.ofHttpFilter(
              SIDECAR_OUTBOUND,
              "INSERT_AFTER",
              MeshRecipe.REQUEST,
              FloorFilter.ofRequests(approved)));
    }
    return patches;
  }
}
