package io.kith.server.http;

import io.grpc.Attributes;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.kith.server.check.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class JsonServerTest {
  /** As Linux shows it: the timer that runs for a socket, 2 for the one that asks its peer. */
  private static final String KEEP_ALIVE = "02:";

  /** Who follows decisions and went away without a word had one of 32 places for ever. */
  @Test
  void onTcp_silentPeer_isAskedWhetherItIsThere() throws Exception {
    var loopback = InetAddress.getLoopbackAddress();
    var services = new JsonServer.Services(List.of(), _ -> Attributes.EMPTY, Map.of());
    try (var server =
            JsonServer.onTcp(
                "key",
                new InetSocketAddress(loopback, 0),
                SslContextBuilder.forClient().build(), // nobody shakes hands
                services);
        var client = new Socket(loopback, server.port())) {
      Await.until(
          "the kernel asks",
          () -> timer(server.port(), client.getLocalPort()).startsWith(KEEP_ALIVE));
    }
  }

  /** Source: proc(5), {@code /proc/net/tcp}. */
  private static String timer(int local, int remote) {
    return Stream.of("tcp", "tcp6")
        .flatMap(
            file -> {
              try {
                return Files.readAllLines(Path.of("/proc/self/net", file)).stream();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            })
        .map(line -> line.strip().split("\\s+"))
        .filter(row -> isPort(row[1], local) && isPort(row[2], remote))
        .map(row -> row[5])
        .findFirst()
        .orElse("");
  }

  private static boolean isPort(String end, int port) {
    return end.endsWith(":%04X".formatted(port));
  }
}
