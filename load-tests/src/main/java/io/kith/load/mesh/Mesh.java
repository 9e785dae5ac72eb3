package io.kith.load.mesh;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DecisionRecord;
import io.kith.admin.v1.Edge;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Identity;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.lab.PodProcess;
import io.kith.load.lab.Upstream;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.RunningProcess;
import io.kith.spiffe.UnixChannels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A {@link Shop} with Kith in it: an Envoy beside the checkout workload, and Kith's development
 * identity, server and bridge, each a process of its own.
 */
public final class Mesh implements AutoCloseable {
  /** Owner of the workload that is watched. */
  public static final String CHECKOUT = "shop/deployment/checkout";

  private static final String TRUST_DOMAIN = "dev.kith.local";
  static final String CHECKOUT_ID = "spiffe://dev.kith.local/ns/shop/sa/checkout";
  static final String SERVER_ID = "spiffe://dev.kith.local/ns/kith/sa/authz-server";
  static final String BRIDGE_ID = "spiffe://dev.kith.local/ns/kith/sa/identity-bridge";
  private static final Duration CALL_LIMIT = Duration.ofMinutes(2);
  private static final Duration START_LIMIT = Duration.ofMinutes(3);

  /** Reasons that say that a busy machine was too slow, and nothing about who connected. */
  public static final Set<String> NOT_DECIDED =
      Set.of("bridge_unavailable", "deadline", "overloaded");

  /** How long programs and people go on to try, and how long something may take to be seen. */
  public static final Duration PATIENCE = Duration.ofMinutes(3);

  /** How long after its end an attack's refusal is waited for before it is run again. */
  private static final Duration REFUSAL = Duration.ofSeconds(15);

  /**
   * How the mesh is set up.
   *
   * @param prefix begins the names that the lab gives
   * @param tcp when Envoy checks plain TCP
   * @param failureModeAllow Envoy lets pass what it cannot check
   * @param otlpGrpcPort where spans of Envoy are taken at the shop's address, or null
   * @param otlpHttpPort where spans of the server are taken at the shop's address, or null
   * @param checkTimeout how long Envoy waits for an answer
   * @param server what is special about its server
   */
  public record Options(
      String prefix,
      TcpCheck tcp,
      boolean failureModeAllow,
      @Nullable Integer otlpGrpcPort,
      @Nullable Integer otlpHttpPort,
      Duration checkTimeout,
      ServerOptions server) {
    /** Checks at connect, fails closed, sends no spans, and is patient with a busy machine. */
    public static Options of(String prefix) {
      return new Options(
          prefix,
          TcpCheck.GATE,
          false,
          null,
          null,
          Duration.ofSeconds(1),
          new ServerOptions("type: memory", "", List.of(), List.of(), false));
    }

    public Options with(TcpCheck check) {
      return new Options(
          prefix, check, failureModeAllow, otlpGrpcPort, otlpHttpPort, checkTimeout, server);
    }

    public Options failingOpen() {
      return new Options(prefix, tcp, true, otlpGrpcPort, otlpHttpPort, checkTimeout, server);
    }

    /** Envoy waits so long for an answer. */
    Options waiting(Duration timeout) {
      return new Options(
          prefix, tcp, failureModeAllow, otlpGrpcPort, otlpHttpPort, timeout, server);
    }

    /** Spans go to these ports of the shop's address. */
    public Options tracing(int grpcPort, int httpPort) {
      return new Options(prefix, tcp, failureModeAllow, grpcPort, httpPort, checkTimeout, server);
    }

    /** What the server was told and learned outlives it, in an SQLite file. */
    public Options storedIn(Path file) {
      return with(
          new ServerOptions(
              "type: sqlite, path: \"" + file + "\"",
              server.keys(),
              server.moreBridgePorts(),
              server.command(),
              server.onNode()));
    }

    /** The server is one of the node: its bridge finds it at a Unix socket. */
    public Options onNode() {
      return with(
          new ServerOptions(
              server.store(), server.keys(), server.moreBridgePorts(), server.command(), true));
    }

    /**
     * The server shares a store with others, with which the bridge speaks as well.
     *
     * @param entries of {@code store}
     * @param keysOfAll entries of {@code server.keys}
     * @param bridgePorts where the others take it
     */
    Options shared(String entries, String keysOfAll, List<Integer> bridgePorts) {
      return with(
          new ServerOptions(entries, keysOfAll, bridgePorts, server.command(), server.onNode()));
    }

    /** A command starts the server. */
    Options withServerBehind(List<String> command) {
      return with(
          new ServerOptions(
              server.store(), server.keys(), server.moreBridgePorts(), command, server.onNode()));
    }

    private Options with(ServerOptions other) {
      return new Options(
          prefix, tcp, failureModeAllow, otlpGrpcPort, otlpHttpPort, checkTimeout, other);
    }
  }

