package io.kith.server.admin;

import static io.kith.server.admin.AdminServerTest.LIMITS;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.ConnectivityState;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiator;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.AdminLimits.Rate;
import io.kith.baselines.config.AdminRole;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.check.Await;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.SpiffeTls.ClientCertificate;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What callers can hold of an admin API on a port. */
@Timeout(600)
class AdminBoundsTest {
  private static final SpiffeId SERVER =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/authz-server");
  private static final SpiffeId ADA = SpiffeId.parse("spiffe://dev.kith.local/ns/people/sa/ada");

  /** Longer than a test takes. */
  private static final Duration LONG = Duration.ofHours(1);

  private static final Duration SHORT = Duration.ofMillis(100);

  @TempDir Path folder;

  private final List<ManagedChannel> channels = new ArrayList<>();
  private final Open service = new Open();

  @AfterEach
  void hangUp() {
    channels.forEach(ManagedChannel::shutdownNow);
  }

  /** Answers at once, and follows until it is told to say more. */
  private static final class Open extends AdminServiceGrpc.AdminServiceImplBase {
    final AtomicInteger asked = new AtomicInteger();
    final List<StreamObserver<TailDecisionsResponse>> tails = new CopyOnWriteArrayList<>();

    @Override
    public void getStatus(GetStatusRequest request, StreamObserver<GetStatusResponse> caller) {
      asked.incrementAndGet();
      caller.onNext(GetStatusResponse.getDefaultInstance());
      caller.onCompleted();
    }

    @Override
    public void tailDecisions(
        TailDecisionsRequest request, StreamObserver<TailDecisionsResponse> caller) {
      asked.incrementAndGet();
      tails.add(caller);
      caller.onNext(TailDecisionsResponse.getDefaultInstance());
    }
  }

  private AdminServer served(
      InternalProtocolNegotiator.ProtocolNegotiator transport,
      AdminServer.Bounds bounds,
      Caller caller,
      CallLimits limits)
      throws IOException {
    return AdminServer.onTcp(
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
        transport,
        bounds,
        caller,
        limits,
        service);
  }

  private AdminServer served(AdminServer.Bounds bounds, CallLimits limits) throws IOException {
    return served(
        InternalProtocolNegotiators.serverPlaintext(),
        bounds,
        (_, _) -> new Caller.Known("uid:7", "uid:7 as ada", AdminRole.VIEWER),
        limits);
  }

  private ManagedChannel channel(AdminServer server, ChannelCredentials credentials) {
    var channel = Grpc.newChannelBuilder("127.0.0.1:" + server.port(), credentials).build();
    channels.add(channel);
    return channel;
  }

  private static boolean isConnected(ManagedChannel channel) {
    return channel.getState(false) == ConnectivityState.READY;
  }

  private static void ask(AdminServiceGrpc.AdminServiceBlockingStub admin) {
    assertThat(
            admin
                .withDeadlineAfter(1, TimeUnit.MINUTES)
                .getStatus(GetStatusRequest.getDefaultInstance()))
        .isEqualTo(GetStatusResponse.getDefaultInstance());
  }

  private static Iterator<TailDecisionsResponse> tail(ManagedChannel channel) {
    var messages =
        AdminServiceGrpc.newBlockingStub(channel)
            .withDeadlineAfter(1, TimeUnit.MINUTES)
            .tailDecisions(TailDecisionsRequest.getDefaultInstance());
    assertThat(messages.hasNext()).isTrue();
    var _ = messages.next();
    return messages;
  }

