package io.kith.server.net;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;

/**
 * Envoy's Check as a server asks it itself, as bytes. The generated messages would do, but the
 * first of them that is written loads the description of a good part of Envoy's API, while a server
 * that starts has its first callers waiting.
 *
 * <p>Field numbers of envoy/service/auth/v3/external_auth.proto, attribute_context.proto and
 * config/core/v3/address.proto.
 */
public final class EncodedCheck {
  private static final MethodDescriptor<byte[], byte[]> METHOD =
      MethodDescriptor.newBuilder(new Bytes(), new Bytes())
          .setType(MethodType.UNARY)
          .setFullMethodName("envoy.service.auth.v3.Authorization/Check")
          .build();

  private EncodedCheck() {}

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Sends one; the answer is for {@link #permits}. */
  public static ListenableFuture<byte[]> send(Channel channel, CallOptions options, byte[] check) {
    return ClientCalls.futureUnaryCall(channel.newCall(METHOD, options), check);
  }

  /**
   * A Check about a connection, or about a request on it.
   *
   * @param source address of the client, as text
   * @param destination address that it connected to, as text
   * @param sni name in its TLS greeting, or null
   * @param host the request's host, or null for a Check about a connection
   */
  public static byte[] of(
      String source,
      int sourcePort,
      String destination,
      int destinationPort,
      @Nullable String sni,
      @Nullable String host) {
    var attributes =
        UnknownFieldSet.newBuilder()
            .addField(1, peer(source, sourcePort))
            .addField(2, peer(destination, destinationPort));
    if (host != null) {
      var header = UnknownFieldSet.newBuilder();
      header.addField(1, text("user-agent")).addField(2, text("kith"));
      var http = UnknownFieldSet.newBuilder();
      http.addField(2, text("GET"))
          .addField(3, message(header))
          .addField(4, text("/"))
          .addField(5, text(host));
      attributes.addField(4, message(UnknownFieldSet.newBuilder().addField(2, message(http))));
    }
    if (sni != null) {
      attributes.addField(12, message(UnknownFieldSet.newBuilder().addField(1, text(sni))));
    }
    return UnknownFieldSet.newBuilder().addField(1, message(attributes)).build().toByteArray();
  }

  private static Field peer(String address, int port) {
    var socket = UnknownFieldSet.newBuilder();
    socket.addField(2, text(address)).addField(3, Field.newBuilder().addVarint(port).build());
    return message(
        UnknownFieldSet.newBuilder()
            .addField(1, message(UnknownFieldSet.newBuilder().addField(1, message(socket)))));
  }

  private static Field text(String text) {
    return Field.newBuilder().addLengthDelimited(ByteString.copyFromUtf8(text)).build();
  }

  private static Field message(UnknownFieldSet.Builder message) {
    return Field.newBuilder().addLengthDelimited(message.build().toByteString()).build();
  }

  /** Whether a CheckResponse has a status and that is OK: one without is no permission here. */
  public static boolean permits(byte[] answer) {
    try {
      var statuses = UnknownFieldSet.parseFrom(answer).getField(1).getLengthDelimitedList();
      return statuses.size() == 1
          && UnknownFieldSet.parseFrom(statuses.getFirst()).getField(1).getVarintList().stream()
              .allMatch(code -> code == 0);
    } catch (InvalidProtocolBufferException _) {
      return false;
    }
  }
}
