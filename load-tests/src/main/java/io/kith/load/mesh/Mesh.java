package io.kith.load.mesh;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Identity;
import io.kith.istio.StandaloneRecipe.Redirected;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.lab.PodProcess;
import io.kith.load.lab.Upstream;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A small shop with Kith in it: a checkout pod with an Envoy beside it, a database, a catalog and a
 * payment provider, a stranger, and Kith's development identity, server and bridge, each a process
 * of its own.
 */
public final class Mesh implements AutoCloseable {
  /** Owner of the pod that is watched. */
  public static final String CHECKOUT = "shop/deployment/checkout";

  private static final String TRUST_DOMAIN = "dev.kith.local";
  private static final String CHECKOUT_ID = "spiffe://dev.kith.local/ns/shop/sa/checkout";
  private static final String SERVER_ID = "spiffe://dev.kith.local/ns/kith/sa/authz-server";
  private static final String BRIDGE_ID = "spiffe://dev.kith.local/ns/kith/sa/identity-bridge";
  private static final int APP_UID = 1000;
  private static final Duration PROGRAM_LIMIT = Duration.ofSeconds(20);
  private static final Duration START_LIMIT = Duration.ofSeconds(60);

  /**
   * How the mesh is set up.
   *
   * @param prefix begins the names that the lab gives
   * @param tcp when Envoy checks plain TCP
   * @param failureModeAllow Envoy lets pass what it cannot check
   * @param otlpGrpcPort where spans of Envoy are taken at the lab's address, or null
   * @param otlpHttpPort where spans of the server are taken at the lab's address, or null
   * @param checkTimeout how long Envoy waits for an answer
   */
  public record Options(
      String prefix,
      TcpCheck tcp,
      boolean failureModeAllow,
      @Nullable Integer otlpGrpcPort,
      @Nullable Integer otlpHttpPort,
      Duration checkTimeout) {
    /** Checks at connect, fails closed, sends no spans. */
    public static Options of(String prefix) {
      return new Options(prefix, TcpCheck.GATE, false, null, null, StandaloneRecipe.TIMEOUT);
    }

    public Options with(TcpCheck check) {
      return new Options(prefix, check, failureModeAllow, otlpGrpcPort, otlpHttpPort, checkTimeout);
    }

    public Options failingOpen() {
      return new Options(prefix, tcp, true, otlpGrpcPort, otlpHttpPort, checkTimeout);
    }

    /** Spans go to these ports of the lab's address. */
    public Options tracing(int grpcPort, int httpPort) {
      return new Options(prefix, tcp, failureModeAllow, grpcPort, httpPort, checkTimeout);
    }
  }

  private final Lab lab;
  private final Options options;
  private final Consumer<String> say;
  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final Pod checkout;
  private final Upstream database;
  private final Upstream catalog;
  private final Upstream payments;
  private final Upstream stranger;
  private final Path config;
  private @Nullable RunningProcess server;
  private @Nullable RunningProcess bridge;
  private @Nullable EnvoyProxy envoy;
  private @Nullable ManagedChannel admin;

  private Mesh(Lab lab, Options options, Consumer<String> say)
      throws IOException, InterruptedException {
    this.lab = lab;
    this.options = options;
    this.say = say;
    var image =
        Image.of(
            Map.of(
                "/app/checkout",
                resource("checkout"),
                "/app/settle",
                resource("settle"),
                "/app/tools/db-shell",
                resource("db-shell")),
            say);
    checkout = lab.addPod("checkout", image);
    database = lab.addHost("orders-db").database(5432);
    catalog = lab.addHost("catalog").http(8080);
    payments = lab.addHost("payments").tls(443);
    stranger = lab.addHost("stranger").database(4444);
    checkout.write("/tmp/payments.pem", payments.certificate());
    for (var dropped : List.of("exfil.pl", "from-memory.pl", "beacon.pl")) {
      checkout.write("/tmp/" + dropped, resource(dropped));
    }
    config = lab.folder().resolve("kith.yaml");
    Files.writeString(config, kithYaml());
  }

  /** Starts everything and waits until it works. */
  public static Mesh start(Lab lab, Envoy envoy, Options options, Consumer<String> say)
      throws IOException, InterruptedException {
    var mesh = new Mesh(lab, options, say);
    try {
      mesh.startIdentity();
      mesh.startServer();
      mesh.startBridge();
      mesh.startEnvoy(envoy, options.failureModeAllow());
      return mesh;
    } catch (IOException | InterruptedException | RuntimeException e) {
      mesh.close();
      throw e;
    }
  }

