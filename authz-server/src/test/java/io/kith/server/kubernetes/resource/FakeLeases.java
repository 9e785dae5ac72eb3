package io.kith.server.kubernetes.resource;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.kith.server.kubernetes.ApiServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The one Lease of an API server, as it answers for it: with versions that have to be the last. */
final class FakeLeases implements AutoCloseable {
  private static final String LEASES = "/apis/coordination.k8s.io/v1/namespaces/kith/leases";
  private final List<Door> doors = new ArrayList<>();
  private @Nullable Lease lease;
  private int version;
  private int writes;

  /** How one server gets to it. */
  final class Door implements AutoCloseable {
    private final HttpServer server;
    final KubernetesClient client;

    /** Answers with this status instead; 0: none. */
    volatile int refuses;

    /** Runs before the next change, once. */
    volatile @Nullable Runnable before;

    private Door() throws IOException {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
      server.createContext("/", this::answer);
      server.start();
      client =
          ApiServer.client(
              new ConfigBuilder(Config.empty())
                  .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                  .build());
    }

    private void answer(HttpExchange exchange) throws IOException {
      try (exchange) {
        var body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        var first = before;
        if (first != null && !exchange.getRequestMethod().equals("GET")) {
          before = null;
          first.run();
        }
        var answer =
            refuses > 0
                ? new Answer(refuses, null)
                : answered(exchange.getRequestMethod(), exchange.getRequestURI().getPath(), body);
        var text =
            answer.lease() == null
                ? "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":%d,\"message\":\"refused\"}"
                    .formatted(answer.status())
                : Serialization.asJson(answer.lease());
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(answer.status(), bytes.length);
        exchange.getResponseBody().write(bytes);
      }
    }

    @Override
    public void close() {
      client.close();
      server.stop(0);
    }
  }

  private record Answer(int status, @Nullable Lease lease) {}

  synchronized Door door() throws IOException {
    var door = new Door();
    doors.add(door);
    return door;
  }

  private synchronized Answer answered(String method, String path, String body) {
    if (!path.equals(method.equals("POST") ? LEASES : LEASES + "/kith-cluster")) {
      throw new IllegalArgumentException(method + " " + path);
    }
    return switch (method) {
      case "GET" -> lease == null ? new Answer(404, null) : new Answer(200, lease);
      case "POST" -> lease == null ? stored(201, body) : new Answer(409, null);
      case "PATCH" -> {
        if (lease == null) {
          yield new Answer(404, null);
        }
        var wanted = Serialization.unmarshal(body, Lease.class).getMetadata().getResourceVersion();
        yield lease.getMetadata().getResourceVersion().equals(wanted)
            ? stored(200, body)
            : new Answer(409, null);
      }
      default -> throw new IllegalArgumentException(method);
    };
  }

  /** The elector writes all of it, so that a patch is the whole. */
  private Answer stored(int status, String body) {
    var fresh = Serialization.unmarshal(body, Lease.class);
    fresh.getMetadata().setResourceVersion(Integer.toString(++version));
    lease = fresh;
    writes++;
    return new Answer(status, fresh);
  }

  /** How often it was written through a door. */
  synchronized int writes() {
    return writes;
  }

  synchronized void change(UnaryOperator<@Nullable Lease> change) {
    lease = change.apply(lease);
    if (lease != null) {
      lease.getMetadata().setResourceVersion(Integer.toString(++version));
    }
  }

  synchronized String holder() {
    var holder = lease == null ? null : lease.getSpec().getHolderIdentity();
    return holder == null ? "" : holder;
  }

  @Override
  public void close() {
    doors.forEach(Door::close);
  }
}
