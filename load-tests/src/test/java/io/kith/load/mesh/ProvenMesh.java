package io.kith.load.mesh;

import com.google.protobuf.ByteString;
import com.sun.net.httpserver.HttpServer;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Candidate;
import io.kith.bridge.v1.EntryKind;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.Origin;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.Quality;
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.ServerMessage;
import io.kith.istio.StandaloneRecipe;
import io.kith.istio.StandaloneRecipe.Address;
import io.kith.istio.StandaloneRecipe.Dialled;
import io.kith.istio.StandaloneRecipe.Forward;
import io.kith.istio.StandaloneRecipe.Identity;
import io.kith.istio.StandaloneRecipe.TcpCheck;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.LoopbackLab;
import io.kith.load.tools.Envoy;
import io.kith.load.tools.FreePorts;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Policy;
import io.kith.server.check.Sidecars;
import io.kith.server.net.CheckServer;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.telemetry.CheckTelemetry;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * Two callees, each behind an Envoy of its own, and a caller that dials its Envoy; mutual TLS
 * between the Envoys, and a real server that they all ask. The caller is observed; the callees are
 * enforced, and require proof of where requests are from.
 */
final class ProvenMesh implements AutoCloseable {
  static final SpiffeId CHECKOUT = id("shop", "checkout");
  static final SpiffeId CATALOG = id("shop", "catalog");
  static final SpiffeId LEDGER = id("shop", "ledger");
  static final Owner CHECKOUT_OWNER = owner("checkout");
  static final Owner CATALOG_OWNER = owner("catalog");
  private static final SpiffeId SERVER = id("kith", "authz-server");
  private static final SpiffeId BRIDGE = id("kith", "identity-bridge");
  private static final String DOMAIN = "dev.kith.local";
  private static final String HOST = "127.0.0.1";
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  /** A callee's application, and the requests that reached it. */
  static final class App implements AutoCloseable {
    final String answer = UUID.randomUUID().toString();
    private final BlockingQueue<List<String>> provenance = new LinkedBlockingQueue<>();
    private final HttpServer server;

    App() throws IOException {
      server = HttpServer.create(new InetSocketAddress(LoopbackLab.ADDRESS, 0), 0);
      server.createContext(
          "/",
          exchange -> {
            provenance.add(
                exchange.getRequestHeaders().getOrDefault("X-kith-provenance", List.of()));
            var body = answer.getBytes(StandardCharsets.US_ASCII);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
          });
      server.start();
    }

    int port() {
      return server.getAddress().getPort();
    }

    /** The values of the header that a request had. */
    List<String> seen() throws InterruptedException {
      var seen = provenance.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      if (seen == null) {
        throw new AssertionError("no request arrived");
      }
      return seen;
    }

    boolean isUntouched() {
      return provenance.isEmpty();
    }

    @Override
    public void close() {
      server.stop(0);
    }
  }

  /** Enforced callees that may call nobody; what they are asked about comes in. */
  private final class Rules implements Policy {
    @Override
    public Snapshot snapshot(Workload workload) {
      return workload.owner().equals(CHECKOUT_OWNER)
          ? Snapshot.observing()
          : new Snapshot(
              Mode.ENFORCE,
              false,
              Snapshot.Rules.of(Baseline.of(workload.owner(), null, List.of()), List.of()),
              null);
    }

    @Override
    public Inbound inbound(Workload callee) {
      return Inbound.REQUIRE;
    }

    @Override
    public NodeBridges nodeBridges() {
      return new NodeBridges();
    }

    @Override
    public Sidecars sidecars() {
      return new Sidecars(InstantSource.system());
    }

    @Override
    public void record(CheckRecord answered) {
      records.add(answered);
    }
  }

  /** Says of every connection that one program has it. */
  private static final class OneProgram implements StreamObserver<ServerMessage> {
    private final CountDownLatch attached = new CountDownLatch(1);
    private final StreamObserver<BridgeMessage> out;