  /**
   * How the server is set up.
   *
   * @param store entries of its {@code store}, as {@code type: memory}
   * @param keys entries of {@code server.keys}, or empty
   * @param moreBridgePorts where other servers at the shop's address take the bridge
   * @param command what starts it and changes something about it; may be empty
   * @param onNode its bridge attaches at a Unix socket, and not at a port
   */
  record ServerOptions(
      String store,
      String keys,
      List<Integer> moreBridgePorts,
      List<String> command,
      boolean onNode) {
    ServerOptions {
      moreBridgePorts = List.copyOf(moreBridgePorts);
      command = List.copyOf(command);
    }
  }

  private final Shop shop;
  private final Options options;
  private final Consumer<String> say;
  private final Deque<RunningProcess> running = new ArrayDeque<>();
  private final Path config;
  private @Nullable RunningProcess identity;
  private @Nullable RunningProcess server;
  private @Nullable RunningProcess bridge;
  private @Nullable EnvoyProxy envoy;
  private @Nullable ManagedChannel admin;

  private Mesh(Shop shop, Options options, Consumer<String> say) throws IOException {
    this.shop = shop;
    this.options = options;
    this.say = say;
    config = shop.folder().resolve("kith.yaml");
    Files.writeString(config, kithYaml());
  }

  /** Builds a shop with a pod in a lab, starts everything in it, and waits until it works. */
  public static Mesh start(Lab lab, Envoy envoy, Options options, Consumer<String> say)
      throws IOException, InterruptedException {
    return start(new PodShop(lab, PodShop.Settings.usual(lab), say), envoy, options, say);
  }

  /** Starts everything and waits until it works. */
  public static Mesh start(Shop shop, Envoy envoy, Options options, Consumer<String> say)
      throws IOException, InterruptedException {
    var mesh = new Mesh(shop, options, say);
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
    var address = shop.address().getHostAddress();
    var ports = shop.ports();
    var telemetry =
        options.otlpHttpPort() == null
            ? "telemetry: {sampleAllows: 1}"
            : "telemetry: {otlp: {endpoint: \"http://%s:%d\"}, sampleAllows: 1}"
                .formatted(address, options.otlpHttpPort());
    var checkout = "owner: %s, spiffeId: \"%s\"".formatted(CHECKOUT, CHECKOUT_ID);
    return """
    server:
      spiffeId: %1$s
      checks: {listen: "%2$s:%3$d"}
      bridges: {listen: "%4$s"}
      admin:
        listen: "unix:%5$s/admin.sock"
        # All of a test comes from one caller.
        limits: {reads: {perSecond: 10000, burst: 10000}, changes: {perSecond: 10000, burst: 10000}}
      health: {listen: "%2$s:%6$d"}
      bridgeIds: ["%7$s"]
      deadline: 900ms
      bridgeTimeout: 700ms
      guard: {%12$s}
      keys: {%14$s}
    bridge:
      {%8$s node: node-1, spiffeId: "%7$s", servers: [%15$s], status: "%5$s/bridge.sock"}
    identity:
      provider: dev
      dev: {directory: "%5$s/id", trustDomain: %9$s}
    workloads:
    - %10$s
    scopes:
    - {scope: "*", mode: observe}
    store: {%13$s}
    %11$s
    """
        .formatted(
            SERVER_ID,
            address,
            ports.checks(),
            bridgesAt(),
            shop.folder(),
            ports.health(),
            BRIDGE_ID,
            shop.bridgeSettings(),
            TRUST_DOMAIN,
            String.join("\n- ", shop.workloads(checkout)),
            telemetry,
            shop.guardSettings(),
            options.server().store(),
            options.server().keys(),
            Stream.concat(
                    Stream.of(bridgesAt()),
                    options.server().moreBridgePorts().stream().map(port -> address + ":" + port))
                .collect(Collectors.joining("\", \"", "\"", "\"")));
  }

