package io.kith.server.net;

import com.google.common.util.concurrent.MoreExecutors;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.stub.MetadataUtils;
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
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.CheckSettings;
import io.kith.server.check.Deadlines;
import io.kith.server.check.ExtAuthzService;
import io.kith.server.check.KnownConnection;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Policy;
import io.kith.server.check.ProcessSource;
import io.kith.server.check.Sidecars;
import io.kith.server.check.SocketQuery;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.rpc.CheckListener;
import io.kith.server.telemetry.CheckTelemetry;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Checks that the server sends to itself before it is ready.
 *
 * <p>A cold JVM needs longer for its first Checks than Envoy waits. These take the same way as real
 * ones, mutual TLS included, through a service of their own on a port of their own: no policy is
 * asked and nothing is recorded.
 */
final class WarmUp {
  /** So many at a time. */
  static final int CHECKS = 3_000;

  /** While they take this part of the time, compilers are still at work. */
  private static final double STILL_COMPILING = 0.1;

  /** No more are begun after this time. */
  private static final Duration ENOUGH = Duration.ofSeconds(10);

  private static final int IN_FLIGHT = 32;
  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static final Owner OWNER = Owner.parse("kith/process/warm-up");
  private static final IpAddress DESTINATION = IpAddress.parse("192.0.2.1");
  private static final Candidate CANDIDATE = candidate();

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
  interface Listener {
    CheckListener listen(InetSocketAddress address, SslContext tls, ExtAuthzService service)
        throws java.io.IOException;
  }

  /**
   * Runs the Checks, and again as many while compilers are at work. No Check may take longer than
   * ten seconds.
   *
   * @return how many were answered with permission, as all should be
   */
  int run(Listener listener) throws java.io.IOException, InterruptedException {
    try (var deadlines = new Deadlines();
        var telemetry = CheckTelemetry.rehearsal(new Nowhere())) {
      var service =
          new ExtAuthzService(
              new CheckSettings(List.of(), limit, limit, new OnFailure(false, false), CHECKS),
              directory(),
              MeshKeys.fresh(),
              new WarmUpPolicy(),
              new WarmUpProcesses(),
              telemetry,
              deadlines,
              InstantSource.system());
      try (var server =
          listener.listen(
              new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
              SpiffeTls.grpcServerContext(identity, self::equals),
              service)) {
        return send(server.port());
      }
    }
  }

  private int send(int port) throws InterruptedException {
    var channel =
        NettyChannelBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                SpiffeTls.channelCredentials(identity, self::equals))
            .directExecutor()
            .build();
    try {
      var asked =
          ClientInterceptors.intercept(
              channel, MetadataUtils.newAttachHeadersInterceptor(metadata()));
      var permitted = new AtomicInteger();
      var enough = System.nanoTime() + ENOUGH.toNanos();
      var compilers = ManagementFactory.getCompilationMXBean();
      while (true) {
        var start = System.nanoTime();
        var compiled = compilers.getTotalCompilationTime();
        send(
            asked,
            CallOptions.DEFAULT.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS),
            permitted);
        var now = System.nanoTime();
        var compiling =
            TimeUnit.MILLISECONDS.toNanos(compilers.getTotalCompilationTime() - compiled);
        if (compiling < (now - start) * STILL_COMPILING || now - enough > 0) {
          return permitted.get();
        }
      }
    } finally {
      channel.shutdownNow();
    }
  }

  private static void send(Channel channel, CallOptions options, AtomicInteger permitted)
      throws InterruptedException {
    var free = new Semaphore(IN_FLIGHT);
    for (var i = 0; i < CHECKS; i++) {
      free.acquire();
      var answer = EncodedCheck.send(channel, options, check(i));
      answer.addListener(
          () -> {
            if (answer.state() == java.util.concurrent.Future.State.SUCCESS
                && EncodedCheck.permits(answer.resultNow())) {
              permitted.incrementAndGet();
            }
            free.release();
          },
          MoreExecutors.directExecutor());
    }
    free.acquire(IN_FLIGHT);
  }

  private static Metadata metadata() {
    var metadata = new Metadata();
    metadata.put(Metadata.Key.of("x-kith-direction", Metadata.ASCII_STRING_MARSHALLER), "outbound");
    return metadata;
  }

  /** By turns of a connection and of a request. */
  private static byte[] check(int number) {
    return EncodedCheck.of(
        "127.0.0.1",
        1024 + number % 60_000,
        DESTINATION.toString(),
        443,
        null,
        number % 2 == 0 ? "warm-up.invalid:443" : null);
  }

  private StaticWorkloadDirectory directory() {
    return new StaticWorkloadDirectory(
        List.of(new StaticWorkloadDirectory.Entry(OWNER, self, "warm-up", List.of(), List.of())));
  }

  private static Attribution attribution() {
    return new Attribution.Attributed(List.of(CANDIDATE), Rung.KERNEL_EXACT, List.of());
  }

  private static Candidate candidate() {
    var fingerprint =
        new ProcessFingerprint(
            "/usr/bin/warm-up",
            null,
            Origin.IMAGE,
            1000,
            EntryKind.NATIVE,
            "warm-up",
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);
    return new Candidate(
        "fp:warm-up", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of());
  }

  /** Knows of every second pair of Checks what it was asked a moment ago. */
  private static final class WarmUpProcesses implements ProcessSource {
    @Override
    public CompletableFuture<Attribution> ask(SocketQuery query, Consumer<Attribution> late) {
      return CompletableFuture.completedFuture(attribution());
    }

    @Override
    public @Nullable KnownConnection known(SocketQuery query, long nanos) {
      return query.source().port() % 4 < 2 ? new KnownConnection(attribution(), nanos) : null;
    }
  }

  /** Enforces one baseline that allows what the Checks are about, by either name. */
  private static final class WarmUpPolicy implements Policy {
    private final Snapshot snapshot =
        new Snapshot(
            Mode.ENFORCE,
            false,
            Snapshot.Rules.of(
                Baseline.of(
                    OWNER, null, List.of(edge(DESTINATION.toString()), edge("warm-up.invalid"))),
                List.of()),
            null);

    private static Edge edge(String name) {
      return Edge.learned(
          CANDIDATE.processClass(),
          new DestinationPattern.Exact(name, Evidence.ADDRESS, 443, Protocol.TCP));
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
