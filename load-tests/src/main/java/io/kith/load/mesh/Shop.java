package io.kith.load.mesh;

import io.kith.istio.StandaloneRecipe;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.PodProcess;
import io.kith.load.lab.Upstream;
import io.kith.load.tools.Envoy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * The checkout workload, whom it talks to, and where all of them live: what differs with the
 * privileges that there are.
 */
public sealed interface Shop extends AutoCloseable permits PodShop, LoopbackShop {

  /** Whom the checkout workload can reach. */
  record Upstreams(Upstream database, Upstream catalog, Upstream payments, Upstream stranger) {}

  /** Where Kith's server and Envoy's administration listen, at {@link #address}. */
  record Ports(int checks, int bridges, int health, int envoyAdmin) {}

  /** For sockets, logs and configuration. */
  Path folder();

  /** Of this machine, as Envoy and the bridge reach it. */
  InetAddress address();

  Ports ports();

  Upstreams upstreams();

  /** Asks the server's port for health and metrics. */
  default HttpResponse<String> ask(String path) throws IOException, InterruptedException {
    try (var client = HttpClient.newHttpClient()) {
      var port = address().getHostAddress() + ":" + ports().health();
      var request =
          HttpRequest.newBuilder(URI.create("http://" + port + path))
              .timeout(Duration.ofSeconds(30))
              .build();
      return client.send(request, HttpResponse.BodyHandlers.ofString());
    }
  }

  /** What the workload is here: a word for people. */
  String home();

  /** How Envoy stands beside it, for people. */
  String beside();

  /** Entries of {@code bridge:} in {@code kith.yaml}, without the ones that every shop has. */
  String bridgeSettings();

  /**
   * Entries of {@code workloads:} in {@code kith.yaml}.
   *
   * @param checkout owner and SPIFFE ID of the checkout workload, as entries of a mapping
   */
  List<String> workloads(String checkout);

  /** How connections of the workload reach Envoy. */
  StandaloneRecipe.Capture capture();

  /** The strictest way to check plain TCP here. */
  StandaloneRecipe.TcpCheck strictest();

  EnvoyProxy startEnvoy(Envoy program, StandaloneRecipe recipe)
      throws IOException, InterruptedException;

  /** The legitimate programs with their arguments. */
  List<List<String>> work();

  /** The attacks that can be shown here, with the reasons that they get here. */
  List<Attack> attacks();

  /** The bypasses that can be shown here, where something guards the workload. */
  List<Bypass> bypasses();

  /** Entries of {@code server.guard} in {@code kith.yaml}. */
  String guardSettings();

  /** Where the workload reaches an upstream. */
  Attack.Place place(Upstream upstream);

  /** What runs for an attack. */
  default List<String> argv(Attack attack) {
    return attack.argv(
        Map.of(
            "DB", place(upstreams().database()),
            "CATALOG", place(upstreams().catalog()),
            "STRANGER", place(upstreams().stranger())));
  }

  /** The process that runs for an attack, in words. */
  default String process(Attack attack) {
    return attack.process();
  }

  /** Runs a program of the workload, as the workload's own user. */
  PodProcess.Outcome run(List<String> argv) throws IOException, InterruptedException;

  /** Ends and removes all of it. */
  @Override
  void close();
}
