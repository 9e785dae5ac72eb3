package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HttpLoadTest {
  private static final InetSocketAddress ANY =
      new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

  private final Set<InetSocketAddress> seen = ConcurrentHashMap.newKeySet();
  private volatile int status = 200;
  private final LoadThread thread = new LoadThread();
  private HttpServer server;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(ANY, 0);
    server.createContext(
        "/",
        exchange -> {
          seen.add(exchange.getRemoteAddress());
          exchange.sendResponseHeaders(status, -1);
          exchange.close();
        });
    server.start();
  }

  @AfterEach
  void stop() {
    thread.close();
    server.stop(0);
  }

  private HttpLoad load(int connections, boolean kept) {
    return new HttpLoad(thread, ANY, List.of(server.getAddress()), connections, kept);
  }

  @Test
  void run_keptConnections_areNoMoreThanAsked() throws Exception {
    try (var load = load(2, true)) {
      Driver.Answers answers;
      var all = 0;
      do { // a busy machine may answer few in that time
        answers = load.run(Duration.ofMillis(50));
        all += answers.count();
      } while (all < 20);

      assertThat(answers.denied()).isZero();
      assertThat(seen).hasSize(2);
    }
  }

  @Test
  void run_newConnections_areOneForEachRequest() throws Exception {
    try (var load = load(2, false)) {
      var answers = load.run(Duration.ofMillis(50));

      assertThat(answers.denied()).isZero();
      assertThat(seen).hasSize(answers.count());
    }
  }

  @Test
  void runAtRate_isNoMoreThanAsked() throws Exception {
    try (var load = load(2, true)) {
      var answers = load.runAtRate(Duration.ofMillis(500), 40);

      assertThat(answers.count()).isBetween(2, 21);
    }
  }

  @Test
  void run_noTime_isOneRequestOnEachConnection() throws Exception {
    try (var load = load(3, true)) {
      assertThat(load.run(Duration.ZERO).count()).isEqualTo(3);
    }
  }

  @Test
  void run_refusedRequests_areCounted() throws Exception {
    status = 403;
    try (var load = load(1, true)) {
      assertThat(load.run(Duration.ZERO).denied()).isEqualTo(1);
    }
  }

  @Test
  void run_connectionsThatEndWithoutAnAnswer_areCountedAsRefused() throws Exception {
    try (var silent = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
        var load =
            new HttpLoad(
                thread,
                ANY,
                List.of(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), silent.getLocalPort())),
                1,
                false)) {
      Thread.startVirtualThread(
          () -> {
            try {
              silent.accept().close();
            } catch (IOException e) {
              throw new IllegalStateException(e);
            }
          });

      assertThat(load.run(Duration.ZERO).denied()).isEqualTo(1);
    }
  }

  /** Load and upstream of one thread, as a comparison has them. */
  @Test
  void run_upstreamOfTheSameThread_answersEachRequest() throws Exception {
    var upstream = HttpUpstream.listen(thread, ANY);
    for (var kept : List.of(true, false)) {
      try (var load = new HttpLoad(thread, ANY, List.of(upstream), 4, kept)) {
        var answers = load.run(Duration.ofMillis(50));

        assertThat(answers.count()).isGreaterThanOrEqualTo(4);
        assertThat(answers.denied()).isZero();
      }
    }
  }
}
