package io.kith.load.compare;

import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Exception;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * One HTTP/2 connection of an Envoy worker, as much of it as Checks need; many streams at once.
 * Used by one thread.
 *
 * <p>Anything that no Check is answered with is refused, such as a status. A server that says it
 * goes away is sent nothing more, and what is on its way is waited for.
 *
 * <p>Source: RFC 9113.
 */
final class Http2Connection implements AutoCloseable {
  private static final byte[] PREFACE =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
  private static final int DATA = 0;
  private static final int HEADERS = 1;
  private static final int RESET = 3;
  private static final int SETTINGS = 4;
  private static final int PING = 6;
  private static final int GO_AWAY = 7;
  private static final int WINDOW_UPDATE = 8;
  private static final int END_STREAM = 1;
  private static final int ACK = 1;
  private static final int END_HEADERS = 4;
  private static final int PADDED = 8;
  private static final int PRIORITY = 0x20;
  private static final int FRAME_HEADER = 9;
  private static final int MESSAGE_HEADER = 5;

  private static final int FIRST_WINDOW = 65_535;
  private static final int WINDOW = Integer.MAX_VALUE - FIRST_WINDOW;
  private static final int MAX_STREAMS = 1 << 14;
  private static final int BUFFER = 1 << 20;

  /** Hears of answers. */
  interface Listener {
    /**
     * A Check was answered.
     *
     * @param code of the verdict, as of {@link Answer#code}
     */
    void answered(long sentNanos, int code);

    /** A Check was given up by the server: its time is up. */
    void expired();
  }

  private final Wire wire;
  private final Traffic traffic;
  private final Listener listener;
  private final ByteBuffer in = ByteBuffer.allocate(BUFFER);
  private final ByteBuffer out = ByteBuffer.allocate(BUFFER);
  private final DefaultHttp2HeadersDecoder headers = new DefaultHttp2HeadersDecoder(false);
  private final int most;

  // By the number of a stream, modulo their length.
  private final long[] sentNanos = new long[MAX_STREAMS];
  private final int[] codes = new int[MAX_STREAMS];
  private final byte[][] parts = new byte[MAX_STREAMS][];

  private int streams;
  private int inFlight;
  private long window = FIRST_WINDOW;
  private long unacknowledged;
  private boolean leaving;

  Http2Connection(Wire wire, Traffic traffic, Listener listener) {
    this.wire = wire;
    this.traffic = traffic;
    this.listener = listener;
    this.most = traffic.most();
    out.put(PREFACE);
    frame(6, SETTINGS, 0, 0);
    out.putShort((short) 4).putInt(WINDOW); // initial window of streams
    frame(4, WINDOW_UPDATE, 0, 0);
    out.putInt(WINDOW);
  }

  private void frame(int length, int type, int flags, int stream) {
    out.putInt(length << 8 | type).put((byte) flags).putInt(stream);
  }

  int inFlight() {
    return inFlight;
  }

  /** Whether the server lets another Check be sent now, and there is room for it. */
  boolean hasRoom() {
    return !leaving && window >= most && out.remaining() >= most + BUFFER / 4;
  }

  /** The server ends it, and has answered all that it was sent. */
  boolean isOver() {
    return leaving && inFlight == 0;
  }

  /** Puts the next Check among what {@link #flush} sends. */
  void send() {
    sendDue(System.nanoTime());
  }

  /** The same, as if it had been sent when it was due. */
  void sendDue(long dueNanos) {
    var stream = begin(dueNanos);
    window -= traffic.write(out, stream, stream == 1);
  }

  /** Puts a Check about a socket of one's choice among what {@link #flush} sends. */
  void send(long socket, int port) {
    var stream = begin(System.nanoTime());
    window -= traffic.write(out, stream, stream == 1, socket, port);
  }

  private int begin(long now) {
    var slot = streams++ % MAX_STREAMS;
    if (sentNanos[slot] != 0) {
      throw new IllegalStateException("a Check waits while " + MAX_STREAMS + " later ones ended");
    }
    sentNanos[slot] = now;
    codes[slot] = Answer.NONE;
    inFlight++;
    return 2 * (streams - 1) + 1;
  }