  private String kithYaml() {
    var address = lab.address().getHostAddress();
    var telemetry =
        options.otlpHttpPort() == null
            ? "telemetry: {sampleAllows: 1}"
            : "telemetry: {otlp: {endpoint: \"http://%s:%d\"}, sampleAllows: 1}"
                .formatted(address, options.otlpHttpPort());
    return """
    server:
      spiffeId: %1$s
      checks: {listen: "%4$s:9191"}
      bridges: {listen: "%4$s:9192"}
      admin: {listen: "unix:%5$s/admin.sock"}
      health: {listen: "%4$s:9194"}
      bridgeIds: ["%2$s"]
    bridge:
      node: node-1
      spiffeId: %2$s
      servers: ["%4$s:9192"]
      pin: "off" # nothing stays when it ends
      status: "%5$s/bridge.sock"
    identity:
      provider: dev
      dev: {directory: "%5$s/id", trustDomain: %6$s}
    workloads:
    - {owner: %7$s, spiffeId: "%3$s", addresses: ["%8$s"], names: [checkout]}
    - {owner: shop/statefulset/orders-db, addresses: ["%9$s"], names: [orders-db]}
    - {owner: shop/deployment/catalog, addresses: ["%10$s"], names: [catalog]}
    - {owner: partners/external/payments, addresses: ["%11$s"], names: [payments]}
    scopes:
    - {scope: "*", mode: observe}
    %12$s
    """
        .formatted(
            SERVER_ID,
            BRIDGE_ID,
            CHECKOUT_ID,
            address,
            lab.folder(),
            TRUST_DOMAIN,
            CHECKOUT,
            checkout.v4().getHostAddress(),
            database.host().v4().getHostAddress(),
            catalog.host().v4().getHostAddress(),
            payments.host().v4().getHostAddress(),
            telemetry);
  }

  // ---- Kith's programs

  private void startIdentity() throws InterruptedException {
    say.accept("starting the development identity");
    var identity = start(KithProgram.SERVER, "dev-identity");
    identity.awaitReady(START_LIMIT, () -> Files.exists(socketOf(CHECKOUT_ID)));
  }

  /** Starts the server, again if it was stopped, and waits until it is ready for Checks. */
  public void startServer() throws InterruptedException {
    say.accept("starting the authorization server");
    server = start(KithProgram.SERVER, "server");
    server.awaitReady(START_LIMIT, this::serverReady);
    admin =
        Grpc.newChannelBuilder(
                "unix://" + lab.folder().resolve("admin.sock"), InsecureChannelCredentials.create())
            .build();
  }

  /** Starts the bridge, again if it was stopped, and waits until it answers for the pod. */
  public void startBridge() throws InterruptedException {
    say.accept("starting the identity bridge");
    bridge = start(KithProgram.BRIDGE, "bridge");
    bridge.awaitReady(START_LIMIT, this::bridgeAttached);
  }

  /** Starts Envoy, in place of one that runs. */
  public void startEnvoy(Envoy program, boolean failureModeAllow)
      throws IOException, InterruptedException {
    if (envoy != null) {
      envoy.close();
    }
    say.accept("starting Envoy beside the checkout pod");
    envoy = EnvoyProxy.start(checkout, program, recipe(failureModeAllow));
  }

  private StandaloneRecipe recipe(boolean failureModeAllow) {
    var address = lab.address().getHostAddress();
    return new StandaloneRecipe(
        "node-1",
        "checkout",
        new Address(address, 9191),
        SERVER_ID,
        new Identity(socketOf(CHECKOUT_ID).toString(), CHECKOUT_ID, "ROOTCA"),
        new Redirected(),
        options.tcp(),
        List.of(8080),
        options.tcp() == TcpCheck.GATE ? List.of() : List.of(443),
        failureModeAllow,
        options.checkTimeout(),
        options.otlpGrpcPort() == null ? null : new Address(address, options.otlpGrpcPort()),
        15_000);
  }

  private RunningProcess start(KithProgram program, String verb) {
    var process =
        program.start(
            "kith " + verb,
            lab.folder().resolve(verb + ".log"),
            List.of(verb, "--config", config.toString()));
    running.push(process);
    return process;
  }

  private Path socketOf(String spiffeId) {
    return lab.folder()
        .resolve("id")
        .resolve(spiffeId.substring(("spiffe://" + TRUST_DOMAIN + "/").length()))
        .resolve("api.sock");
  }