  private String bridgesAt() {
    return options.server().onNode()
        ? "unix:" + shop.folder().resolve("bridges.sock")
        : shop.address().getHostAddress() + ":" + shop.ports().bridges();
  }

  /** The server's configuration. */
  Path config() {
    return config;
  }

  // ---- Kith's programs

  /** Starts the development identity, again with another authority if it was stopped. */
  public void startIdentity() throws InterruptedException {
    say.accept("starting the development identity");
    identity = start(KithProgram.SERVER, "dev-identity");
    identity.awaitReady(START_LIMIT, () -> Files.exists(socketOf(CHECKOUT_ID)));
  }

  /** Starts the server, again if it was stopped, and waits until it is ready for Checks. */
  public void startServer() throws InterruptedException {
    say.accept("starting the authorization server");
    server = start(options.server().command(), KithProgram.SERVER, "server");
    server.awaitReady(START_LIMIT, this::serverReady);
    if (admin != null) {
      admin.shutdownNow();
    }
    admin =
        UnixChannels.to(shop.folder().resolve("admin.sock"), InsecureChannelCredentials.create())
            .build();
  }

  /** Starts the bridge, again if it was stopped, and waits until it answers for the pod. */
  public void startBridge() throws InterruptedException {
    startBridge(List.of());
    bridge().awaitReady(START_LIMIT, this::bridgeAttached);
  }

  /** Starts the bridge behind a command that takes something from it; does not wait for it. */
  public void startBridge(List<String> command) {
    say.accept("starting the identity bridge");
    bridge = start(command, KithProgram.BRIDGE, "bridge");
  }

  /** Starts Envoy, in place of one that runs. */
  public void startEnvoy(Envoy program, boolean failureModeAllow)
      throws IOException, InterruptedException {
    if (envoy != null) {
      envoy.close();
    }
    say.accept("starting Envoy beside the checkout " + shop.home());
    envoy = shop.startEnvoy(program, recipe(failureModeAllow));
  }

  /** Starts one beside another pod of the checkout workload; the caller ends it. */
  EnvoyProxy startEnvoyBeside(Pod pod, Envoy program, boolean failureModeAllow)
      throws IOException, InterruptedException {
    return EnvoyProxy.start(pod, program, recipe(failureModeAllow));
  }

  /** The same beside the checkout pod, with the short cut for requests and a change of the text. */
  void startEnvoyWithShortCut(Envoy program, UnaryOperator<String> change)
      throws IOException, InterruptedException {
    envoy().close();
    envoy = EnvoyProxy.start(checkout(), program, recipe(false).withShortCut(), change);
  }

  /** The same beside the checkout pod, with a change of the recipe's text. */
  void startEnvoy(Envoy program, boolean failureModeAllow, UnaryOperator<String> change)
      throws IOException, InterruptedException {
    envoy().close();
    envoy = EnvoyProxy.start(checkout(), program, recipe(failureModeAllow), change);
  }

  private StandaloneRecipe recipe(boolean failureModeAllow) {
    var address = shop.address().getHostAddress();
    return new StandaloneRecipe(
        "node-1",
        "checkout",
        new Address(address, shop.ports().checks()),
        SERVER_ID,
        new Identity(socketOf(CHECKOUT_ID).toString(), CHECKOUT_ID, "ROOTCA"),
        shop.capture(),
        options.tcp(),
        List.of(shop.upstreams().catalog().port()),
        options.tcp() == TcpCheck.GATE ? List.of() : List.of(shop.upstreams().payments().port()),
        failureModeAllow,
        options.checkTimeout(),
        options.otlpGrpcPort() == null ? null : new Address(address, options.otlpGrpcPort()),
        shop.ports().envoyAdmin());
  }

