package io.kith.server.doctor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.ConfigBuilder;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LiveMeshTest {
  private HttpServer api;

  @BeforeEach
  void start() throws Exception {
    api = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    answer("/", 403, "{\"kind\": \"Status\", \"code\": 403}");
    api.start();
  }

  @AfterEach
  void stop() {
    api.stop(0);
  }

  private void answer(String path, int code, String page) {
    api.createContext(
        path,
        exchange -> {
          try (exchange) {
            var body = page.getBytes(UTF_8);
            exchange.sendResponseHeaders(code, body.length);
            exchange.getResponseBody().write(body);
          }
        });
  }

  /** A large cluster's objects are megabytes of what no rule looks at. */
  @Test
  void find_keepsOfObjects_onlyWhatRulesLookAt() throws Exception {
    answer(
        "/api/v1/pods",
        200,
        """
        {"items": [{"metadata": {"name": "cart-0", "namespace": "shop", "managedFields": [{"manager": "dropped"}]},
          "spec": {"nodeName": "node-1", "containers": [{"name": "cart", "command": ["dropped"],
            "env": [{"name": "dropped"}], "securityContext": {"runAsUser": 1337}}]}}]}
        """);
    answer(
        "/api/v1/namespaces/istio-system/configmaps/istio",
        200,
        """
        {"metadata": {"name": "istio", "namespace": "istio-system"}, "data": {"meshNetworks": "dropped"}}
        """);
    try (var mesh =
        new LiveMesh(
            new ConfigBuilder()
                .withAutoConfigure(false)
                .withMasterUrl("http://127.0.0.1:" + api.getAddress().getPort())
                .build(),
            "istio-system",
            "istio-system",
            Set.of(),
            Map.of(),
            "kith",
            Map.of(),
            URI.create("http://127.0.0.1:" + api.getAddress().getPort() + "/metrics"))) {

      var objects = mesh.find().objects();

      assertThat(objects).singleElement().asString().contains("cart-0", "node-1", "1337");
      assertThat(objects.toString()).doesNotContain("dropped");
    }
  }
}
