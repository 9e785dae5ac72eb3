package io.kith.server.check;

import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.kith.baselines.config.KithConfig.OnFailure;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.rpc.CheckListener;
import io.kith.server.rpc.EventLoops;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The service on a real port, without TLS; who the peer is, a test says. */
public final class ServiceUnderTest implements AutoCloseable {
  public final InMemoryPolicy policy = new InMemoryPolicy();
  public final FakeProcesses processes = new FakeProcesses();
  public final MeshKeys keys;
  public final List<Answered> answered = new CopyOnWriteArrayList<>();
  public final List<Answered> late = new CopyOnWriteArrayList<>();
  public final AtomicInteger cancelled = new AtomicInteger();
  public volatile Peer peer = Samples.peer(Samples.CHECKOUT, Samples.POD);
  public final ExtAuthzService service;
  private final Deadlines deadlines = new Deadlines();
  private final CheckListener server;
  private ManagedChannel channel;

  /** How the service is set up. */
  public static CheckSettings settings() {
    return new CheckSettings(
        List.of(),
        Duration.ofSeconds(20),
        Duration.ofSeconds(10),
        new OnFailure(true, true),
        CheckSettings.MAX_WAITING);
  }

  public static CheckSettings settings(Duration deadline) {
    return new CheckSettings(
        List.of(), deadline, deadline, new OnFailure(true, true), CheckSettings.MAX_WAITING);
  }

  public ServiceUnderTest(CheckSettings settings) throws IOException {
    this(
        settings,
        new CheckObserver() {
          @Override
          public void answered(Answered answered) {}

          @Override
          public void cancelled() {}
        });
  }

  public ServiceUnderTest(CheckSettings settings, CheckObserver observer) throws IOException {
    this(settings, Samples.directory(), observer, InstantSource.system());
  }

  public ServiceUnderTest(
      CheckSettings settings,
      WorkloadDirectory directory,
      CheckObserver observer,
      InstantSource clock)
      throws IOException {
    this(settings, directory, MeshKeys.fresh(), observer, clock);
  }

  public ServiceUnderTest(
      CheckSettings settings,
      WorkloadDirectory directory,
      MeshKeys keys,
      CheckObserver observer,
      InstantSource clock)
      throws IOException {
    this.keys = keys;
    service =
        new ExtAuthzService(
            settings,
            directory,
            keys,
            policy,
            processes,
            new CheckObserver() {
              @Override
              public void answered(Answered now) {
                observer.answered(now);
                answered.add(now);
              }

              @Override
              public void late(Answered known) {
                late.add(known);
              }

              @Override
              public void cancelled() {
                observer.cancelled();
                cancelled.incrementAndGet();
              }
            },
            deadlines,
            clock);
    server =
        CheckListener.start(
            EventLoops.ofChecks(),
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            null,
            (_, _) -> peer,
            new CheckListener.Limits(
                4 * 1024 * 1024,
                64 * 1024,
                Duration.ofHours(1),
                Duration.ofSeconds(30),
                Duration.ofSeconds(5),
                1_000,
                1_000),
            service);
    channel = channel();
  }

  private ManagedChannel channel() {
    return NettyChannelBuilder.forAddress(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()))
        .usePlaintext()
        .build();
  }

  /** Takes effect for the next Check. */
  public void peer(Peer now) {
    peer = now;
    channel.shutdownNow();
    channel = channel();
  }

  public ManagedChannel openChannel() {
    return channel;
  }

  public AuthorizationGrpc.AuthorizationBlockingStub stub(Metadata headers) {
    return AuthorizationGrpc.newBlockingStub(channel)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  public AuthorizationGrpc.AuthorizationFutureStub futureStub() {
    return AuthorizationGrpc.newFutureStub(channel)
        .withInterceptors(
            MetadataUtils.newAttachHeadersInterceptor(
                Samples.headers("x-kith-direction", "outbound")));
  }

  public CheckResponse check(CheckRequest request) {
    return check(request, Samples.headers("x-kith-direction", "outbound", "x-kith-node", "node-1"));
  }

  /** Returns when telemetry has the answer as well, which is after it was sent. */
  public CheckResponse check(CheckRequest request, Metadata headers) {
    var before = answered.size();
    var response = stub(headers).withDeadlineAfter(60, TimeUnit.SECONDS).check(request);
    Await.until("the answer is told", () -> answered.size() > before);
    return response;
  }

  /** A field of the answer's metadata, or "". */
  public static String said(CheckResponse response, String field) {
    return response
        .getDynamicMetadata()
        .getFieldsOrDefault(field, com.google.protobuf.Value.getDefaultInstance())
        .getStringValue();
  }

  @Override
  public void close() {
    channel.shutdownNow();
    server.close();
    deadlines.close();
  }
}