  /** Sends what waits to be sent; true when all of it is gone. */
  boolean flush() throws IOException {
    if (out.position() == 0 && !wire.isBehind()) {
      return true;
    }
    out.flip();
    wire.write(out);
    out.compact();
    return out.position() == 0 && !wire.isBehind();
  }

  /** Takes what has arrived. */
  void receive() throws IOException {
    var open = wire.read(in);
    in.flip();
    while (in.remaining() >= FRAME_HEADER) {
      var start = in.position();
      var lengthAndType = in.getInt(start);
      var length = lengthAndType >>> 8;
      if (in.remaining() < FRAME_HEADER + length) {
        break;
      }
      var end = start + FRAME_HEADER + length;
      var limit = in.limit();
      in.position(start + FRAME_HEADER).limit(end);
      take(lengthAndType & 0xff, in.get(start + 4), in.getInt(start + 5) & Integer.MAX_VALUE);
      in.limit(limit).position(end);
    }
    in.compact();
    acknowledge();
    if (!open && !isOver()) {
      throw new EOFException("the server closed the connection");
    }
  }

  private void take(int type, byte flags, int stream) throws IOException {
    switch (type) {
      case DATA -> data(flags, stream);
      case HEADERS -> headers(flags, stream);
      case RESET -> {
        var _ = end(stream);
        listener.expired();
      }
      case SETTINGS -> {
        if ((flags & ACK) == 0) {
          frame(0, SETTINGS, ACK, 0);
        }
      }
      case PING -> {
        if ((flags & ACK) == 0) {
          frame(8, PING, ACK, 0);
          out.put(in);
        }
      }
      case GO_AWAY -> leaving = true;
      case WINDOW_UPDATE -> {
        if (stream == 0) {
          window += in.getInt();
        }
      }
      default -> throw new IOException("the server sends a frame of type " + type);
    }
  }

  private void data(byte flags, int stream) throws IOException {
    unacknowledged += in.remaining();
    if ((flags & PADDED) != 0 || (flags & END_STREAM) != 0) {
      throw new IOException("an answer is padded, or ends without trailers");
    }
    var slot = slot(stream);
    var message = in;
    var part = parts[slot];
    if (part != null) {
      message = ByteBuffer.allocate(part.length + in.remaining()).put(part).put(in).flip();
      parts[slot] = null;
    }
    if (message.remaining() < MESSAGE_HEADER
        || message.remaining() < MESSAGE_HEADER + message.getInt(message.position() + 1)) {
      var kept = new byte[message.remaining()];
      message.get(kept);
      parts[slot] = kept;
      return;
    }
    message.position(message.position() + MESSAGE_HEADER);
    codes[slot] = Answer.code(message);
  }

  private void headers(byte flags, int stream) throws IOException {
    if ((flags & END_HEADERS) == 0 || (flags & (PADDED | PRIORITY)) != 0) {
      throw new IOException("headers of an answer in an unusual frame");
    }
    try {
      var decoded = headers.decodeHeaders(stream, Unpooled.wrappedBuffer(in));
      if ((flags & END_STREAM) == 0) {
        return;
      }
      var status = decoded.get("grpc-status");
      if (status == null || !status.toString().equals("0")) {
        throw new IOException("a Check failed: " + decoded);
      }
    } catch (Http2Exception e) {
      throw new IOException("headers of an answer cannot be read", e);
    }
    var sent = end(stream);
    listener.answered(sent, codes[slot(stream)]);
  }

  /** When the Check was sent, which waits no more. */
  private long end(int stream) throws IOException {
    var slot = slot(stream);
    var sent = sentNanos[slot];
    if (sent == 0) {
      throw new IOException("an answer that nobody waits for, on stream " + stream);
    }
    sentNanos[slot] = 0;
    parts[slot] = null;
    inFlight--;
    return sent;
  }

  private static int slot(int stream) {
    return (stream >>> 1) % MAX_STREAMS;
  }

  private void acknowledge() {
    if (unacknowledged > WINDOW / 2) {
      frame(4, WINDOW_UPDATE, 0, 0);
      out.putInt((int) unacknowledged);
      unacknowledged = 0;
    }
  }

  Wire wire() {
    return wire;
  }

  @Override
  public void close() throws IOException {
    wire.close();
  }
}
