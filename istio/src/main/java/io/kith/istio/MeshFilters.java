package io.kith.istio;

import static io.kith.istio.Typed.wrapped;

import io.kith.istio.EnvoyFilter.Chain;
import java.util.List;
import java.util.Map;

/**
 * Kith's filters in a sidecar.
 *
 * @param mode what becomes of connections when the server cannot be asked; each Check says it, so
 *     that the server knows what its sidecars have
 */
record MeshFilters(MeshSettings settings, FailureMode mode) {
  /* Names: nobody else's, so that no patch hits a filter of another. */
  static final String CONNECTION = "kith.connection";
  static final String HTTP_CONNECTION = "kith.http-connection";
  static final String SPARED = "kith.spared";
  static final String REQUEST = "kith.request";
  static final String CONNECT = "kith.connect";

  /** The TCP proxy that leads to the gate; overlays find no other by this name. */
  static final String GATE = "kith.gate";

  static final String INBOUND_CONNECTION = "kith.inbound-connection";
  static final String INBOUND_REQUEST = "kith.inbound-request";
  static final String INBOUND_HEADER = "kith.inbound-header";

  /** What a Check says of the failure mode of the filter that it is from. */
  static final String FAILURE = "x-kith-failure";

  /** The gate where Envoy lets pass what the server cannot be asked about. */
  static final String OPEN_GATE = Gate.NAME + "_open";

  /** The chains for addresses that no service has, as istiod names them. */
  static final List<Chain> PASSTHROUGH =
      List.of(
          new Chain("virtualOutbound", "virtualOutbound-catchall-tcp"),
          new Chain(null, "PassthroughFilterChain"));

  private Checks checks() {
    return new Checks(
        "%ENVIRONMENT(" + settings.nodeVariable() + ")%",
        settings.timeout(),
        !(mode instanceof FailureMode.Closed));
  }

  private Map<String, Object> saying(Map<String, Object> service) {
    return Checks.also(service, FAILURE, mode.word());
  }

  private Map<String, Object> outbound() {
    return saying(checks().outbound(Checks.UPSTREAM_CLUSTER, Checks.CONNECTION_ID));
  }

  private Map<String, Object> inbound() {
    return saying(checks().inbound());
  }

  Map<String, Object> connection() {
    return checks().ofConnection(CONNECTION, outbound());
  }

  /** Refuses nothing, in a field that is newer than some istiods. */
  Map<String, Object> httpConnection() {
    var check = checks().ofHttpConnection(HTTP_CONNECTION, outbound());
    if (settings.shortCut()) {
      Checks.askWhatIsSpared(check, ShortCut.OF_ISTIO);
    }
    return wrapped(check);
  }

  static Map<String, Object> spared() {
    return wrapped(ShortCut.keep(SPARED));
  }

  Map<String, Object> request() {
    var check = checks().ofRequest(REQUEST, outbound());
    // Envoy takes a matcher in the plain form only; istiod knows its types.
    return settings.shortCut() ? ShortCut.unlessSpared(check) : check;
  }

  /** In the gate. */
  Map<String, Object> connect() {
    return checks().ofRequest(CONNECT, saying(Gate.service(checks())));
  }

  Map<String, Object> inboundConnection() {
    return checks().ofConnection(INBOUND_CONNECTION, inbound());
  }

  Map<String, Object> inboundRequest() {
    return checks().ofRequest(INBOUND_REQUEST, inbound());
  }
}
