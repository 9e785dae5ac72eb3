package io.kith.bridge.container;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;

/**
 * Asks a server behind a Unix socket with HTTP/1.0, whose answers end where the connection does.
 *
 * <p>An exchange takes a bounded time as a whole, and an answer has a bounded size. Thread-safe.
 */
final class UnixHttp implements AutoCloseable {
  private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] (\\d{3})(?: .*)?");
  private static final String END_OF_HEADERS = "\r\n\r\n";

  private final Path socket;
  private final Duration limit;
  private final int maxBytes;
  private final ScheduledExecutorService watchdog =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("kith-runtime-limit").factory());

  /**
   * Nothing is connected yet.
   *
   * @param limit for each exchange
   * @param maxBytes of an answer with its headers
   */
  UnixHttp(Path socket, Duration limit, int maxBytes) {
    this.socket = socket;
    this.limit = limit;
    this.maxBytes = maxBytes;
  }

  /** An answer. */
  record Response(int status, String body) {}

  /**
   * Asks.
   *
   * @param target path and query, already encoded
   * @throws IOException when there is no answer in time, or it is too long, cut or not HTTP
   */
  Response get(String target) throws IOException {
    var late = new AtomicBoolean();
    try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      var end =
          watchdog.schedule(() -> abort(channel, late), limit.toMillis(), TimeUnit.MILLISECONDS);
      try {
        channel.connect(UnixDomainSocketAddress.of(socket));
        var request = ByteBuffer.wrap(request(target));
        while (request.hasRemaining()) {
          channel.write(request);
        }
        return response(Channels.newInputStream(channel).readNBytes(maxBytes + 1));
      } finally {
        end.cancel(false);
      }
    } catch (IOException e) {
      throw late.get() ? new IOException("no answer in " + limit.toMillis() + " ms", e) : e;
    }
  }

  /** Ends whatever waits for the channel. */
  private static void abort(SocketChannel channel, AtomicBoolean late) {
    late.set(true);
    try {
      channel.close();
    } catch (IOException _) {
      // it is closed all the same
    }
  }

  private static byte[] request(String target) {
    return ("GET " + target + " HTTP/1.0\r\nHost: localhost\r\nUser-Agent: kith\r\n\r\n")
        .getBytes(ISO_8859_1);
  }

  private Response response(byte[] bytes) throws IOException {
    if (bytes.length > maxBytes) {
      throw new IOException("answer longer than " + maxBytes + " bytes");
    }
    var text = new String(bytes, ISO_8859_1);
    var end = text.indexOf(END_OF_HEADERS);
    var lines = end < 0 ? new String[] {""} : text.substring(0, end).split("\r\n", -1);
    var status = STATUS.matcher(lines[0]);
    if (!status.matches()) {
      throw new IOException(bytes.length == 0 ? "hung up without an answer" : "answer is not HTTP");
    }
    var start = end + END_OF_HEADERS.length();
    var length = length(lines);
    if (length >= 0 && length != bytes.length - start) {
      throw new IOException(
          "answer cut: " + (bytes.length - start) + " of " + length + " bytes arrived");
    }
    return new Response(
        Integer.parseInt(status.group(1)), new String(bytes, start, bytes.length - start, UTF_8));
  }

  private static long length(String[] headers) throws IOException {
    for (var header : headers) {
      var name = header.toLowerCase(Locale.ROOT);
      if (name.startsWith("content-length:")) {
        try {
          return Long.parseLong(name.substring(name.indexOf(':') + 1).strip());
        } catch (NumberFormatException e) {
          throw new IOException("answer with a length that is no number", e);
        }
      }
      if (name.startsWith("transfer-encoding:")) {
        throw new IOException("answer in chunks, to HTTP/1.0");
      }
    }
    return -1;
  }

  @Override
  public void close() {
    watchdog.shutdownNow();
  }
}
