package io.kith.server.check;

import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.grpc.Drainable;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** Envoy's method, with messages read and written as far as Kith needs them. */
final class CheckMethod {
  private CheckMethod() {}

  /**
   * The method. Reading a message never fails the RPC, which Envoy would read as permission where
   * its filter fails open.
   */
  static MethodDescriptor<CheckMessage, byte[]> descriptor() {
    return AuthorizationGrpc.getCheckMethod().toBuilder(new Requests(), new Responses()).build();
  }

  private static final class Requests implements Marshaller<CheckMessage> {
    @Override
    public CheckMessage parse(InputStream stream) {
      try {
        // of a message that is not compressed the whole is available
        var bytes =
            stream instanceof KnownLength
                ? stream.readNBytes(stream.available())
                : stream.readAllBytes();
        return CheckMessage.read(bytes);
      } catch (IOException | StatusRuntimeException _) {
        return CheckMessage.UNREADABLE; // compressed, and not well, or by too much
      }
    }

    @Override
    public InputStream stream(CheckMessage message) {
      throw new UnsupportedOperationException("a server sends no Check");
    }
  }

  private static final class Responses implements Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] response) {
      return new Response(response);
    }

    @Override
    public byte[] parse(InputStream stream) {
      throw new UnsupportedOperationException("a server reads no answer");
    }
  }

  /** Bytes that are handed over at once. */
  private static final class Response extends ByteArrayInputStream
      implements Drainable, KnownLength {
    Response(byte[] bytes) {
      super(bytes);
    }

    @Override
    public int drainTo(OutputStream target) throws IOException {
      var drained = count - pos;
      target.write(buf, pos, drained);
      pos = count;
      return drained;
    }
  }
}
