package io.kith.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * HTTP/1.1 over one connection, also over a Unix socket, which the JDK's client cannot; it does not
 * open another by itself.
 */
public final class RawHttp implements AutoCloseable {
  /**
   * An answer.
   *
   * @param headers names in lower case
   */
  public record Answer(int status, Map<String, String> headers, String body) {}

  private final Closeable connection;
  private final InputStream in;
  private final OutputStream out;

  private RawHttp(Closeable connection, InputStream in, OutputStream out) {
    this.connection = connection;
    this.in = new BufferedInputStream(in);
    this.out = out;
  }

  public static RawHttp connect(Path socket) throws IOException {
    var channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    channel.connect(UnixDomainSocketAddress.of(socket));
    return new RawHttp(
        channel, Channels.newInputStream(channel), Channels.newOutputStream(channel));
  }

  /** Over TCP or TLS. */
  public static RawHttp over(Socket socket) throws IOException {
    return new RawHttp(socket, socket.getInputStream(), socket.getOutputStream());
  }

  public Answer get(String target) throws IOException {
    send("GET " + target + " HTTP/1.1\r\nHost: kith\r\nX-Kith-User: ada\r\n\r\n");
    return answer();
  }

  public Answer post(String target, String json) throws IOException {
    return request("POST", target, "application/json", json);
  }

  public Answer request(String verb, String target, String type, String body) throws IOException {
    send(
        verb
            + " "
            + target
            + " HTTP/1.1\r\nHost: kith\r\nX-Kith-User: ada\r\nContent-Type: "
            + type
            + "\r\nContent-Length: "
            + body.getBytes(UTF_8).length
            + "\r\n\r\n"
            + body);
    return answer();
  }

  public void send(String text) throws IOException {
    out.write(text.getBytes(UTF_8));
    out.flush();
  }

  /** The head of an answer; its lines are read with {@link #chunk}. */
  public Answer head() throws IOException {
    var status = Integer.parseInt(line().split(" ", -1)[1]);
    var headers = new TreeMap<String, String>();
    for (var line = line(); !line.isEmpty(); line = line()) {
      var colon = line.indexOf(':');
      headers.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    return new Answer(status, headers, "");
  }

  /** A whole answer, with its length or in chunks. */
  public Answer answer() throws IOException {
    var head = head();
    if (head.headers().containsKey("transfer-encoding")) {
      return new Answer(head.status(), head.headers(), String.join("", chunks()));
    }
    var length = Integer.parseInt(head.headers().get("content-length"));
    return new Answer(head.status(), head.headers(), new String(in.readNBytes(length), UTF_8));
  }

  private List<String> chunks() throws IOException {
    var chunks = new ArrayList<String>();
    for (var chunk = chunk(); !chunk.isEmpty(); chunk = chunk()) {
      chunks.add(chunk);
    }
    return chunks;
  }

  /** The next chunk; empty for the last. */
  public String chunk() throws IOException {
    var length = Integer.parseInt(line(), 16);
    var chunk = new String(in.readNBytes(length), UTF_8);
    line();
    return chunk;
  }

  /**
   * Sends requests and reads nothing, until the server hangs up; then reads all that there is.
   *
   * @param turn lets the server answer, after each request
   * @return how many were answered, with one more at the end that asks for the close
   */
  public int askWithoutReading(int requests, String request, Turn turn) throws IOException {
    for (var i = 0; i < requests && sent(request); i++) {
      turn.pass();
    }
    var _ = sent("GET /end HTTP/1.1\r\nHost: kith\r\nConnection: close\r\n\r\n");
    var answers = 0;
    try {
      for (; answers <= requests; answers++) {
        answer();
      }
    } catch (IOException _) {
      // that was the last
    }
    return answers;
  }

  private boolean sent(String request) {
    try {
      send(request);
      return true;
    } catch (IOException _) {
      return false;
    }
  }

  /** What is done between two requests. */
  @FunctionalInterface
  public interface Turn {
    void pass() throws IOException;
  }

  /** Whether the server has hung up. */
  public boolean isAtEnd() throws IOException {
    return in.read() < 0;
  }

  private String line() throws IOException {
    var line = new ByteArrayOutputStream();
    for (var next = in.read(); next != '\n'; next = in.read()) {
      if (next < 0) {
        throw new IOException("the server hung up");
      }
      if (next != '\r') {
        line.write(next);
      }
    }
    return line.toString(UTF_8);
  }

  @Override
  public void close() throws IOException {
    connection.close();
  }
}
