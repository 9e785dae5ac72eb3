package io.kith.server.admin;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One request on a connection of HTTP/2 (RFC 9113) that is known to speak it, and its answer, by
 * the thread that asks.
 */
final class Http2Exchange {
  /** Octets that may be sent before the other end has said how many it takes. */
  static final int MAX_REQUEST = 65_535;

  private static final byte[] PREFACE =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
  private static final int MAX_FRAME = 16_384;
  private static final int FRAME_HEADER = 9;
  private static final int STREAM = 1;
  private static final int OPEN_WINDOW = Integer.MAX_VALUE;

  private static final int DATA = 0;
  private static final int HEADERS = 1;
  private static final int RST_STREAM = 3;
  private static final int SETTINGS = 4;
  private static final int PING = 6;
  private static final int GOAWAY = 7;
  private static final int WINDOW_UPDATE = 8;
  private static final int CONTINUATION = 9;

  private static final int END_STREAM = 1;
  private static final int ACK = 1; // of settings and pings
  private static final int END_HEADERS = 4;
  private static final int PADDED = 8;
  private static final int PRIORITY = 32;

  private final ByteChannel connection;
  private final int mostOfAnswer;
  private final ByteBuffer in = ByteBuffer.allocate(MAX_FRAME + FRAME_HEADER).flip();
  private final ByteArrayOutputStream body = new ByteArrayOutputStream();
  private final ByteArrayOutputStream block = new ByteArrayOutputStream();
  private @Nullable Map<String, String> head;
  private @Nullable Map<String, String> trailers;

  private Http2Exchange(ByteChannel connection, int mostOfAnswer) {
    this.connection = connection;
    this.mostOfAnswer = mostOfAnswer;
  }

  /**
   * What was answered.
   *
   * @param head fields before the body
   * @param trailers fields after it; those before it where nothing followed them
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Answer(Map<String, String> head, byte[] body, Map<String, String> trailers) {}

  /** There is somebody, and no answer from them; the message says what they did, for people. */
  static final class NoAnswerException extends IOException {
    private static final long serialVersionUID = 1;

    NoAnswerException(String message) {
      super(message);
    }

    private static NoAnswerException noHttp2(String why) {
      return new NoAnswerException("it does not speak HTTP/2: " + why);
    }
  }

  /**
   * Asks, and waits for the answer.
   *
   * @param connection in blocking mode, on which nothing was said yet
   * @param body at most {@link #MAX_REQUEST} octets
   * @param mostOfAnswer octets of its body; a longer one is a failure
   * @throws NoAnswerException when whoever is there does not answer as it should
   * @throws IOException when the connection fails
   */
  static Answer ask(
      ByteChannel connection, Map<String, String> fields, byte[] body, int mostOfAnswer)
      throws IOException {
    var exchange = new Http2Exchange(connection, mostOfAnswer);
    exchange.send(fields, body);
    while (exchange.trailers == null) {
      exchange.take(exchange.next());
    }
    var head = exchange.head == null ? exchange.trailers : exchange.head;
    return new Answer(head, exchange.body.toByteArray(), exchange.trailers);
  }

  /**
   * All at once: what we are, that we keep no table of headers and take all there is, the request.
   */
  private void send(Map<String, String> fields, byte[] body) throws IOException {
    var out = new ByteArrayOutputStream();
    out.writeBytes(PREFACE);
    frame(
        out,
        SETTINGS,
        0,
        0,
        ByteBuffer.allocate(18)
            .putShort((short) 1) // the table of headers
            .putInt(0)
            .putShort((short) 2) // pushes
            .putInt(0)
            .putShort((short) 4) // octets of a stream
            .putInt(OPEN_WINDOW)
            .array());
    frame(
        out, WINDOW_UPDATE, 0, 0, ByteBuffer.allocate(4).putInt(OPEN_WINDOW - MAX_REQUEST).array());
    frame(out, HEADERS, END_HEADERS, STREAM, HeaderBlock.of(fields));
    for (var from = 0; from < body.length || from == 0; from += MAX_FRAME) {
      var to = Math.min(body.length, from + MAX_FRAME);
      frame(
          out,
          DATA,
          to == body.length ? END_STREAM : 0,
          STREAM,
          Arrays.copyOfRange(body, from, to));
    }
    write(out.toByteArray());
  }

