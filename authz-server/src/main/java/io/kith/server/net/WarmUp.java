package io.kith.server.net;

import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig.OnFailure;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.process.ProcessClass;
import io.kith.server.bridge.BridgeHub;
import io.kith.server.bridge.BridgeService;
import io.kith.server.bridge.OpenFlows;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.CheckSettings;
import io.kith.server.check.Deadlines;
import io.kith.server.check.ExtAuthzService;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Policy;
import io.kith.server.check.Sidecars;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.rpc.CheckListener;
import io.kith.server.telemetry.CheckTelemetry;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Checks that the server sends to itself before it is ready.
 *
 * <p>A cold JVM needs longer for its first Checks than Envoy waits. These take the same way as real
 * ones, mutual TLS included, through a service of their own on a port of their own: no policy is
 * asked and nothing is recorded.
 */
final class WarmUp {
  /** So many at a time. */
  static final int CHECKS = 1_000;

  /** While they take this part of the time, compilers are still at work. */
  private static final double STILL_COMPILING = 0.1;

  /** No more are begun after this time. */
  private static final Duration ENOUGH = Duration.ofSeconds(11);

  private static final Duration WHILE = Duration.ofMillis(300);

  /** So much longer than Checks take. */
  private static final int PAUSES = 2;

  private static final int SOCKETS = 250;
  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final Owner OWNER = Owner.parse("kith/process/warm-up");
  private static final IpAddress DESTINATION = IpAddress.parse("192.0.2.1");
  private static final int FIRST_PORT = 16_384;
  private static final String NAME = "d0.warm-up.svc.cluster.local";
  private static final IpAddress POD = IpAddress.parse("127.0.0.1");
  private static final ProcessClass PROCESS = ProcessClass.of(RehearsedBridge.KNOWN_PROGRAM);

  private final X509Source identity;
  private final SpiffeId self;
  private final Duration limit;

  WarmUp(X509Source identity, SpiffeId self) {
    this(identity, self, LIMIT);
  }

  WarmUp(X509Source identity, SpiffeId self, Duration limit) {
    this.identity = identity;
    this.self = self;
    this.limit = limit;
  }

  /** The way real Checks come in, at another address. */
  @FunctionalInterface
  interface Checks {
    CheckListener listen(InetSocketAddress address, SslContext tls, ExtAuthzService service)
        throws IOException;
  }

  /** The way real bridges attach, at another address. */
  @FunctionalInterface
  interface Bridges {
    Attached attach(InetSocketAddress address, BridgeService service, Bridge bridge)
        throws IOException;
  }

  /**
   * Who attaches, and to whom.
   *
   * @param pod whose identity is its own as well
   */
  record Bridge(X509Source identity, SpiffeId self, IpAddress pod) {}

  /** A bridge that attaches, and what it attaches to. */
  record Attached(RehearsedBridge bridge, Runnable server) implements AutoCloseable {
    @Override
    public void close() {
      bridge.close();
      server.run();
    }
  }

  /**
   * Runs the Checks, and again as many while compilers are at work. No round may take longer than
   * ten seconds.
   *
   * @return how many were answered with permission, as all should be
   */
  int run(Checks checks, Bridges bridges) throws IOException, InterruptedException {
    var here = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    try (var deadlines = new Deadlines();
        var telemetry = CheckTelemetry.rehearsal(new Nowhere())) {
      var clock = InstantSource.system();
      var hub = new BridgeHub(deadlines, new NodeBridges(), directory(), clock, Level.FINE);
      var allowed = List.of(SpiffeIdPattern.parse(self.toString()));
      var bridgeService = new BridgeService(hub, allowed, "warm-up", clock);
      var service =
          new ExtAuthzService(
              new CheckSettings(List.of(), limit, limit, new OnFailure(false, false), CHECKS),
              directory(),
              MeshKeys.fresh(),
              new WarmUpPolicy(),
              hub,
              CheckServer.heardBy(telemetry, new OpenFlows(clock)),
              deadlines,
              clock);
      try (var _ = bridges.attach(here, bridgeService, new Bridge(identity, self, POD));
          var server =
              checks.listen(here, SpiffeTls.grpcServerContext(identity, self::equals), service)) {
        awaitPod(hub);
        return send(server.port());
      }
    }
  }

