package io.kith.server.rpc;

import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Exception;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Headers;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.Predicate;

/** A client of HTTP/2 that sends what a test says, well-formed or not. */
final class RawHttp2 implements AutoCloseable {
  static final int DATA = 0;
  static final int HEADERS = 1;
  static final int RST_STREAM = 3;
  static final int SETTINGS = 4;
  static final int GO_AWAY = 7;
  static final int WINDOW_UPDATE = 8;
  static final int END_STREAM = 1;
  private static final int END_HEADERS = 4;

  private final DefaultHttp2HeadersEncoder encoder = new DefaultHttp2HeadersEncoder();
  private final DefaultHttp2HeadersDecoder decoder = new DefaultHttp2HeadersDecoder(false);
  private final Socket socket;
  private final OutputStream out;
  private final DataInputStream in;

  /** A frame of the server; the headers only of one that has some. */
  record Frame(int type, int flags, int stream, ByteBuffer payload, Http2Headers headers) {
    String header(String name) {
      var value = headers.get(name);
      return value == null ? "" : value.toString();
    }
  }

  RawHttp2(int port) throws IOException {
    socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(60_000);
    out = socket.getOutputStream();
    in = new DataInputStream(socket.getInputStream());
    send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    frame(SETTINGS, 0, 0, new byte[0]);
  }

  void send(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
  }

  void frame(int type, int flags, int stream, byte[] payload) throws IOException {
    var frame = Unpooled.buffer();
    frame.writeMedium(payload.length).writeByte(type).writeByte(flags).writeInt(stream);
    frame.writeBytes(payload);
    var bytes = new byte[frame.readableBytes()];
    frame.readBytes(bytes);
    send(bytes);
  }

  /** The headers of a Check, with others in place of some. */
  void headers(int stream, int flags, String... namesAndValues) throws IOException, Http2Exception {
    var headers =
        new DefaultHttp2Headers(false)
            .method("POST")
            .scheme("http")
            .path("/envoy.service.auth.v3.Authorization/Check")
            .authority("kith")
            .set("te", "trailers")
            .set("content-type", "application/grpc")
            .set("x-kith-direction", "outbound");
    for (var i = 0; i < namesAndValues.length; i += 2) {
      headers.set(namesAndValues[i], namesAndValues[i + 1]);
    }
    var block = Unpooled.buffer();
    encoder.encodeHeaders(stream, headers, block);
    var bytes = new byte[block.readableBytes()];
    block.readBytes(bytes);
    frame(HEADERS, flags | END_HEADERS, stream, bytes);
  }

  /** A message of gRPC, as it is said to be. */
  static byte[] message(int compressed, int length, byte[] bytes) {
    var message = Unpooled.buffer();
    message.writeByte(compressed).writeInt(length).writeBytes(bytes);
    var all = new byte[message.readableBytes()];
    message.readBytes(all);
    return all;
  }

  static byte[] message(byte[] bytes) {
    return message(0, bytes.length, bytes);
  }

  /** The next frame of the server that is looked for. */
  Frame await(Predicate<Frame> wanted) throws IOException, Http2Exception {
    while (true) {
      var length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
      var type = in.readUnsignedByte();
      var flags = in.readUnsignedByte();
      var stream = in.readInt();
      var payload = in.readNBytes(length);
      var headers =
          type == HEADERS
              ? decoder.decodeHeaders(stream, Unpooled.wrappedBuffer(payload))
              : new DefaultHttp2Headers(false);
      var frame = new Frame(type, flags, stream, ByteBuffer.wrap(payload), headers);
      if (wanted.test(frame)) {
        return frame;
      }
    }
  }

  /** The headers that end a stream. */
  Frame end(int stream) throws IOException, Http2Exception {
    return await(
        frame ->
            frame.stream() == stream
                && frame.type() == HEADERS
                && (frame.flags() & END_STREAM) != 0);
  }

  Socket socket() {
    return socket;
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
