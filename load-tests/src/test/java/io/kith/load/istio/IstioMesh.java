package io.kith.load.istio;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.istio.MeshRecipe;
import io.kith.istio.MeshRecipe.Tcp;
import io.kith.istio.ServerAddress;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.lab.Upstream;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Istio;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A shop in Istio's mesh: its cart pod has a sidecar; a catalog and a database are services, a
 * payment provider is an external one that Istio knows, and a stranger one that it does not.
 */
final class IstioMesh implements AutoCloseable {
  static final Consumer<String> SAY = System.out::println;

  private static final String NAMESPACE = "shop";
  private static final Duration LIMIT = Duration.ofMinutes(3);

  /** Arguments: HOST PORT. Prints the answer. */
  private static final String ASK =
      """
      #!/usr/bin/perl
      use strict; use warnings; use IO::Socket::IP;
      my ($host, $port) = @ARGV;
      my $web = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 30) or die "connect: $@\\n";
      print $web "GET /price HTTP/1.1\\r\\nHost: $host:$port\\r\\nConnection: close\\r\\n\\r\\n";
      print while <$web>;
      """;

  final Lab lab;
  final ControlPlane plane;
  final Pod cart;
  final Sidecar sidecar;
  final Upstream catalog;
  final Upstream orders;
  final Upstream payments;
  final Upstream stranger;
  private final Deque<AutoCloseable> running = new ArrayDeque<>();

  IstioMesh() throws Exception {
    var istio = Istio.find(SAY);
    var envoy = Envoy.find(SAY);
    var image = Image.of(Map.of("/app/ask", ASK), SAY);
    long begin = System.nanoTime();
    lab = closing(Lab.open("ki", SAY));
    try {
      plane = closing(ControlPlane.start(lab, istio, SAY));
      catalog = closing(lab.addHost("catalog")).http(8080);
      orders = closing(lab.addHost("orders-db")).database(5432);
      payments = closing(lab.addHost("payments.example.org".replace('.', '-'))).tls(443);
      stranger = closing(lab.addHost("stranger")).http(8080);
      cart = lab.addPodWithoutCapture("cart", image);
      describeShop();
      var injected = InjectedPod.create(plane, NAMESPACE, "cart", "cart", cart.v4());
      var server = lab.address().getHostAddress() + " " + Kith.NAME;
      sidecar = closing(Sidecar.start(plane, injected, cart, server, istio, envoy));
      SAY.accept("the mesh is up after " + seconds(begin) + " s");
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  private static String seconds(long begin) {
    return "%.1f".formatted((System.nanoTime() - begin) / 1e9);
  }

  private <T extends AutoCloseable> T closing(T resource) {
    running.push(resource);
    return resource;
  }

  private void describeShop() throws IOException {
    plane.namespace(NAMESPACE, Map.of("istio-injection", "enabled"));
    plane.account(NAMESPACE, "cart");
    plane.apply(
        resource("shop.yaml").replace("PAYMENTS", payments.host().v4().getHostAddress()));
    plane.endpoints(NAMESPACE, "catalog", catalog.host().v4(), Map.of("http", catalog.port()));
    plane.endpoints(NAMESPACE, "orders-db", orders.host().v4(), Map.of("tcp", orders.port()));
    var hosts = new StringBuilder("127.0.0.1 localhost\n");
    for (var service : List.of("catalog", "orders-db")) {
      var address =
          plane
              .client()
              .services()
              .inNamespace(NAMESPACE)
              .withName(service)
              .require()
              .getSpec()
              .getClusterIP();
      hosts.append(address).append(' ').append(service).append('\n');
    }
    for (var external : Map.of("payments.example.org", payments, "stranger", stranger).entrySet()) {
      hosts
          .append(external.getValue().host().v4().getHostAddress())
          .append(' ')
          .append(external.getKey())
          .append('\n');
    }
    cart.write("/etc/hosts", hosts.toString());
  }

  /** A file beside the tests. */
  static String resource(String name) throws IOException {
    try (var text = IstioMesh.class.getResourceAsStream(name)) {
      return new String(text.readAllBytes(), UTF_8);
    }
  }

  /** Kith's filter for all sidecars, which ask a server at this machine's address. */
  static MeshRecipe recipe(Tcp tcp) {
    return new MeshRecipe(
        ServerAddress.parse(Kith.NAME + ":" + Kith.CHECKS), Kith.id(Kith.NAMESPACE, Kith.SERVER), tcp);
  }

  /** Waits until the sidecar's configuration has what was applied, or deleted. */
  void awaitGuarded(boolean guarded) throws IOException, InterruptedException {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (guarded().some() != guarded) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(
            "guarded is not " + guarded + " in time; istiod says: " + plane.log());
      }
      Thread.sleep(20);
    }
  }

  Guarded guarded() throws IOException, InterruptedException {
    return Guarded.in(envoy().admin("/config_dump"));
  }

  EnvoyProxy envoy() {
    return sidecar.envoy();
  }

  /** The cart asks over HTTP; prints the whole answer, empty when the connection was closed. */
  String ask(String host, int port) throws IOException, InterruptedException {
    return cart.start(1000, "", List.of("/app/ask", host, Integer.toString(port)))
        .await(LIMIT)
        .stdout();
  }

  @Override
  public void close() {
    while (!running.isEmpty()) {
      try {
        running.pop().close();
      } catch (Exception e) {
        SAY.accept("while stopping: " + e);
      }
    }
  }
}