    OneProgram(ManagedChannel channel) {
      out = BridgeServiceGrpc.newStub(channel).attach(this);
      out.onNext(
          BridgeMessage.newBuilder()
              .setHello(
                  Hello.newBuilder()
                      .setProtocolVersion(1)
                      .setNode("node-1")
                      .setBridgeVersion("test"))
              .build());
      out.onNext(
          BridgeMessage.newBuilder()
              .setFingerprint(
                  Fingerprint.newBuilder()
                      .setId("fp:app")
                      .setPath("/app/checkout")
                      .setProgram("checkout")
                      .setEntryKind(EntryKind.ENTRY_KIND_NATIVE)
                      .setUid(1_000)
                      .setSha256("5f".repeat(32))
                      .setOrigin(Origin.ORIGIN_IMAGE))
              .build());
      out.onNext(
          BridgeMessage.newBuilder()
              .setPodUpdate(
                  PodUpdate.newBuilder()
                      .addPods(
                          Pod.newBuilder()
                              .setId("net:[4026532000]")
                              .addAddresses(ByteString.copyFrom(IpAddress.parse(HOST).bytes()))
                              .addSpiffeIds(CHECKOUT.toString())))
              .build());
    }

    @Override
    public void onNext(ServerMessage message) {
      if (message.hasWelcome()) {
        attached.countDown();
      } else if (message.hasQuery()) {
        out.onNext(
            BridgeMessage.newBuilder()
                .setAnswer(
                    Answer.newBuilder()
                        .setQueryId(message.getQuery().getId())
                        .setRung(Rung.RUNG_KERNEL_EXACT)
                        .setOriginalSourcePort(message.getQuery().getSourcePort())
                        .addCandidates(
                            Candidate.newBuilder()
                                .setFingerprintId("fp:app")
                                .setQuality(Quality.QUALITY_EXACT)))
                .build());
      }
    }

    @Override
    public void onError(Throwable thrown) {}

    @Override
    public void onCompleted() {}
  }

  final BlockingQueue<CheckRecord> records = new LinkedBlockingQueue<>();
  final App catalog;
  final App ledger;

  /** Without an Envoy before it: what is sent to it is seen as it travels. */
  final App wire;

  final int catalogInbound = FreePorts.next();
  final int ledgerInbound = FreePorts.next();

  /** Through the caller's Envoy to the catalog. */
  final int toCatalog = FreePorts.next();

  /** Through the caller's Envoy to where the catalog is said to be, without TLS. */
  final int toWire = FreePorts.next();

  /** Through the caller's Envoy to somebody who is no workload. */
  final int toOutside = FreePorts.next();

  /** The same through an Envoy that finds no server and lets everything pass. */
  final int unchecked = FreePorts.next();

  /** An Envoy in front of {@link #wire} that does so too. */
  final int uncheckedInbound = FreePorts.next();

  private final Deque<AutoCloseable> running = new ArrayDeque<>();
  private final LoopbackLab lab;
  private final DevIdentity issuer;
  private final Envoy envoy = Envoy.find(EnforcedMesh.SAY);

  ProvenMesh(MeshKeys keys) throws Exception {
    lab = closing(LoopbackLab.open());
    try {
      catalog = closing(new App());
      ledger = closing(new App());
      wire = closing(new App());
      issuer =
          closing(
              DevIdentity.start(
                  new DevIdentity.Settings(
                      lab.folder().resolve("id"),
                      DOMAIN,
                      Duration.ofHours(1),
                      Set.of(SERVER, BRIDGE, CHECKOUT, CATALOG, LEDGER)),
                  Clock.systemUTC()));
      var server = startServer(keys);
      startBridge(server);
      startEnvoys(server.checkPort());
    } catch (Exception | Error e) {
      close();
      throw e;
    }
  }

  private static SpiffeId id(String namespace, String name) {
    return SpiffeId.parse("spiffe://dev.kith.local/ns/" + namespace + "/sa/" + name);
  }

  private static Owner owner(String name) {
    return new Owner("shop", "deployment", name);
  }

  private <T extends AutoCloseable> T closing(T resource) {
    running.push(resource);
    return resource;
  }

