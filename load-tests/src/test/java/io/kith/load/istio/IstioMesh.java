package io.kith.load.istio;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.kith.istio.MeshRecipe;
import io.kith.istio.MeshSettings;
import io.kith.istio.ServerAddress;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.lab.Upstream;
import io.kith.load.mesh.Programs;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.Istio;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A shop in Istio's mesh: its cart and its catalog have sidecars, its database has none; a payment
 * provider is outside and Istio knows it, a stranger is outside and it does not.
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

  /** Arguments: HOST PORT. Reads the greeting, asks for orders, prints both answers. */
  private static final String ORDERS =
      """
      #!/usr/bin/perl
      use strict; use warnings; use IO::Socket::IP;
      my ($host, $port) = @ARGV;
      my $db = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 30) or die "connect: $@\\n";
      print scalar <$db> // '';
      print $db "orders\\n";
      print scalar <$db> // '';
      """;

  /** Owner of the workload that is watched. */
  static final String CART = "shop/deployment/cart";

  final Lab lab;
  final ControlPlane plane;
  private final ClusterObjects objects;
  final Pod cart;
  final Sidecar sidecar;
  final Sidecar catalogsSidecar;
  final Upstream catalog;
  final Upstream orders;
  final Upstream payments;
  final Upstream stranger;
  final Upstream strangersDatabase;
  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final Istio istio;
  private final Envoy envoy;

  IstioMesh() throws Exception {
    istio = Istio.find(SAY);
    envoy = Envoy.find(SAY);
    var programs = new HashMap<>(Programs.installed());
    programs.putAll(Map.of("/app/ask", ASK, "/app/orders", ORDERS));
    var image = Image.of(programs, SAY);
    long begin = System.nanoTime();
    lab = closing(Lab.open("ki", SAY));
    try {
      plane = closing(ControlPlane.start(lab, istio, SAY));
      objects = new ClusterObjects(plane, NAMESPACE);
      var catalogPod = lab.addPodWithoutCapture("catalog", image);
      catalog = closing(lab.servingIn(catalogPod)).http(8080);
      orders = closing(lab.addHost("orders-db")).database(5432);
      payments = closing(lab.addHost("payments")).tls(443);
      var strange = closing(lab.addHost("stranger"));
      stranger = strange.http(8080);
      strangersDatabase = strange.database(4444);
      cart = lab.addPodWithoutCapture("cart", image);
      describeShop();
      sidecar = startSidecar(cart);
      catalogsSidecar = startSidecar(catalogPod);
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

  /** Of a pod that is called as its account and its label. */
  private Sidecar startSidecar(Pod pod) throws IOException, InterruptedException {
    plane.account(NAMESPACE, pod.name());
    var injected =
        InjectedPod.create(
            plane, NAMESPACE, pod.name(), pod.name(), objects.deployment(pod.name()), pod.v4());
    var server = lab.address().getHostAddress() + " " + Kith.NAME;
    return closing(Sidecar.start(plane, injected, pod, server, istio, envoy));
  }

  private void describeShop() throws IOException, InterruptedException {
    plane.namespace(NAMESPACE, Map.of("istio-injection", "enabled"));
    objects.podWithoutSidecar(
        "orders-db-0",
        "orders-db",
        ClusterObjects.statefulSet("orders-db"),
        orders.host().v4().getHostAddress());
    plane.apply(resource("shop.yaml").replace("PAYMENTS", payments.host().v4().getHostAddress()));
    plane.endpoints(
        NAMESPACE, "catalog", catalog.host().v4(), "catalog-0", Map.of("http", catalog.port()));
    plane.endpoints(NAMESPACE, "orders-db", orders.host().v4(), null, Map.of("tcp", orders.port()));
    var hosts = new StringBuilder("127.0.0.1 localhost\n");
    for (var service : List.of("catalog", "orders-db")) {
      hosts.append(serviceAddress(service)).append(' ').append(service).append('\n');
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
  static MeshRecipe recipe(MeshSettings settings) {
    return new MeshRecipe(
        ServerAddress.parse(Kith.NAME + ":" + Kith.CHECKS),
        Kith.id(Kith.NAMESPACE, Kith.SERVER),
        settings);
  }

  /** Waits until both sidecars have what was applied, or deleted, for new connections. */
  void awaitGuarded(boolean guarded) throws IOException, InterruptedException {
    for (var one : List.of(sidecar, catalogsSidecar)) {
      await("x-kith-direction", guarded, () -> configuration(one.envoy()));
    }
  }

  /**
   * Waits until a text is in the sidecar's configuration for new connections, or no more.
   *
   * @param text of JSON without blanks
   */
  void awaitText(String text, boolean there) throws IOException, InterruptedException {
    await(text, there, () -> configuration(envoy()));
  }

  /** Without listeners that are not asked any more and drain, for as long as Istio has it. */
  private static String configuration(EnvoyProxy envoy) throws IOException, InterruptedException {
    var dump = new ObjectMapper().readTree(envoy.admin("/config_dump"));
    for (var listener : dump.findParents("draining_state")) {
      ((ObjectNode) listener).remove("draining_state");
    }
    return dump.toString();
  }

  /** Waits until the sidecar has a cluster, or no more. Its listeners may name it still. */
  void awaitCluster(String part, boolean there) throws IOException, InterruptedException {
    await(part, there, () -> envoy().admin("/clusters"));
  }

  /** Waits until the sidecar has so many outbound chains, or more. */
  void awaitChains(int least) throws IOException, InterruptedException {
    for (var end = System.nanoTime() + LIMIT.toNanos(); guarded().chains().size() < least; ) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(guarded() + " (expected: at least " + least + " chains)");
      }
      Thread.sleep(20);
    }
  }

  @FunctionalInterface
  private interface Page {
    String read() throws IOException, InterruptedException;
  }

  private void await(String text, boolean there, Page page)
      throws IOException, InterruptedException {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (page.read().contains(text) != there) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(
            "%s is%s there; istiod says: %s".formatted(text, there ? " not" : "", plane.log()));
      }
      Thread.sleep(20);
    }
  }

  /** Connections that the cart's sidecar keeps to the catalog's are made anew when it needs one. */
  void closeKept() throws Exception {
    cart.namespace()
        .call(
            () ->
                Command.run(
                        LIMIT,
                        List.of("ss", "-K", "-t", "dst", catalog.host().v4().getHostAddress()))
                    .orFail());
  }

  Guarded guarded() throws IOException, InterruptedException {
    return Guarded.in(envoy().admin("/config_dump"));
  }

  EnvoyProxy envoy() {
    return sidecar.envoy();
  }

  /**
   * Starts Kith, which observes. Who is who it finds out by itself, with no rights but for that.
   */
  Kith startKith() throws IOException, InterruptedException {
    return closing(new Kith(lab, plane, istio, envoy, null, Kith.IN_MEMORY));
  }

  /**
   * Starts Kith, which observes.
   *
   * @param kubernetes what the server has to do with the API server, {@code server.kubernetes}
   */
  Kith startKith(String kubernetes) throws IOException, InterruptedException {
    return startKith(kubernetes, Kith.IN_MEMORY);
  }

  /**
   * Starts Kith, which observes, on a store.
   *
   * @param store the server's key {@code store}
   */
  Kith startKith(String kubernetes, String store) throws IOException, InterruptedException {
    return closing(new Kith(lab, plane, istio, envoy, kubernetes, store));
  }

  String serviceAddress(String service) {
    return plane
        .client()
        .services()
        .inNamespace(NAMESPACE)
        .withName(service)
        .require()
        .getSpec()
        .getClusterIP();
  }

  /** The cart asks over HTTP: the whole answer, empty when the connection was closed. */
  String ask(String host, int port) throws IOException, InterruptedException {
    return run("/app/ask", host, Integer.toString(port));
  }

  /** Runs a program of the cart as its usual user, for what it prints. */
  String run(String... argv) throws IOException, InterruptedException {
    return cart.start(1000, "", List.of(argv)).await(LIMIT).stdout();
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
