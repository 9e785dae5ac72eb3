package io.kith.istio;

import static io.kith.istio.EnvoyFilter.Side.SIDECAR_INBOUND;
import static io.kith.istio.EnvoyFilter.Side.SIDECAR_OUTBOUND;
import static io.kith.istio.Yaml.map;
import static java.util.Objects.requireNonNull;

import io.kith.istio.EnvoyFilter.Chain;
import io.kith.istio.EnvoyFilter.Patch;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What all sidecars of a mesh need to know so that every connection and request is checked; {@link
 * #yaml} turns it into one EnvoyFilter for the mesh's root namespace.
 *
 * <p>Where the server cannot be asked, nothing passes. {@link MeshOverlay} says otherwise for a
 * scope.
 *
 * @param server where the authorization server takes Checks
 * @param fallback whom sidecars ask while nothing answers there, or null: nobody. Meant for a
 *     server on the node, with central ones behind it
 * @param serverId the SPIFFE ID that both must prove
 */
public record MeshRecipe(
    ServerAddress server,
    @Nullable ServerAddress fallback,
    String serverId,
    MeshSettings settings) {
  /** Where EnvoyFilters of others have none, Kith's are applied after them. */
  static final int PRIORITY = 100;

  private static final String ROUTER = "envoy.filters.http.router";
  private static final String REDIS = "envoy.filters.network.redis_proxy";

  public MeshRecipe {
    requireNonNull(server, "server");
    requireNonNull(settings, "settings");
    if (!serverId.startsWith("spiffe://") || serverId.length() == "spiffe://".length()) {
      throw new IllegalArgumentException(
          "serverId: '" + serverId + "' (expected: a SPIFFE ID, spiffe://DOMAIN/PATH)");
    }
    if (server instanceof ServerAddress.Socket && fallback instanceof ServerAddress.Named) {
      throw new IllegalArgumentException(
          "fallback: a name (expected: an address; behind a Unix socket Envoy resolves no names)");
    }
  }

  /** Without a fallback. */
  public MeshRecipe(ServerAddress server, String serverId, MeshSettings settings) {
    this(server, null, serverId, settings);
  }

  /** The EnvoyFilter. */
  public String yaml() {
    return Yaml.text(envoyFilter().document());
  }

  EnvoyFilter envoyFilter() {
    var patches = new ArrayList<Patch>();
    patches.add(Patch.addCluster(serverCluster()));
    var filters = new MeshFilters(settings, new FailureMode.Closed());
    patches.addAll(outbound(filters));
    if (settings.tcp() == MeshSettings.Tcp.STRICT) {
      patches.addAll(gate());
    }
    if (settings.inbound()) {
      patches.addAll(inbound(filters));
    }
    return new EnvoyFilter(
        "kith",
        settings.rootNamespace(),
        PRIORITY,
        settings.revision(),
        Map.of(),
        Map.of(),
        patches);
  }

  private Map<String, Object> serverCluster() {
    var cluster =
        Clusters.wide(
            fallback == null ? Clusters.server(server) : Clusters.server(server, fallback));
    var tls = Tls.ofSidecar().to(serverId, List.of("h2"));
    if (server instanceof ServerAddress.Named(var host, _)) {
      // Envoy sends none by itself, and Java's TLS refuses the form that istiod gives to names.
      Typed.config(tls).put("sni", host);
    }
    cluster.put("transport_socket", tls);
    return cluster;
  }

  /*
   * By the filter that ends a chain, which is there whatever istiod calls the chain. Only where it
   * is a manager of HTTP do requests have a check of their own.
   */
  private List<Patch> outbound(MeshFilters filters) {
    var patches = new ArrayList<Patch>();
    patches.add(before(SIDECAR_OUTBOUND, Typed.TCP_PROXY, filters.connection()));
    patches.add(before(SIDECAR_OUTBOUND, REDIS, filters.connection()));
    patches.add(before(SIDECAR_OUTBOUND, Typed.HTTP_MANAGER, filters.httpConnection()));
    if (settings.shortCut()) {
      patches.add(before(SIDECAR_OUTBOUND, Typed.HTTP_MANAGER, MeshFilters.spared()));
    }
    patches.add(
        Patch.ofNetworkFilter(
            SIDECAR_OUTBOUND, Chain.EVERY, "MERGE", Typed.HTTP_MANAGER, managerSettings()));
    patches.add(beforeRouter(SIDECAR_OUTBOUND, filters.request()));
    return patches;
  }

  private Map<String, Object> managerSettings() {
    var manager =
        Typed.httpManager(
            "early_header_mutation_extensions", List.of(Provenance.keptFromLeaving()));
    if (settings.shortCut()) {
      Typed.config(manager).put("common_http_protocol_options", ShortCut.limits());
    }
    return manager;
  }

  /** The chains without a service lead through the gate, which asks instead. */
  private List<Patch> gate() {
    var patches = new ArrayList<Patch>();
    patches.add(Patch.addCluster(Gate.passthrough()));
    for (var mode : List.of(new FailureMode.Closed(), new FailureMode.Open())) {
      var name = mode instanceof FailureMode.Open ? MeshFilters.OPEN_GATE : Gate.NAME;
      var check = new MeshFilters(settings, mode).connect();
      patches.add(Patch.addCluster(Gate.cluster(name)));
      patches.add(Patch.addListener(Gate.listener(name, check, map())));
    }
    for (var chain : MeshFilters.PASSTHROUGH) {
      var proxy = Typed.tcpProxy();
      proxy.put("name", MeshFilters.GATE);
      Typed.config(proxy).putAll(Gate.tunnel(Gate.NAME));
      patches.add(Patch.removeNetworkFilter(chain, MeshFilters.CONNECTION));
      patches.add(Patch.ofNetworkFilter(SIDECAR_OUTBOUND, chain, "MERGE", Typed.TCP_PROXY, proxy));
    }
    return patches;
  }

  private static List<Patch> inbound(MeshFilters filters) {
    return List.of(
        before(SIDECAR_INBOUND, Typed.TCP_PROXY, filters.inboundConnection()),
        beforeRouter(SIDECAR_INBOUND, filters.inboundRequest()),
        beforeRouter(
            SIDECAR_INBOUND, Provenance.keptFromTheApplication(MeshFilters.INBOUND_HEADER)));
  }

  private static Patch before(EnvoyFilter.Side side, String filter, Map<String, Object> value) {
    return Patch.ofNetworkFilter(side, Chain.EVERY, "INSERT_BEFORE", filter, value);
  }

  private static Patch beforeRouter(EnvoyFilter.Side side, Map<String, Object> value) {
    return Patch.ofHttpFilter(side, "INSERT_BEFORE", ROUTER, value);
  }
}
