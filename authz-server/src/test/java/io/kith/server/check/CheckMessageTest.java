package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import com.google.protobuf.UnknownFieldSet;
import io.envoyproxy.envoy.config.core.v3.Address;
import io.envoyproxy.envoy.config.core.v3.EnvoyInternalAddress;
import io.envoyproxy.envoy.config.core.v3.Pipe;
import io.envoyproxy.envoy.config.core.v3.SocketAddress;
import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What is read by hand is what the generated reader reads. */
class CheckMessageTest {
  private static final int SAMPLES = 3_000;

  @Test
  void read_anyRequest_isAsGenerated() {
    var random = new Random(11);
    for (var i = 0; i < SAMPLES; i++) {
      var request = request(random);

      var read = CheckMessage.read(request.toByteArray());

      assertThat(read.isUnreadable()).as("%s", request).isFalse();
      assertThat(ReadFields.byHand(read))
          .as("%s", request)
          .isEqualTo(ReadFields.generated(request));
    }
  }

  @Test
  void read_oneRequestAfterAnother_isMergedAsGenerated() throws Exception {
    var random = new Random(12);
    for (var i = 0; i < SAMPLES; i++) {
      var bytes = new ByteArrayOutputStream();
      request(random).writeTo(bytes);
      request(random).writeTo(bytes);

      assertThat(ReadFields.byHand(CheckMessage.read(bytes.toByteArray())))
          .isEqualTo(ReadFields.generated(CheckRequest.parseFrom(bytes.toByteArray())));
    }
  }

  /*
   * What the generated reader takes, this one takes and reads the same. The other way around it takes
   * more: what it passes over it does not look into.
   */
  @Test
  void read_damagedRequest_isAsGeneratedWhereThatTakesIt() {
    var random = new Random(13);
    var taken = 0;
    var refused = 0;
    for (var i = 0; i < 10 * SAMPLES; i++) {
      var bytes = damaged(request(random).toByteArray(), random);
      CheckRequest request;
      try {
        request = CheckRequest.parseFrom(bytes);
      } catch (InvalidProtocolBufferException _) {
        refused += CheckMessage.read(bytes).isUnreadable() ? 1 : 0;
        continue;
      }
      taken++;
      var read = CheckMessage.read(bytes);
      assertThat(read.isUnreadable()).as("%s", request).isFalse();
      assertThat(ReadFields.byHand(read))
          .as("%s", request)
          .isEqualTo(ReadFields.generated(request));
    }
    assertThat(taken).isPositive();
    assertThat(refused).isPositive();
  }

  @Test
  void read_empty_isReadable() {
    assertThat(CheckMessage.read(new byte[0]).isUnreadable()).isFalse();
  }

  @Test
  void read_cutRequest_isUnreadable() {
    var bytes = CheckRequest.newBuilder().setAttributes(attributes(new Random(14))).build();

    var cut = bytes.toByteString().substring(0, bytes.getSerializedSize() - 1).toByteArray();

    assertThat(CheckMessage.read(cut).isUnreadable()).isTrue();
  }

  private static byte[] damaged(byte[] bytes, Random random) {
    if (bytes.length == 0) {
      return new byte[] {(byte) random.nextInt()};
    }
    for (var i = random.nextInt(3); i >= 0; i--) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
    }
    return bytes;
  }

  private static CheckRequest request(Random random) {
    var request = CheckRequest.newBuilder();
    if (random.nextInt(20) > 0) {
      request.setAttributes(attributes(random));
    }
    if (random.nextInt(5) == 0) {
      request.setUnknownFields(unknown(random));
    }
    return request.build();
  }

  private static AttributeContext.Builder attributes(Random random) {
    var attributes = AttributeContext.newBuilder();
    if (random.nextInt(10) > 0) {
      attributes.setSource(peer(random));
    }
    if (random.nextInt(10) > 0) {
      attributes.setDestination(peer(random));
    }
    if (random.nextBoolean()) {
      attributes.getTlsSessionBuilder().setSni(text(random));
    }
    if (random.nextBoolean()) {
      attributes.getRequestBuilder().setTime(Timestamp.newBuilder().setSeconds(random.nextLong()));
    }
    if (random.nextBoolean()) {
      attributes.getRequestBuilder().setHttp(http(random));
    }
    attributes.putContextExtensions(text(random), text(random));
    attributes.getMetadataContextBuilder();
    if (random.nextInt(5) == 0) {
      attributes.setUnknownFields(unknown(random));
    }
    return attributes;
  }

  private static AttributeContext.Peer.Builder peer(Random random) {
    var peer = AttributeContext.Peer.newBuilder();
    if (random.nextBoolean()) {
      peer.setService(text(random)).setPrincipal(text(random)).setCertificate(text(random));
    }
    peer.putLabels(text(random), text(random));
    return switch (random.nextInt(6)) {
      case 0 -> peer;
      case 1 -> peer.setAddress(Address.newBuilder().setPipe(Pipe.newBuilder().setPath("/p")));
      case 2 ->
          peer.setAddress(
              Address.newBuilder()
                  .setEnvoyInternalAddress(
                      EnvoyInternalAddress.newBuilder().setServerListenerName("gate")));
      default -> peer.setAddress(Address.newBuilder().setSocketAddress(socket(random)));
    };
  }

  private static SocketAddress.Builder socket(Random random) {
    var socket =
        SocketAddress.newBuilder()
            .setAddress(text(random))
            .setProtocolValue(random.nextInt(3))
            .setResolverName(text(random));
    return switch (random.nextInt(4)) {
      case 0 -> socket;
      case 1 -> socket.setNamedPort(text(random));
      default -> socket.setPortValue(random.nextInt());
    };
  }

  private static AttributeContext.HttpRequest.Builder http(Random random) {
    var http =
        AttributeContext.HttpRequest.newBuilder()
            .setId(text(random))
            .setMethod(random.nextBoolean() ? "CONNECT" : text(random))
            .setPath(text(random) + (random.nextBoolean() ? "?" + text(random) : ""))
            .setHost(text(random))
            .setSize(random.nextLong());
    for (var name :
        List.of("x-kith-src", "x-kith-dst", "x-kith-srd", "x-kith-provenance", "accept", "")) {
      if (random.nextBoolean()) {
        http.putHeaders(name, text(random));
      }
    }
    return http;
  }

  private static UnknownFieldSet unknown(Random random) {
    var inner =
        UnknownFieldSet.newBuilder()
            .addField(1, UnknownFieldSet.Field.newBuilder().addFixed64(random.nextLong()).build())
            .build();
    return UnknownFieldSet.newBuilder()
        .addField(
            3_000,
            UnknownFieldSet.Field.newBuilder()
                .addVarint(random.nextLong())
                .addFixed32(random.nextInt())
                .addGroup(inner)
                .build())
        .build();
  }

  private static String text(Random random) {
    var texts =
        new ArrayList<>(
            List.of("", "10.0.0.1", "fd00::1", "db.shop", "ä", "\u0000", "😀", "a".repeat(300)));
    return texts.get(random.nextInt(texts.size()));
  }
}
