package io.kith.istio;

import static io.kith.istio.EnvoyFilter.Side.SIDECAR_INBOUND;
import static io.kith.istio.EnvoyFilter.Side.SIDECAR_OUTBOUND;
import static io.kith.istio.Typed.wrapped;
import static io.kith.istio.Yaml.map;
import static java.util.Objects.requireNonNull;

import io.kith.istio.EnvoyFilter.Chain;
import io.kith.istio.EnvoyFilter.Patch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What all sidecars of a mesh need to know so that every connection and request is checked; {@link
 * #yaml} turns it into one EnvoyFilter for the mesh's root namespace.
 *
 * <p>Where the server cannot be asked, nothing passes. {@link FailureMode} says otherwise for a
 * scope.
 *
 * @param server where the authorization server takes Checks
 * @param serverId the SPIFFE ID that the authorization server must prove
 * @param tcp when a TCP connection to an address that no service has is checked
 * @param rootNamespace the namespace whose objects hold for the whole mesh
 * @param revision of the control plane, as in {@code istio.io/rev}
 * @param nodeVariable environment variable of the sidecar that has the name of its node
 * @param timeout how long Envoy waits for one answer, retries included
 * @param inbound whether what comes in to a workload is checked as well
 * @param shortCut whether requests are spared a check of their own where the answer about their
 *     connection says so; they do not notice then that a permission is taken back, or that the
 *     process became another, until the connection is ended, after a minute at the latest
 */
public record MeshRecipe(
    ServerAddress server,
    String serverId,
    Tcp tcp,
    String rootNamespace,
    String revision,
    String nodeVariable,
    Duration timeout,
    boolean inbound,
    boolean shortCut) {

  /** When a TCP connection to an address that no service has is checked. */
  public enum Tcp {
    /**
     * At the client's first byte, as all others. Envoy is connected to the destination by then, and
     * a client that stays silent is never checked and reads what the destination says first.
     */
    BASELINE,
    /** At connect: nothing reaches the destination before the answer. */
    STRICT
  }

  /** The namespace of Istio itself, unless told otherwise. */
  public static final String ROOT_NAMESPACE = "istio-system";

  /** Set by Istio's injector. */
  public static final String NODE_VARIABLE = "ISTIO_META_NODE_NAME";

  /** Where EnvoyFilters of others have none, Kith's are applied after them. */
  static final int PRIORITY = 100;

  /* Names of the filters: nobody else's, so that no patch hits a filter of another. */
  static final String CONNECTION = "kith.connection";
  static final String HTTP_CONNECTION = "kith.http-connection";
  static final String SPARED = "kith.spared";
  static final String REQUEST = "kith.request";
  static final String CONNECT = "kith.connect";
  static final String INBOUND_CONNECTION = "kith.inbound-connection";
  static final String INBOUND_REQUEST = "kith.inbound-request";
  static final String INBOUND_HEADER = "kith.inbound-header";

  /** The gate where Envoy lets pass what the server cannot be asked about. */
  static final String OPEN_GATE = Gate.NAME + "_open";

  /** The chains for addresses that no service has, as istiod names them. */
  static final List<Chain> PASSTHROUGH =
      List.of(
          new Chain("virtualOutbound", "virtualOutbound-catchall-tcp"),
          new Chain(null, "PassthroughFilterChain"));

  private static final String ROUTER = "envoy.filters.http.router";
  private static final Pattern VARIABLE = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

  public MeshRecipe {
    requireNonNull(server, "server");
    requireNonNull(tcp, "tcp");
    requireNonNull(timeout, "timeout");
    if (!serverId.startsWith("spiffe://") || serverId.length() == "spiffe://".length()) {
      throw new IllegalArgumentException(
          "serverId: '" + serverId + "' (expected: a SPIFFE ID, spiffe://DOMAIN/PATH)");
    }
    if (rootNamespace.isBlank()) {
      throw new IllegalArgumentException("rootNamespace: empty (expected: " + ROOT_NAMESPACE + ")");
    }
    if (revision.isBlank()) {
      throw new IllegalArgumentException("revision: empty (expected: default)");
    }
    if (!VARIABLE.matcher(nodeVariable).matches()) {
      throw new IllegalArgumentException(
          "nodeVariable: '" + nodeVariable + "' (expected: a name such as " + NODE_VARIABLE + ")");
    }
    if (timeout.isZero() || timeout.isNegative()) {
      // Envoy reads 0 as "fail at once", not as "no limit".
      throw new IllegalArgumentException("timeout: " + timeout + " (expected: more than 0)");
    }
  }

  /** With Istio's names, inbound checks, and without the short cut. */
  public MeshRecipe(ServerAddress server, String serverId, Tcp tcp) {
    this(
        server,
        serverId,
        tcp,
        ROOT_NAMESPACE,
        "default",
        NODE_VARIABLE,
        StandaloneRecipe.TIMEOUT,
        true,
        false);
  }

  /** The same with the short cut. */
  public MeshRecipe withShortCut() {
    return new MeshRecipe(
        server, serverId, tcp, rootNamespace, revision, nodeVariable, timeout, inbound, true);
  }

  /** The EnvoyFilter. */
  public String yaml() {
    return Yaml.text(envoyFilter().document());
  }

  EnvoyFilter envoyFilter() {
    var patches = new ArrayList<Patch>();
    patches.add(Patch.addCluster(serverCluster()));
    patches.addAll(outbound());
    if (tcp == Tcp.STRICT) {
      patches.addAll(gate());
    }
    if (inbound) {
      patches.addAll(inboundPatches());
    }
    return new EnvoyFilter(
        "kith", rootNamespace, PRIORITY, revision, Map.of(), Map.of(), patches);
  }

  private Map<String, Object> serverCluster() {
    var cluster = Clusters.wide(Clusters.server(server));
    var tls = Tls.ofSidecar().to(serverId, List.of("h2"));
    if (server instanceof ServerAddress.Named(var host, _)) {
      // Envoy sends none by itself, and Java's TLS refuses the form that istiod gives to names.
      Typed.config(tls).put("sni", host);
    }
    cluster.put("transport_socket", tls);
    return cluster;
  }

  // ---- filters; the same where a scope has another failure mode

  Checks checks() {
    return new Checks("%ENVIRONMENT(" + nodeVariable + ")%", timeout, false);
  }

  private static Map<String, Object> outbound(Checks checks) {
    return checks.outbound(Checks.UPSTREAM_CLUSTER, Checks.CONNECTION_ID);
  }

  static Map<String, Object> connection(Checks checks) {
    return checks.ofConnection(CONNECTION, outbound(checks));
  }

  Map<String, Object> request(Checks checks) {
    var check = checks.ofRequest(REQUEST, outbound(checks), List.of(Checks.L4));
    return shortCut ? wrapped(ShortCut.unlessSpared(check)) : check;
  }

  static Map<String, Object> inboundConnection(Checks checks) {
    return checks.ofConnection(INBOUND_CONNECTION, checks.inbound());
  }

  static Map<String, Object> inboundRequest(Checks checks) {
    return checks.ofRequest(INBOUND_REQUEST, checks.inbound(), List.of());
  }

  // ---- patches

  private List<Patch> outbound() {
    var checks = checks();
    var patches = new ArrayList<Patch>();
    for (var terminal : List.of(Typed.TCP_PROXY, "envoy.filters.network.redis_proxy")) {
      patches.add(before(SIDECAR_OUTBOUND, terminal, connection(checks)));
    }
    patches.add(before(SIDECAR_OUTBOUND, Typed.HTTP_MANAGER, httpConnection(checks)));
    if (shortCut) {
      patches.add(before(SIDECAR_OUTBOUND, Typed.HTTP_MANAGER, wrapped(ShortCut.keep(SPARED))));
    }
    patches.add(
        Patch.ofNetworkFilter(
            SIDECAR_OUTBOUND, Chain.EVERY, "MERGE", Typed.HTTP_MANAGER, managerSettings()));
    patches.add(beforeRouter(SIDECAR_OUTBOUND, request(checks)));
    return patches;
  }

  private Map<String, Object> httpConnection(Checks checks) {
    var check = checks.ofHttpConnection(HTTP_CONNECTION, outbound(checks));
    if (shortCut) {
      Checks.askWhatIsSpared(check, ShortCut.OF_ISTIO);
    }
    return wrapped(check);
  }

  private Map<String, Object> managerSettings() {
    var manager =
        Typed.httpManager(
            "early_header_mutation_extensions", List.of(Provenance.keptFromLeaving()));
    if (shortCut) {
      Typed.config(manager).put("common_http_protocol_options", ShortCut.limits());
    }
    return manager;
  }

  /** The chains without a service lead through the gate, which asks instead. */
  private List<Patch> gate() {
    var checks = checks();
    var patches = new ArrayList<Patch>();
    patches.add(Patch.addCluster(Gate.passthrough()));
    for (var open : List.of(false, true)) {
      var name = open ? OPEN_GATE : Gate.NAME;
      var asking = checks.failing(open);
      patches.add(Patch.addCluster(Gate.cluster(name)));
      patches.add(
          Patch.addListener(
              Gate.listener(
                  name, asking.ofRequest(CONNECT, Gate.service(asking), List.of()), map())));
    }
    for (var chain : PASSTHROUGH) {
      patches.add(Patch.removeNetworkFilter(chain, CONNECTION));
      patches.add(leadTo(Gate.NAME, chain));
    }
    return patches;
  }

  private static Patch leadTo(String gate, Chain chain) {
    var proxy = Typed.tcpProxy();
    Typed.config(proxy).putAll(Gate.tunnel(gate));
    return Patch.ofNetworkFilter(SIDECAR_OUTBOUND, chain, "MERGE", Typed.TCP_PROXY, proxy);
  }

  private List<Patch> inboundPatches() {
    var checks = checks();
    return List.of(
        before(SIDECAR_INBOUND, Typed.TCP_PROXY, inboundConnection(checks)),
        beforeRouter(SIDECAR_INBOUND, inboundRequest(checks)),
        beforeRouter(SIDECAR_INBOUND, Provenance.keptFromTheApplication(INBOUND_HEADER)));
  }

  private static Patch before(EnvoyFilter.Side side, String filter, Map<String, Object> value) {
    return Patch.ofNetworkFilter(side, Chain.EVERY, "INSERT_BEFORE", filter, value);
  }

  private static Patch beforeRouter(EnvoyFilter.Side side, Map<String, Object> value) {
    return Patch.ofHttpFilter(side, "INSERT_BEFORE", ROUTER, value);
  }
}
