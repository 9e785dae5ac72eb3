package io.kith.istio;

import static io.kith.istio.EnvoyFilter.Side.SIDECAR_INBOUND;
import static io.kith.istio.EnvoyFilter.Side.SIDECAR_OUTBOUND;
import static java.util.Objects.requireNonNull;

import io.kith.istio.EnvoyFilter.Chain;
import io.kith.istio.EnvoyFilter.Patch;
import io.kith.istio.FailureMode.Approved;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Another failure mode for some of a mesh's sidecars; {@link #yaml} turns it into an EnvoyFilter
 * that changes what that of the recipe put there.
 *
 * @param settings those of the recipe; the overlay is made anew when they change
 */
public record MeshOverlay(MeshSettings settings, MeshScope scope, FailureMode mode, Writer by) {
  /** Who keeps overlays. Of two on one scope the server's counts. */
  public enum Writer {
    /** A person, by hand or with a chart. */
    HAND("kith-failure", 0),
    /** A server that follows the modes of scopes. */
    SERVER("kith-scope", 5);

    private final String name;
    private final int priority;

    Writer(String name, int priority) {
      this.name = name;
      this.priority = priority;
    }

    /** What the EnvoyFilter of a scope is called: one, so that a mode takes another's place. */
    public String nameOf(MeshScope scope) {
      if (scope.namespace() == null) {
        return name + "-mesh";
      }
      var part = scope.name();
      return part == null ? name : name + "-" + part.toLowerCase(Locale.ROOT);
    }

    /** Whether an EnvoyFilter of this name is one of these. */
    public boolean wrote(String filter) {
      return filter.equals(name) || filter.startsWith(name + "-");
    }
  }

  public MeshOverlay {
    requireNonNull(settings, "settings");
    requireNonNull(scope, "scope");
    requireNonNull(mode, "mode");
    requireNonNull(by, "by");
  }

  /** One that a person keeps. */
  public MeshOverlay(MeshSettings settings, MeshScope scope, FailureMode mode) {
    this(settings, scope, mode, Writer.HAND);
  }

  /** The EnvoyFilter. */
  public String yaml() {
    return Yaml.text(document());
  }

  /** The EnvoyFilter as maps, lists, texts, numbers and truth values. */
  public Map<String, Object> document() {
    return envoyFilter().document();
  }

  EnvoyFilter envoyFilter() {
    var labels = new HashMap<>(Map.of(MeshNames.FAILURE_MODE, mode.word()));
    if (by == Writer.SERVER) {
      labels.put("app.kubernetes.io/managed-by", "kith");
    }
    var namespace = scope.namespace();
    return new EnvoyFilter(
        by.nameOf(scope),
        namespace == null ? settings.rootNamespace() : namespace,
        MeshRecipe.PRIORITY + 10 * scope.rank() + by.priority,
        settings.revision(),
        labels,
        scope.labels(),
        patches());
  }

  /*
   * Filters are replaced and not merged: a merge cannot set to false what another set to true. The
   * check of HTTP connections refuses nothing in any case, but says which failure mode its chain has.
   */
  private List<Patch> patches() {
    var filters = new MeshFilters(settings, mode);
    var patches = new ArrayList<Patch>();
    patches.add(replaced(SIDECAR_OUTBOUND, MeshFilters.CONNECTION, filters.connection()));
    patches.add(replaced(SIDECAR_OUTBOUND, MeshFilters.HTTP_CONNECTION, filters.httpConnection()));
    patches.add(
        Patch.ofHttpFilter(SIDECAR_OUTBOUND, "REPLACE", MeshFilters.REQUEST, filters.request()));
    // Its own floor in place of a wider scope's: behind two, only what is in both would pass.
    patches.add(Patch.removeNetworkFilter(Chain.EVERY, Floor.NAME));
    patches.add(Patch.removeHttpFilter(Floor.NAME));
    if (mode instanceof FailureMode.Floor(var approved)) {
      patches.addAll(floor(approved));
    }
    if (settings.tcp() == MeshSettings.Tcp.STRICT) {
      patches.addAll(gate());
    }
    if (settings.inbound()) {
      patches.add(
          replaced(SIDECAR_INBOUND, MeshFilters.INBOUND_CONNECTION, filters.inboundConnection()));
      patches.add(
          Patch.ofHttpFilter(
              SIDECAR_INBOUND, "REPLACE", MeshFilters.INBOUND_REQUEST, filters.inboundRequest()));
    }
    return patches;
  }

  private static List<Patch> floor(List<Approved> approved) {
    return List.of(
        Patch.ofNetworkFilter(
            SIDECAR_OUTBOUND,
            Chain.EVERY,
            "INSERT_AFTER",
            MeshFilters.CONNECTION,
            Floor.ofConnections(approved)),
        Patch.ofHttpFilter(
            SIDECAR_OUTBOUND, "INSERT_AFTER", MeshFilters.REQUEST, Floor.ofRequests(approved)));
  }

  /** Behind the gate nobody knows what the server said, so with a floor it stays closed. */
  private List<Patch> gate() {
    var gate = mode instanceof FailureMode.Open ? MeshFilters.OPEN_GATE : Gate.NAME;
    var proxy = Typed.tcpProxy("cluster", gate);
    proxy.put("name", MeshFilters.GATE);
    return MeshFilters.PASSTHROUGH.stream()
        .map(
            chain ->
                Patch.ofNetworkFilter(SIDECAR_OUTBOUND, chain, "MERGE", MeshFilters.GATE, proxy))
        .toList();
  }

  private static Patch replaced(EnvoyFilter.Side side, String filter, Map<String, Object> value) {
    return Patch.ofNetworkFilter(side, Chain.EVERY, "REPLACE", filter, value);
  }
}
