package io.kith.load.store;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.baselines.store.BaselineStore;
import io.kith.control.v1.News;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Sidecars;
import io.kith.server.fleet.ControlStore;
import io.kith.server.fleet.FleetServer;
import io.kith.server.fleet.FleetService;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/** A control server's port in front of a store, and check servers at it, over mutual TLS. */
final class ControlSite implements AutoCloseable {
  static final SpiffeId CONTROL = SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/control");
  static final SpiffeId CHECK =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith-in-the-cluster-of-the-west/sa/check-server");
  static final SpiffeId STRANGER = SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/checkout");
  private static final Endpoint.Tcp ANY_PORT = new Endpoint.Tcp("127.0.0.1", 0);
  private static final Duration LIMIT = Duration.ofSeconds(90);

  private final DevIdentity issuer;
  private final Map<SpiffeId, X509Source> sources = new ConcurrentHashMap<>();

  ControlSite(Path folder) throws IOException {
    issuer =
        DevIdentity.start(
            new DevIdentity.Settings(
                folder, "dev.kith.local", Duration.ofHours(1), Set.of(CONTROL, CHECK, STRANGER)),
            Clock.systemUTC());
  }

  private X509Source source(SpiffeId id) {
    return sources.computeIfAbsent(
        id,
        _ -> {
          var source = WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC());
          try {
            if (!source.awaitReady(LIMIT)) {
              throw new IllegalStateException("no certificate for " + id);
            }
            return source;
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
          }
        });
  }

  /** What check servers heard of sidecars. */
  final Sidecars sidecars = new Sidecars(InstantSource.system());

  /** What they heard of bridges. */
  final NodeBridges bridges = new NodeBridges();

  /** What serves a store. */
  record Served(FleetService service, FleetServer server) implements AutoCloseable {
    @Override
    public void close() {
      server.close();
      service.close();
    }
  }

  Served serve(BaselineStore store, SigningKey learner) throws IOException {
    return serve(store, learner, (_, _) -> false);
  }

  Served serve(BaselineStore store, SigningKey learner, FleetService.Denials denials)
      throws IOException {
    return serve(
        store,
        learner,
        denials,
        service -> FleetServer.start(ANY_PORT, source(CONTROL), Duration.ofMinutes(5), service));
  }

  /** With limits that a test reaches. */
  Served serve(BaselineStore store, SigningKey learner, FleetServer.Limits limits)
      throws IOException {
    return serve(
        store,
        learner,
        (_, _) -> false,
        service ->
            FleetServer.start(ANY_PORT, source(CONTROL), Duration.ofMinutes(5), limits, service));
  }

  private interface Starter {
    FleetServer start(FleetService service) throws IOException;
  }

  private Served serve(
      BaselineStore store, SigningKey learner, FleetService.Denials denials, Starter starter)
      throws IOException {
    var service =
        new FleetService(
            store,
            learner,
            List.of(SpiffeIdPattern.parse(CHECK.toString())),
            part -> part.part().body().equals("refuse me") ? "as it asks" : null,
            denials,
            sidecars,
            bridges,
            "1.2.3",
            InstantSource.system());
    return new Served(service, starter.start(service));
  }

  ControlStore follow(Served served, SpiffeId as, String name, Duration patience)
      throws InterruptedException {
    return follow(List.of(served), as, name, patience);
  }

  /** One of several control servers. */
  ControlStore follow(List<Served> served, SpiffeId as, String name, Duration patience)
      throws InterruptedException {
    return ControlStore.open(
        new ControlStore.Settings(
            served.stream().map(one -> new Endpoint.Tcp("127.0.0.1", one.server().port())).toList(),
            as,
            name,
            "1.2.3",
            Duration.ofMillis(500)),
        SpiffeTls.channelCredentials(source(as), CONTROL::equals),
        patience);
  }

  /** Hears nothing of a stream but how it ends. */
  static StreamObserver<News> ending(CompletableFuture<Status> ended) {
    return new StreamObserver<>() {
      @Override
      public void onNext(News news) {}

      @Override
      public void onError(Throwable thrown) {
        ended.complete(Status.fromThrowable(thrown));
      }

      @Override
      public void onCompleted() {
        ended.complete(Status.OK);
      }
    };
  }

  /** Of whoever; to be shut down. */
  ManagedChannel channel(Served served, SpiffeId as) {
    return NettyChannelBuilder.forAddress(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), served.server().port()),
            SpiffeTls.channelCredentials(source(as), CONTROL::equals))
        .build();
  }

  ControlStore follow(Served served, String name) throws InterruptedException {
    return follow(served, CHECK, name, LIMIT);
  }

  @Override
  public void close() {
    sources.values().forEach(X509Source::close);
    issuer.close();
  }
}
