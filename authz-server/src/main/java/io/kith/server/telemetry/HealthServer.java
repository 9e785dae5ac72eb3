package io.kith.server.telemetry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/**
 * {@code /healthz}, {@code /readyz} and {@code /metrics} over plain HTTP.
 *
 * <p>Healthy is a process that answers; ready is one that should get Checks.
 */
public final class HealthServer implements AutoCloseable {
  private static final String TEXT = "text/plain; charset=utf-8";
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

  private final HttpServer server;
  private volatile Supplier<String> notReady;
  private final ExecutorService requests = Executors.newVirtualThreadPerTaskExecutor();

  /**
   * Serves at once.
   *
   * @param notReady why the server is not ready, in words; empty when it is
   * @throws IOException when the address cannot be bound
   */
  public HealthServer(InetSocketAddress address, Supplier<String> notReady, Metrics metrics)
      throws IOException {
    this.notReady = requireNonNull(notReady, "notReady");
    requireNonNull(metrics, "metrics");
    server = HttpServer.create(address, 0);
    server.setExecutor(requests);
    server.createContext("/", exchange -> answer(exchange, 404, TEXT, "not found\n"));
    server.createContext("/healthz", exchange -> answer(exchange, 200, TEXT, "ok\n"));
    server.createContext(
        "/readyz",
        exchange -> {
          var why = this.notReady.get();
          if (why.isEmpty()) {
            answer(exchange, 200, TEXT, "ready\n");
          } else {
            answer(exchange, 503, TEXT, "not ready: " + why + "\n");
          }
        });
    server.createContext("/metrics", exchange -> answer(exchange, 200, PROMETHEUS, metrics.text()));
    server.start();
  }

  /**
   * Says from now on something else of whether the server is ready.
   *
   * @param notReady why it is not, in words; empty when it is
   */
  public void says(Supplier<String> notReady) {
    this.notReady = requireNonNull(notReady, "notReady");
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    return server.getAddress();
  }

  private static void answer(HttpExchange exchange, int status, String type, String body)
      throws IOException {
    try (exchange) {
      var head = exchange.getRequestMethod().equals("HEAD");
      if (!head && !exchange.getRequestMethod().equals("GET")) {
        exchange.getResponseHeaders().set("Allow", "GET, HEAD");
        exchange.sendResponseHeaders(405, -1);
        return;
      }
      var bytes = body.getBytes(UTF_8);
      exchange.getResponseHeaders().set("Content-Type", type);
      exchange.sendResponseHeaders(status, head ? -1 : bytes.length);
      if (!head) {
        exchange.getResponseBody().write(bytes);
      }
    }
  }

  @Override
  public void close() {
    server.stop(0);
    requests.shutdownNow();
  }
}
