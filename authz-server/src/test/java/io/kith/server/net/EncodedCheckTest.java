package io.kith.server.net;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import com.google.rpc.Status;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.Metadata;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import org.junit.jupiter.api.Test;

class EncodedCheckTest {
  private static AttributeContext.Peer peer(String address, int port) {
    return AttributeContext.Peer.newBuilder()
        .setAddress(
            Address.newBuilder()
                .setSocketAddress(
                    SocketAddress.newBuilder().setAddress(address).setPortValue(port)))
        .build();
  }

  private static AttributeContext.Peer destination(String address, int port, String name) {
    return peer(address, port).toBuilder()
        .setService(name)
        .putLabels("app", "kith")
        .putLabels("version", "v1")
        .setPrincipal("spiffe://kith.invalid/ns/kith/sa/" + name)
        .build();
  }

  @Test
  void of_request_isWhatEnvoyWouldWrite() throws Exception {
    var attributes =
        AttributeContext.newBuilder()
            .setSource(peer("127.0.0.1", 40_000))
            .setDestination(destination("192.0.2.1", 443, "db.invalid"))
            .setMetadataContext(Metadata.getDefaultInstance())
            .setRouteMetadataContext(Metadata.getDefaultInstance())
            .setTlsSession(AttributeContext.TLSSession.newBuilder().setSni("db.invalid"));
    attributes
        .getRequestBuilder()
        .setTime(Timestamp.newBuilder().setSeconds(1_790_000_000).setNanos(123_456_000))
        .getHttpBuilder()
        .setId("13359530607844510314")
        .setMethod("GET")
        .setPath("/")
        .setHost("db.invalid:443")
        .setScheme("http")
        .setProtocol("HTTP/1.1")
        .putHeaders(":authority", "db.invalid:443")
        .putHeaders(":method", "GET")
        .putHeaders(":path", "/")
        .putHeaders(":scheme", "http")
        .putHeaders("accept", "*/*")
        .putHeaders("user-agent", "kith")
        .putHeaders("x-forwarded-proto", "http")
        .putHeaders("x-request-id", "0c4ae2ff-8a2e-9a3d-a1c7-cbb2a5f6d0a1");

    var encoded =
        EncodedCheck.of("127.0.0.1", 40_000, "192.0.2.1", 443, "db.invalid", "db.invalid:443");

    assertThat(CheckRequest.parseFrom(encoded))
        .isEqualTo(CheckRequest.newBuilder().setAttributes(attributes).build());
  }

  @Test
  void of_connection_hasNoRequest() throws Exception {
    var attributes =
        AttributeContext.newBuilder()
            .setSource(peer("127.0.0.1", 1))
            .setDestination(destination("192.0.2.1", 2, "192.0.2.1"))
            .setMetadataContext(Metadata.getDefaultInstance());

    var encoded = EncodedCheck.of("127.0.0.1", 1, "192.0.2.1", 2, null, null);

    assertThat(CheckRequest.parseFrom(encoded))
        .isEqualTo(CheckRequest.newBuilder().setAttributes(attributes).build());
  }

  @Test
  void permits_onlyWhatHasAStatusThatIsOk() {
    var ok = CheckResponse.newBuilder().setStatus(Status.getDefaultInstance()).build();
    var denied = CheckResponse.newBuilder().setStatus(Status.newBuilder().setCode(7)).build();

    assertThat(EncodedCheck.permits(ok.toByteArray())).isTrue();
    assertThat(EncodedCheck.permits(denied.toByteArray())).isFalse();
    assertThat(EncodedCheck.permits(new byte[0])).isFalse();
    assertThat(EncodedCheck.permits(new byte[] {10, 100})).isFalse();
  }
}