  /** The certificate of a workload, which whoever is in its pod has too. */
  X509Source certificate(SpiffeId id) throws InterruptedException {
    var source = closing(WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC()));
    if (!source.awaitReady(PATIENCE)) {
      throw new IllegalStateException("no certificate for " + id + ": " + source.state().words());
    }
    return source;
  }

  /** Not told its own identity, it does not warm itself up, and may take its time to answer. */
  private CheckServer startServer(MeshKeys keys) throws Exception {
    var config =
        KithConfig.parse(
            "kith.yaml",
            """
            server:
              checks: {listen: "127.0.0.1:0"}
              bridges: {listen: "127.0.0.1:0"}
              health: {listen: "127.0.0.1:0"}
              bridgeIds: ["%s"]
              deadline: 9s
              bridgeTimeout: 8s
            workloads:
            - {owner: %s, spiffeId: "%s"}
            - {owner: %s, spiffeId: "%s", names: [catalog]}
            - {owner: %s, spiffeId: "%s", names: [ledger]}
            """
                .formatted(
                    BRIDGE,
                    CHECKOUT_OWNER,
                    CHECKOUT,
                    CATALOG_OWNER,
                    CATALOG,
                    owner("ledger"),
                    LEDGER),
            Map.of());
    return closing(
        CheckServer.start(
            config.server(),
            certificate(SERVER),
            new StaticWorkloadDirectory(config.workloads()),
            keys,
            new Rules(),
            closing(CheckTelemetry.of(config.telemetry(), "test", Map.of())),
            "test"));
  }

  private void startBridge(CheckServer server) throws InterruptedException {
    var channel =
        NettyChannelBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), server.bridgePort()),
                SpiffeTls.channelCredentials(certificate(BRIDGE), SERVER::equals))
            .directExecutor()
            .build();
    closing(channel::shutdownNow);
    if (!new OneProgram(channel).attached.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      throw new IllegalStateException("the bridge was not welcomed");
    }
  }

  private void startEnvoys(int server) throws IOException, InterruptedException {
    start(
        recipe(
            "checkout",
            CHECKOUT,
            server,
            false,
            new Forward(
                "catalog", toCatalog, new Address(HOST, catalogInbound), CATALOG.toString()),
            new Forward("outbound|80||catalog", toWire, new Address(HOST, wire.port())),
            new Forward("outbound|80||example.com", toOutside, new Address(HOST, wire.port()))));
    start(recipe("catalog", CATALOG, server, false).with(inbound(catalogInbound, catalog)));
    start(recipe("ledger", LEDGER, server, false).with(inbound(ledgerInbound, ledger)));
    start(
        recipe(
                "unchecked",
                CATALOG,
                FreePorts.next(),
                true,
                new Forward("catalog", unchecked, new Address(HOST, wire.port())))
            .with(inbound(uncheckedInbound, wire)));
  }

  private static StandaloneRecipe.Inbound inbound(int port, App app) {
    return new StandaloneRecipe.Inbound(new Address(HOST, port), new Address(HOST, app.port()));
  }

  private StandaloneRecipe recipe(
      String name, SpiffeId id, int server, boolean failureModeAllow, Forward... forwards)
      throws IOException {
    return new StandaloneRecipe(
        "node-1",
        name,
        new Address(HOST, server),
        SERVER.toString(),
        new Identity(issuer.socketOf(id).toString(), id.toString(), "ROOTCA"),
        new Dialled(List.of(forwards)),
        TcpCheck.FIRST_BYTE,
        List.of(catalogInbound, wire.port()),
        List.of(),
        failureModeAllow,
        Duration.ofSeconds(10),
        null,
        FreePorts.next());
  }

  private void start(StandaloneRecipe recipe) throws IOException, InterruptedException {
    closing(
        EnvoyProxy.startWorker(
            lab.folder(), recipe.workload(), envoy, recipe.yaml(), recipe.adminPort(), List.of()));
  }

  @Override
  public void close() {
    while (!running.isEmpty()) {
      try {
        running.pop().close();
      } catch (Exception e) {
        EnforcedMesh.SAY.accept("while stopping: " + e);
      }
    }
  }
}
