package io.kith.load.compare;

import com.google.protobuf.Timestamp;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.Metadata;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;

/** Checks with the fields that Envoy 1.40 fills in. */
final class CheckMessages {
  /*
   * The principal is that of the certificate that the destination is known by; a source has none in an
   * outbound Check, since an application speaks plainly to its own sidecar.
   */

  private CheckMessages() {}

  /**
   * A Check.
   *
   * @param pod address of the pod that asks
   * @param to which of {@link Traffic#DESTINATIONS}
   */
  static CheckRequest of(Shape shape, String pod, int port, int to) {
    var host = "d" + to + ".shop.svc.cluster.local";
    var attributes =
        AttributeContext.newBuilder()
            .setSource(AttributeContext.Peer.newBuilder().setAddress(address(pod, port)))
            .setDestination(
                AttributeContext.Peer.newBuilder()
                    .setAddress(address(Traffic.destination(to), Traffic.PORT))
                    .setPrincipal("spiffe://dev.kith.local/ns/shop/sa/d" + to)
                    .setService(shape == Shape.l4 ? host : "")
                    .putLabels("app", "shop")
                    .putLabels("version", "v1"))
            .setMetadataContext(Metadata.getDefaultInstance())
            .setTlsSession(AttributeContext.TLSSession.newBuilder().setSni(host));
    if (shape == Shape.l7) {
      attributes
          .setRouteMetadataContext(Metadata.getDefaultInstance())
          .setRequest(
              AttributeContext.Request.newBuilder()
                  .setTime(Timestamp.newBuilder().setSeconds(1_790_000_000).setNanos(123_456_000))
                  .setHttp(http(host)));
    }
    return CheckRequest.newBuilder().setAttributes(attributes).build();
  }

  private static AttributeContext.HttpRequest http(String host) {
    return AttributeContext.HttpRequest.newBuilder()
        .setId("13359530607844510314")
        .setMethod("GET")
        .setHost(host + ":" + Traffic.PORT)
        .setPath("/api/v2/items?category=books&page=3&size=50")
        .setScheme("http")
        .setProtocol("HTTP/1.1")
        .putHeaders(":authority", host + ":" + Traffic.PORT)
        .putHeaders(":method", "GET")
        .putHeaders(":path", "/api/v2/items?category=books&page=3&size=50")
        .putHeaders(":scheme", "http")
        .putHeaders("accept", "application/json")
        .putHeaders("accept-encoding", "gzip, deflate, br")
        .putHeaders("user-agent", "okhttp/4.12.0")
        .putHeaders("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .putHeaders("x-forwarded-proto", "http")
        .putHeaders("x-request-id", "0c4ae2ff-8a2e-9a3d-a1c7-cbb2a5f6d0a1")
        .build();
  }

  private static Address address(String address, int port) {
    return Address.newBuilder()
        .setSocketAddress(SocketAddress.newBuilder().setAddress(address).setPortValue(port))
        .build();
  }
}