  private boolean serverReady() {
    try (var client = HttpClient.newHttpClient()) {
      var ready = URI.create("http://" + lab.address().getHostAddress() + ":9194/readyz");
      var request = HttpRequest.newBuilder(ready).timeout(Duration.ofSeconds(1)).build();
      return client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private boolean bridgeAttached() {
    try {
      return status().getBridgesList().stream()
          .anyMatch(status -> status.getPods() > 0 && status.getCanaryOk());
    } catch (StatusRuntimeException _) {
      return false;
    }
  }

  /** The server's process. */
  public RunningProcess server() {
    return Objects.requireNonNull(server, "the server was started");
  }

  /** The bridge's process. */
  public RunningProcess bridge() {
    return Objects.requireNonNull(bridge, "the bridge was started");
  }

  /** Envoy beside the checkout pod. */
  public EnvoyProxy envoy() {
    return Objects.requireNonNull(envoy, "Envoy was started");
  }

  /** Stops the server's process where it is, as an overloaded machine would; it loses nothing. */
  public void freezeServer() throws IOException, InterruptedException {
    signal("-STOP", server().pid());
  }

  /** Lets the server go on. */
  public void thawServer() throws IOException, InterruptedException {
    signal("-CONT", server().pid());
  }

  private static void signal(String signal, long pid) throws IOException, InterruptedException {
    Command.run(Duration.ofSeconds(5), List.of("kill", signal, Long.toString(pid))).orFail();
  }

  // ---- what an operator does

  /** The server's admin service. */
  public AdminServiceBlockingStub admin() {
    return AdminServiceGrpc.newBlockingStub(Objects.requireNonNull(admin, "started"))
        .withDeadlineAfter(10, TimeUnit.SECONDS);
  }

  public GetStatusResponse status() {
    return admin().getStatus(GetStatusRequest.getDefaultInstance());
  }

  /** The denials of the checkout workload, newest first. */
  public List<DecisionRecord> denials() {
    return admin()
        .listDecisions(
            ListDecisionsRequest.newBuilder()
                .setOwner(CHECKOUT)
                .setDeniedOnly(true)
                .setLimit(1_000)
                .build())
        .getDecisionsList();
  }

  /** Runs a verb of the {@code kith} command line against this server. */
  public Command.Outcome kith(String... arguments) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--config", config.toString()));
    return KithProgram.SERVER.run(PROGRAM_LIMIT, all);
  }

  // ---- what happens in the pod

  /** One round of normal work by both legitimate programs. */
  public List<PodProcess.Outcome> work() throws IOException, InterruptedException {
    return List.of(
        run(List.of("/app/checkout", "orders-db", "5432", "catalog:8080")),
        run(List.of("/app/settle", "https://payments/charge", "/tmp/payments.pem")));
  }

  /** The answers that a round of normal work ends with when nothing is refused. */
  public List<String> expectedOfWork() {
    return List.of(
        "TOKEN " + database.token() + "\n" + catalog.token() + "\n", payments.token() + "\n");
  }

  /** Runs an attack in the pod, as the workload's own user. */
  public PodProcess.Outcome run(Attack attack) throws IOException, InterruptedException {
    var places = new HashMap<String, String>();
    places.put("DB", database.host().v4().getHostAddress());
    places.put("CATALOG", catalog.host().v4().getHostAddress());
    places.put("STRANGER", stranger.host().v4().getHostAddress());
    var argv = new ArrayList<String>();
    for (var argument : attack.argv()) {
      var text = argument;
      for (var place : places.entrySet()) {
        text = text.replaceAll("\\b" + place.getKey() + "\\b", place.getValue());
      }
      argv.add(text);
    }
    return run(argv);
  }

  /** Runs a program in the pod, as the workload's own user. */
  public PodProcess.Outcome run(List<String> argv) throws IOException, InterruptedException {
    return checkout.start(APP_UID, "", argv).await(PROGRAM_LIMIT);
  }

  /** The upstream that an attack is aimed at. */
  public Upstream target(Attack attack) {
    return switch (attack.target()) {
      case DATABASE -> database;
      case CATALOG -> catalog;
      case STRANGER -> stranger;
    };
  }

  public Pod checkout() {
    return checkout;
  }

  public Upstream database() {
    return database;
  }

  public Upstream catalog() {
    return catalog;
  }

  public Upstream payments() {
    return payments;
  }

  public Upstream stranger() {
    return stranger;
  }

  public Lab lab() {
    return lab;
  }

  /** Forgets what the upstreams saw so far. */
  public void forgetConnections() {
    List.of(database, catalog, payments, stranger).forEach(Upstream::forget);
  }

  /** Waits for something that takes a moment; says what did not happen in time. */
  public static void await(String what, Duration limit, BooleanSupplier happened)
      throws InterruptedException {
    var end = System.nanoTime() + limit.toNanos();
    while (!happened.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(what + ": not within " + limit.toMillis() + " ms");
      }
      Thread.sleep(Duration.ofMillis(20));
    }
  }

  @Override
  public void close() {
    if (admin != null) {
      admin.shutdownNow();
    }
    if (envoy != null) {
      envoy.close();
    }
    while (!running.isEmpty()) {
      try {
        running.pop().close();
      } catch (Exception e) {
        say.accept("while stopping: " + e.getMessage());
      }
    }
  }

  private static String resource(String name) {
    try (InputStream stream = Objects.requireNonNull(Mesh.class.getResourceAsStream(name), name)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