  private void awaitPod(BridgeHub hub) throws IOException, InterruptedException {
    var end = System.nanoTime() + limit.toNanos();
    while (hub.running(POD) == null) {
      if (System.nanoTime() - end > 0) {
        throw new IOException("its own bridge did not attach within " + limit);
      }
      Thread.sleep(1);
    }
  }

  private int send(int port) throws IOException, InterruptedException {
    var questions = IntStream.range(0, CHECKS).mapToObj(WarmUp::question).toList();
    try (var client =
        CheckClient.connect(
            port,
            SpiffeTls.grpcClientContext(identity, self::equals),
            Stream.of("10S", "10000m", "10S", "10000m").map(WarmUp::headers).toList())) {
      var compilers = ManagementFactory.getCompilationMXBean();
      var start = System.nanoTime();
      var permitted = 0;
      while (true) {
        var began = System.nanoTime();
        var compiled = compilers.getTotalCompilationTime();
        permitted += send(client, questions, began);
        var took = System.nanoTime() - began;
        var compiling =
            TimeUnit.MILLISECONDS.toNanos(compilers.getTotalCompilationTime() - compiled);
        if (compiling < took * STILL_COMPILING || System.nanoTime() - start > ENOUGH.toNanos()) {
          return permitted;
        }
      }
    }
  }

  /**
   * For a while, with pauses for the compilers: they may have no other processor, and what they are
   * late with now would slow down the first that ask.
   */
  private int send(CheckClient client, List<CheckClient.Question> questions, long began)
      throws IOException, InterruptedException {
    var permitted = 0;
    for (var now = began; now - began < WHILE.toNanos(); now = System.nanoTime()) {
      permitted += client.ask(questions, limit);
      TimeUnit.NANOSECONDS.sleep(PAUSES * (System.nanoTime() - now));
    }
    return permitted;
  }

  private static Map<String, String> headers(String timeout) {
    return Map.of(
        "grpc-timeout", timeout,
        "x-envoy-internal", "true",
        "x-forwarded-for", "127.0.0.1",
        "x-envoy-expected-rq-timeout-ms", "10000",
        "x-kith-direction", "outbound",
        "x-kith-node", "warm-up",
        "x-kith-cluster", "PassthroughCluster");
  }

  /** By turns of a connection and of a request on it. */
  private static CheckClient.Question question(int number) {
    var socket = number / 2 % SOCKETS;
    return new CheckClient.Question(
        EncodedCheck.of(
            POD.toString(),
            FIRST_PORT + socket,
            DESTINATION.toString(),
            443,
            NAME,
            number % 2 == 0 ? NAME + ":443" : null),
        Map.of("x-kith-conn", String.format(Locale.ROOT, "%012d", socket)));
  }

  private StaticWorkloadDirectory directory() {
    return new StaticWorkloadDirectory(
        List.of(new StaticWorkloadDirectory.Entry(OWNER, self, "warm-up", List.of(), List.of())));
  }

  /** Enforces one baseline that allows what the Checks are about, by either name. */
  private static final class WarmUpPolicy implements Policy {
    private final Snapshot snapshot =
        new Snapshot(
            Mode.ENFORCE,
            false,
            Snapshot.Rules.of(
                Baseline.of(OWNER, null, List.of(edge(DESTINATION.toString()), edge(NAME))),
                List.of()),
            null);

    private static Edge edge(String name) {
      return Edge.learned(
          PROCESS, new DestinationPattern.Exact(name, Evidence.ADDRESS, 443, Protocol.TCP));
    }

    @Override
    public Snapshot snapshot(Workload workload) {
      return snapshot;
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
    public void record(CheckRecord answered) {}
  }

  private static final class Nowhere implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode flush() {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
      return CompletableResultCode.ofSuccess();
    }
  }
}