  private static void frame(
      ByteArrayOutputStream out, int type, int flags, int stream, byte[] content) {
    out.writeBytes(
        ByteBuffer.allocate(FRAME_HEADER)
            .put((byte) (content.length >> 16))
            .putShort((short) content.length)
            .put((byte) type)
            .put((byte) flags)
            .putInt(stream)
            .array());
    out.writeBytes(content);
  }

  private void write(byte[] bytes) throws IOException {
    var out = ByteBuffer.wrap(bytes);
    while (out.hasRemaining()) {
      connection.write(out);
    }
  }

  /** One of the one stream, or of the connection. */
  private record Frame(int type, int flags, ByteBuffer content) {
    boolean has(int flag) {
      return (flags & flag) != 0;
    }
  }

  /** What comes next; its content is there until the next one. */
  private Frame next() throws IOException {
    fill(FRAME_HEADER);
    var length = ((in.get() & 255) << 16) | (in.getShort() & 0xFFFF);
    var type = in.get();
    var flags = in.get();
    var _ = in.getInt();
    if (length > MAX_FRAME) {
      throw NoAnswerException.noHttp2("a frame of " + length + " octets");
    }
    fill(length);
    var content = in.slice(in.position(), length);
    in.position(in.position() + length);
    return new Frame(type, flags, content);
  }

  private void take(Frame frame) throws IOException {
    var content = frame.content();
    switch (frame.type()) {
      case DATA -> {
        unpad(frame);
        if (body.size() + content.remaining() > mostOfAnswer) {
          throw new NoAnswerException("its answer has more than " + mostOfAnswer + " octets");
        }
        add(body, content);
        if (frame.has(END_STREAM)) {
          throw new NoAnswerException("its answer does not say how it ended");
        }
      }
      case HEADERS -> {
        unpad(frame);
        if (frame.has(PRIORITY)) {
          skip(content, 5);
        }
        add(block, content);
        for (var part = frame; !part.has(END_HEADERS); ) {
          part = next();
          if (part.type() != CONTINUATION || block.size() > HeaderBlock.MOST) {
            throw NoAnswerException.noHttp2("its headers are cut off");
          }
          add(block, part.content());
        }
        var fields = HeaderBlock.fields(block.toByteArray());
        block.reset();
        if (frame.has(END_STREAM)) {
          trailers = fields;
        } else if (head == null) {
          head = fields;
        }
      }
      case RST_STREAM ->
          throw new NoAnswerException("it ended the call with code " + code(content, 0));
      case SETTINGS, PING -> {
        if (!frame.has(ACK)) {
          var ack = new ByteArrayOutputStream();
          var echo = new byte[frame.type() == PING ? content.remaining() : 0];
          content.get(echo);
          frame(ack, frame.type(), ACK, 0, echo);
          write(ack.toByteArray());
        }
      }
      case GOAWAY -> {
        if (code(content, 0) < STREAM) { // the last request that it takes
          throw new NoAnswerException("it takes no more calls, with code " + code(content, 4));
        }
      }
      default -> {} // what it takes from us by now, and what we do not know
    }
  }

  private void fill(int octets) throws IOException {
    if (in.remaining() >= octets) {
      return;
    }
    in.compact();
    while (in.position() < octets) {
      if (connection.read(in) < 0) {
        throw new EOFException("the connection ended before the answer");
      }
    }
    in.flip();
  }

  private static void unpad(Frame frame) throws IOException {
    if (frame.has(PADDED)) {
      var content = frame.content();
      var padding = content.hasRemaining() ? content.get() & 255 : 1;
      if (padding > content.remaining()) {
        throw NoAnswerException.noHttp2("more padding than content");
      }
      content.limit(content.limit() - padding);
    }
  }

  private static void skip(ByteBuffer content, int octets) throws IOException {
    if (content.remaining() < octets) {
      throw NoAnswerException.noHttp2("a frame is too short");
    }
    content.position(content.position() + octets);
  }

  private static int code(ByteBuffer content, int at) {
    return content.remaining() < at + 4 ? 0 : content.getInt(content.position() + at);
  }

  private static void add(ByteArrayOutputStream to, ByteBuffer content) {
    var bytes = new byte[content.remaining()];
    content.get(bytes);
    to.writeBytes(bytes);
  }
}