  private RunningProcess start(KithProgram program, String verb) {
    return start(List.of(), program, verb);
  }

  private RunningProcess start(List<String> command, KithProgram program, String verb) {
    var process =
        program.start(
            command,
            "kith " + verb,
            shop.folder().resolve(verb + ".log"),
            List.of(verb, "--config", config.toString()));
    running.push(process);
    return process;
  }

  /** Where the certificate of an identity is to be had. */
  Path socketOf(String spiffeId) {
    return shop.folder()
        .resolve("id")
        .resolve(spiffeId.substring(("spiffe://" + TRUST_DOMAIN + "/").length()))
        .resolve("api.sock");
  }

  private boolean serverReady() {
    try {
      return shop.ask("/readyz").statusCode() == 200;
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Whether the bridge answers for a pod and finds its own connections. */
  public boolean bridgeAttached() {
    try {
      return status().getBridgesList().stream()
          .anyMatch(status -> status.getPods() > 0 && status.getCanaryOk());
    } catch (StatusRuntimeException _) {
      return false;
    }
  }

  /** The process of the development identity. */
  public RunningProcess identity() {
    return Objects.requireNonNull(identity, "the development identity was started");
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

  // ---- what an operator does

  /** The server's admin service. */
  public AdminServiceBlockingStub admin() {
    return AdminServiceGrpc.newBlockingStub(Objects.requireNonNull(admin, "started"))
        .withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
  }

  public GetStatusResponse status() {
    return admin().getStatus(GetStatusRequest.getDefaultInstance());
  }

  /** What is known of the checkout workload's edges. */
  public List<Edge> edges() {
    return admin()
        .listEdges(ListEdgesRequest.newBuilder().setOwner(CHECKOUT).build())
        .getEdgesList();
  }

  /** The denials of the checkout workload, newest first. */
  public List<DecisionRecord> denials() {
    return decisions(true, 1_000);
  }

  /** The latest decisions about the checkout workload, newest first. */
  List<DecisionRecord> decisions(int limit) {
    return decisions(false, limit);
  }

  private List<DecisionRecord> decisions(boolean deniedOnly, int limit) {
    return admin()
        .listDecisions(
            ListDecisionsRequest.newBuilder()
                .setOwner(CHECKOUT)
                .setDeniedOnly(deniedOnly)
                .setLimit(limit)
                .build())
        .getDecisionsList();
  }

  /** The same since a moment. */
  List<DecisionRecord> denialsSince(Instant moment) {
    return denials().stream()
        .filter(
            decision ->
                !Instant.ofEpochSecond(
                        decision.getTime().getSeconds(), decision.getTime().getNanos())
                    .isBefore(moment))
        .toList();
  }

  /** Runs a verb of the {@code kith} command line against this server. */
  public Command.Outcome kith(String... arguments) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--config", config.toString()));
    return KithProgram.SERVER.run(CALL_LIMIT, all);
  }

  // ---- what happens in the shop

  /** One round of normal work by both legitimate programs. */
  public List<PodProcess.Outcome> work() throws IOException, InterruptedException {
    var outcomes = new ArrayList<PodProcess.Outcome>();
    for (var argv : shop.work()) {
      outcomes.add(shop.run(argv));
    }
    return outcomes;
  }

  /** The answers that a round of normal work ends with when nothing is refused. */
  public List<String> expectedOfWork() {
    return List.of(
        "TOKEN " + database().token() + "\n" + catalog().token() + "\n", payments().token() + "\n");
  }

  /** Runs an attack, as the workload's own user. */
  public PodProcess.Outcome run(Attack attack) throws IOException, InterruptedException {
    return shop.run(shop.argv(attack));
  }

  /**
   * Runs an attack and waits for the decision that refused it, the latest if there are several; as
   * an intruder would, again when it was refused without one.
   */
  public DecisionRecord refusal(Attack attack) throws IOException, InterruptedException {
    var end = System.nanoTime() + PATIENCE.toNanos();
    for (var attempts = 1; ; attempts++) {
      var began = Instant.now();
      var outcome = run(attack);
      var refusal = refusalSince(began, attack);
      if (refusal != null && !NOT_DECIDED.contains(refusal.getReason())) {
        return refusal;
      }
      if (System.nanoTime() > end) {
        throw new IllegalStateException(
            "'%s' was not refused by a decision in %d attempts within %d s; it said: %s; the last refusal: %s"
                .formatted(
                    attack.name(),
                    attempts,
                    PATIENCE.toSeconds(),
                    Command.tail(outcome.stdout() + outcome.stderr(), 3),
                    refusal));
      }
      say.accept("'" + attack.name() + "' was refused undecided, trying again: " + refusal);
    }
  }

  /** Whether an attack gets its answer: runs it, and again while it is refused undecided. */
  public boolean passes(Attack attack) throws IOException, InterruptedException {
    var end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      var began = Instant.now();
      if (run(attack).stdout().contains(target(attack).token())) {
        return true;
      }
      var refusal = refusalSince(began, attack);
      if ((refusal != null && !NOT_DECIDED.contains(refusal.getReason()))
          || System.nanoTime() > end) {
        return false;
      }
    }
  }

  private @Nullable DecisionRecord refusalSince(Instant began, Attack attack)
      throws InterruptedException {
    for (var end = System.nanoTime() + REFUSAL.toNanos(); System.nanoTime() < end; ) {
      DecisionRecord undecided = null;
      for (var decision : denialsSince(began)) {
        if (isOf(attack, decision)) {
          return decision;
        }
        if (undecided == null && NOT_DECIDED.contains(decision.getReason())) {
          undecided = decision;
        }
      }
      if (undecided != null) {
        return undecided;
      }
      Thread.sleep(Duration.ofMillis(20));
    }
    return null;
  }

  private boolean isOf(Attack attack, DecisionRecord decision) {
    return decision.getProcess().isEmpty()
        ? attack.isRefusedFor("unattributed") && decision.getReason().equals("unattributed")
        : decision.getProcess().equals(shop.process(attack));
  }

  /** How the guard of the checkout pod is doing, where there is a pod. */
  public GuardWatch guard() {
    return new GuardWatch(inPod(), server());
  }

  /** Runs a program of the workload, as the workload's own user. */
  public PodProcess.Outcome run(List<String> argv) throws IOException, InterruptedException {
    return shop.run(argv);
  }

  /** The upstream that an attack is aimed at. */
  public Upstream target(Attack attack) {
    return switch (attack.target()) {
      case DATABASE -> database();
      case CATALOG -> catalog();
      case STRANGER -> stranger();
    };
  }

  public Shop shop() {
    return shop;
  }

  /** The checkout pod, where there is one. */
  public Pod checkout() {
    return inPod().checkout();
  }

  public Upstream database() {
    return shop.upstreams().database();
  }

  public Upstream catalog() {
    return shop.upstreams().catalog();
  }

  public Upstream payments() {
    return shop.upstreams().payments();
  }

  public Upstream stranger() {
    return shop.upstreams().stranger();
  }

  /** The lab of the checkout pod, where there is one. */
  public Lab lab() {
    return inPod().lab();
  }

  private PodShop inPod() {
    return switch (shop) {
      case PodShop pod -> pod;
      case LoopbackShop _ -> throw new IllegalStateException("this shop has no pod");
    };
  }

  /** Forgets what the upstreams saw so far. */
  public void forgetConnections() {
    List.of(database(), catalog(), payments(), stranger()).forEach(Upstream::forget);
    if (shop instanceof PodShop pod) {
      pod.datagrams().forget();
    }
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

  /** Kills all of it: nothing is asked of it any more. */
  @Override
  public void close() {
    if (admin != null) {
      admin.shutdownNow();
    }
    if (envoy != null) {
      envoy.kill();
    }
    while (!running.isEmpty()) {
      running.pop().kill();
    }
  }
}