  private static X509Source source(DevIdentity issuer, SpiffeId id) throws InterruptedException {
    var source = WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC());
    assertThat(source.awaitReady(Duration.ofMinutes(1))).isTrue();
    return source;
  }

  /** Whoever reached the port held as many as the process may have files, and for ever. */
  @Test
  void connections_onWhichNobodyIsRecognized_makeWayFromTheEldest() throws Exception {
    var settings =
        new DevIdentity.Settings(
            folder, "dev.kith.local", Duration.ofHours(1), Set.of(SERVER, ADA));
    var token = new Metadata();
    token.put(Caller.AUTHORIZATION, "Bearer good");
    var byCertificate =
        new TlsCaller(id -> id.equals(ADA) ? AdminRole.VIEWER : null, null, Clock.systemUTC());
    Caller caller =
        (connection, headers) ->
            "Bearer good".equals(headers.get(Caller.AUTHORIZATION))
                ? new Caller.Known("oidc:1", "oidc:1 as bob", AdminRole.VIEWER)
                : byCertificate.of(connection, headers);
    try (var issuer = DevIdentity.start(settings, Clock.systemUTC());
        var identity = source(issuer, SERVER);
        var adas = source(issuer, ADA);
        var server =
            served(
                InternalProtocolNegotiators.serverTls(
                    SpiffeTls.grpcServerContext(identity, _ -> true, ClientCertificate.OPTIONAL)),
                new AdminServer.Bounds(4, LONG, LONG),
                caller,
                LIMITS)) {
      var nobody = SpiffeTls.channelCredentials(identity.bundles(), SERVER::equals);
      var ada = channel(server, SpiffeTls.channelCredentials(adas, SERVER::equals));
      var followed = tail(ada);
      var strangers = new ArrayList<ManagedChannel>();
      for (var i = 0; i < 12; i++) {
        var stranger = channel(server, nobody);
        strangers.add(stranger);
        var _ = stranger.getState(true);
        Await.until("the stranger is connected", () -> isConnected(stranger));
      }

      ask(
          AdminServiceGrpc.newBlockingStub(channel(server, nobody))
              .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(token)));
      ask(
          AdminServiceGrpc.newBlockingStub(
              channel(server, SpiffeTls.channelCredentials(adas, SERVER::equals))));

      Await.until(
          "all but the last made way",
          () -> strangers.stream().filter(AdminBoundsTest::isConnected).count() == 1);
      assertThat(isConnected(strangers.getLast())).isTrue();
      service.tails.getFirst().onNext(TailDecisionsResponse.getDefaultInstance());
      assertThat(followed.hasNext()).isTrue();
    }
  }

  @Test
  void connection_withoutACall_isEnded_oneThatFollowsIsNot() throws Exception {
    try (var server = served(new AdminServer.Bounds(256, SHORT, LONG), LIMITS)) {
      var following = channel(server, InsecureChannelCredentials.create());
      var followed = tail(following);
      var idle = channel(server, InsecureChannelCredentials.create());
      ask(AdminServiceGrpc.newBlockingStub(idle));

      Await.until("it is ended", () -> idle.getState(false) == ConnectivityState.IDLE);

      service.tails.getFirst().onNext(TailDecisionsResponse.getDefaultInstance());
      assertThat(followed.hasNext()).isTrue();
    }
  }

  /** A viewer's filled the memory, as nobody waited for their end. */
  @Test
  void request_thatDoesNotComeWhole_isEnded_andGivesItsPlaceBack() throws Exception {
    var oneStream = new CallLimits(new AdminLimits(new Rate(10_000, 10_000), new Rate(1, 1), 1));
    try (var server = served(new AdminServer.Bounds(256, LONG, SHORT), oneStream)) {
      var channel = channel(server, InsecureChannelCredentials.create());

      var question =
          begun(
              channel,
              AdminServiceGrpc.getGetStatusMethod(),
              GetStatusRequest.getDefaultInstance());
      var tail =
          begun(
              channel,
              AdminServiceGrpc.getTailDecisionsMethod(),
              TailDecisionsRequest.getDefaultInstance());

      for (var ended : List.of(question.get(1, TimeUnit.MINUTES), tail.get(1, TimeUnit.MINUTES))) {
        assertThat(ended.getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
        assertThat(ended.getDescription()).startsWith("the request was not whole after");
      }
      assertThat(service.asked).hasValue(0);
      Await.until("the place is free", () -> isFollowed(channel));
    }
  }

  private static boolean isFollowed(ManagedChannel channel) {
    try {
      var _ = tail(channel);
      return true;
    } catch (StatusRuntimeException _) {
      return false;
    }
  }

  /** Others that are recognized kept root out of his own socket. */
  @Test
  void connections_ofRootAtTheUnixSocket_needNoPlace() throws Exception {
    var socket = folder.resolve("admin.sock");
    try (var _ = AdminServer.onUnixSocket(socket, Map.of(), LIMITS, service)) {
      for (var i = 0; i < AdminServer.Bounds.DEFAULT.connections() + 1; i++) {
        var channel =
            Grpc.newChannelBuilder("unix://" + socket, InsecureChannelCredentials.create()).build();
        channels.add(channel);
        ask(AdminServiceGrpc.newBlockingStub(channel));
      }
      assertThat(channels).allMatch(AdminBoundsTest::isConnected);
    }
  }

  /** The limit is one for the request, not for what is answered. */
  @Test
  void request_thatIsWhole_isAnsweredForAsLongAsItTakes() throws Exception {
    try (var server = served(new AdminServer.Bounds(256, LONG, Duration.ofSeconds(2)), LIMITS)) {
      var channel = channel(server, InsecureChannelCredentials.create());
      var followed = tail(channel);

      var later =
          begun(
              channel,
              AdminServiceGrpc.getGetStatusMethod(),
              GetStatusRequest.getDefaultInstance());
      assertThat(later.get(1, TimeUnit.MINUTES).getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);

      service.tails.getFirst().onNext(TailDecisionsResponse.getDefaultInstance());
      assertThat(followed.hasNext()).isTrue();
    }
  }

  /** How a call ends whose message is sent, and never that it was the last. */
  private static <Q, A> CompletableFuture<Status> begun(
      ManagedChannel channel, MethodDescriptor<Q, A> method, Q message) {
    var ended = new CompletableFuture<Status>();
    var call =
        channel.newCall(
            method.toBuilder().setType(MethodType.BIDI_STREAMING).build(), CallOptions.DEFAULT);
    var messages =
        ClientCalls.asyncBidiStreamingCall(
            call,
            new StreamObserver<A>() {
              @Override
              public void onNext(A answer) {}

              @Override
              public void onError(Throwable thrown) {
                ended.complete(Status.fromThrowable(thrown));
              }

              @Override
              public void onCompleted() {
                ended.complete(Status.OK);
              }
            });
    messages.onNext(message);
    return ended;
  }
}
