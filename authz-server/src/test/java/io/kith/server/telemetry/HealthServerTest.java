package io.kith.server.telemetry;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.server.check.Await;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whoever reaches the port of health and metrics takes it from nobody. */
@Timeout(60)
class HealthServerTest {
  private final Metrics metrics = new Metrics();
  private final AtomicInteger gathered = new AtomicInteger();
  private final List<Socket> sockets = new ArrayList<>();
  private HealthServer health;

  @BeforeEach
  void start() throws IOException {
    metrics.gauge("kith_gathered", "How often.", gathered::incrementAndGet);
    health =
        new HealthServer(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), () -> "", metrics);
  }

  @AfterEach
  void stop() throws IOException {
    for (var socket : sockets) {
      socket.close();
    }
    health.close();
  }

  private Socket send(String text) throws IOException {
    var socket = new Socket(health.address().getAddress(), health.address().getPort());
    socket.getOutputStream().write(text.getBytes(US_ASCII));
    return socket;
  }

  private String ask(String method, String path) throws IOException {
    try (var socket = send(method + " " + path + " HTTP/1.1\r\nHost: kith\r\n\r\n")) {
      return new String(socket.getInputStream().readAllBytes(), US_ASCII);
    }
  }

  private void sendHalf(int requests) throws IOException {
    for (var i = 0; i < requests; i++) {
      sockets.add(send("GET /healthz HTTP/1.1\r\nHost: "));
    }
  }

  private long open() {
    return sockets.stream().filter(HealthServerTest::isOpen).count();
  }

  private static boolean isOpen(Socket socket) {
    try {
      socket.setSoTimeout(1);
      return socket.getInputStream().read() >= 0;
    } catch (SocketTimeoutException _) {
      return true;
    } catch (IOException _) {
      return false; // reset
    }
  }

  @Test
  void halfRequests_doNotStopHealth_andOfTooManyTheEldestGo() throws IOException {
    sendHalf(5 * HealthServer.MAX_CONNECTIONS);

    assertThat(ask("GET", "/healthz")).startsWith("HTTP/1.1 200 ").endsWith("\r\n\r\nok\n");
    assertThat(open()).isLessThan(HealthServer.MAX_CONNECTIONS);
    assertThat(isOpen(sockets.getFirst())).isFalse();
  }

  @Test
  void halfRequest_isNotWaitedForLongerThanSeconds() throws IOException {
    sendHalf(3);
    assertThat(open()).isEqualTo(3);

    Await.until("all of them are closed", () -> open() == 0);
  }

  @Test
  void metrics_areGatheredFiveTimesASecond_andNeverOlderThanTheirRequest() throws Exception {
    var began = System.nanoTime();
    assertThat(ask("GET", "/metrics")).contains("\nkith_gathered 1\n");

    var answers = new ArrayList<String>();
    try (var callers = Executors.newVirtualThreadPerTaskExecutor()) {
      var asked = new ArrayList<Future<String>>();
      for (var i = 0; i < 40; i++) {
        asked.add(callers.submit(() -> ask("GET", "/metrics")));
      }
      for (var one : asked) {
        answers.add(one.get());
      }
    }

    var fifths = (System.nanoTime() - began) / 200_000_000;
    assertThat(answers).allSatisfy(text -> assertThat(text).startsWith("HTTP/1.1 200 "));
    assertThat(answers).noneSatisfy(text -> assertThat(text).contains("\nkith_gathered 1\n"));
    assertThat(gathered.get()).isLessThanOrEqualTo((int) fifths + 1);
  }

  @Test
  void metrics_thatCannotBeGathered_areAnError_andTheNextOnesAreNot() throws IOException {
    var fails = new AtomicBoolean(true);
    metrics.gauge(
        "kith_failing",
        "Fails at first.",
        () -> {
          if (fails.getAndSet(false)) {
            throw new IllegalStateException("not yet");
          }
          return 7;
        });

    assertThat(ask("GET", "/metrics")).startsWith("HTTP/1.1 500 ");
    assertThat(ask("GET", "/metrics")).startsWith("HTTP/1.1 200 ").contains("\nkith_failing 7\n");
  }

  @Test
  void requests_thatAreNone_areRefused() throws IOException {
    assertThat(ask("POST", "/healthz")).startsWith("HTTP/1.1 405 ").contains("allow: GET, HEAD");
    assertThat(ask("HEAD", "/readyz")).startsWith("HTTP/1.1 200 ").endsWith("\r\n\r\n");
    assertThat(ask("GET", "/" + "a".repeat(10_000))).startsWith("HTTP/1.1 400 ");
    assertThat(ask("GET", "/healthz?verbose=1")).startsWith("HTTP/1.1 200 ");
  }

  @Test
  void port_thatSomebodyHas_isRefusedInWords() {
    assertThatThrownBy(() -> new HealthServer(health.address(), () -> "", metrics))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("Address already in use");
  }
}
