package io.kith.server.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.gson.JsonParser;
import io.grpc.Attributes;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.SetModeRequest;
import io.kith.admin.v1.SetModeResponse;
import io.kith.admin.v1.TailDecisionsRequest;
import io.kith.admin.v1.TailDecisionsResponse;
import io.kith.baselines.config.AdminLimits;
import io.kith.baselines.config.AdminLimits.Rate;
import io.kith.baselines.config.AdminRole;
import io.kith.server.check.Await;
import io.kith.server.http.RawHttp;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** How often a caller may call, with real clients. */
@Timeout(600)
class CallLimitsTest {
  private static final long SECOND = 1_000_000_000L;

  @TempDir Path folder;

  private final AtomicLong now = new AtomicLong();
  private final CallLimits limits =
      new CallLimits(new AdminLimits(new Rate(2, 3), new Rate(1, 1), 2), now::get);

  /** Answers at once, and follows for ever. */
  private static final class Open extends AdminServiceGrpc.AdminServiceImplBase {
    @Override
    public void getStatus(GetStatusRequest request, StreamObserver<GetStatusResponse> caller) {
      caller.onNext(GetStatusResponse.getDefaultInstance());
      caller.onCompleted();
    }

    @Override
    public void setMode(SetModeRequest request, StreamObserver<SetModeResponse> caller) {
      caller.onNext(SetModeResponse.getDefaultInstance());
      caller.onCompleted();
    }

    @Override
    public void tailDecisions(
        TailDecisionsRequest request, StreamObserver<TailDecisionsResponse> caller) {
      caller.onNext(TailDecisionsResponse.getDefaultInstance());
    }
  }

  @Test
  void admit_eachCallerAndEachKind_countsAlone() throws Exception {
    for (var caller : new String[] {"uid:1", "uid:2"}) {
      for (var i = 0; i < 3; i++) {
        limits.admit(caller, AdminRole.VIEWER);
      }
      limits.admit(caller, AdminRole.OPERATOR);
      var read =
          catchThrowableOfType(StatusException.class, () -> limits.admit(caller, AdminRole.VIEWER));
      assertThat(read.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
      assertThat(read.getStatus().getDescription())
          .isEqualTo(
              caller + " calls too often: more than 2 questions a second (server.admin.limits)");
      assertThat(
              catchThrowableOfType(
                      StatusException.class, () -> limits.admit(caller, AdminRole.ADMIN))
                  .getStatus()
                  .getDescription())
          .contains("more than 1 changes a second");
    }
  }

  @Test
  void http_tooOften_is429WithWhenToCallAgain_whateverNameIsGiven() throws Exception {
    var socket = folder.resolve("http.sock");
    try (var _ = AdminHttp.onUnixSocket(socket, Map.of(), limits, new Open());
        var http = RawHttp.connect(socket)) {
      for (var i = 0; i < 3; i++) {
        http.send(
            "GET /v1/status HTTP/1.1\r\nHost: kith\r\nX-Kith-User: ada%d\r\n\r\n".formatted(i));
        assertThat(http.answer().status()).isEqualTo(200);
      }
      var refused = http.get("/v1/status");
      assertThat(refused.status()).isEqualTo(429);
      assertThat(refused.headers()).containsEntry("retry-after", "1");
      var detail =
          JsonParser.parseString(refused.body())
              .getAsJsonObject()
              .getAsJsonArray("details")
              .get(0)
              .getAsJsonObject();
      assertThat(detail.get("@type").getAsString()).endsWith("google.rpc.RetryInfo");
      assertThat(detail.get("retryDelay").getAsString()).isEqualTo("0.500s");

      now.addAndGet(SECOND);
      assertThat(http.get("/v1/status").status()).isEqualTo(200);
    }
  }

  private StatusException refusal(String peer, Status why) {
    return limits.refused(peer, why.asException());
  }

  @Test
  void refused_tooOften_isTheSameForEachPeerAlone_untilTimePasses() {
    for (var peer : new String[] {"192.0.2.1", "192.0.2.2"}) {
      for (var i = 0; i < 10; i++) {
        var why = i % 2 == 0 ? Status.UNAUTHENTICATED : Status.PERMISSION_DENIED;
        assertThat(refusal(peer, why).getStatus()).isEqualTo(why);
      }
      var later = refusal(peer, Status.UNAUTHENTICATED);
      assertThat(later.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
      assertThat(later.getStatus().getDescription())
          .isEqualTo(
              "too many calls from " + peer + " that are not accepted: more than 1 a second");
      assertThat(later.getTrailers())
          .isNotNull()
          .extracting(
              trailers ->
                  trailers.get(
                      Metadata.Key.of("grpc-retry-pushback-ms", Metadata.ASCII_STRING_MARSHALLER)))
          .isEqualTo("1000");
    }
    assertThat(refusal("192.0.2.1", Status.UNAVAILABLE).getStatus())
        .as("the issuer's fault")
        .isEqualTo(Status.UNAVAILABLE);
    assertThat(limits.refusals())
        .isEqualTo(Map.of("unauthenticated", 10L, "no_role", 10L, "limited", 2L));

    now.addAndGet(SECOND);
    assertThat(refusal("192.0.2.1", Status.UNAUTHENTICATED).getStatus())
        .isEqualTo(Status.UNAUTHENTICATED);
  }

  @Test
  void peer_isTheAddress_orTheNetwork_orTheUser() throws Exception {
    assertThat(peer("192.0.2.7")).isEqualTo("192.0.2.7");
    assertThat(peer("2001:db8:1:2:3:4:5:6")).isEqualTo(peer("2001:db8:1:2::9"));
    assertThat(peer("2001:db8:1:2::9")).isNotEqualTo(peer("2001:db8:1:3::9"));
    assertThat(CallLimits.peer(SocketPeer.attributes(1_000))).isEqualTo("uid:1000");
    assertThat(CallLimits.peer(Attributes.EMPTY)).isEqualTo("an unknown user");
  }

  private static String peer(String address) throws Exception {
    return CallLimits.peer(
        Attributes.newBuilder()
            .set(
                Grpc.TRANSPORT_ATTR_REMOTE_ADDR,
                new InetSocketAddress(InetAddress.getByName(address), 4_711))
            .build());
  }

  /** Whoever is recognized meanwhile is answered as ever, at either. */
  @Test
  void strangers_overHttpAndGrpc_are429AndResourceExhausted_othersAreNotHeldUp() throws Exception {
    var many =
        new CallLimits(new AdminLimits(new Rate(10_000, 10_000), new Rate(1, 1), 2), now::get);
    var http = folder.resolve("http.sock");
    var grpc = folder.resolve("grpc.sock");
    var stranger = "GET /v1/status HTTP/1.1\r\nHost: kith\r\nAuthorization: Bearer guess%d\r\n\r\n";
    try (var _ = AdminHttp.onUnixSocket(http, Map.of(), many, new Open());
        var _ = AdminServer.onUnixSocket(grpc, Map.of(), many, new Open());
        var client = AdminClient.toUnixSocket(grpc, "ada");
        var connection = RawHttp.connect(http)) {
      for (var i = 0; i < 10; i++) {
        connection.send(stranger.formatted(i));
        assertThat(connection.answer().status()).isEqualTo(401);
      }
      connection.send(stranger.formatted(10));
      var refused = connection.answer();
      assertThat(refused.status()).isEqualTo(429);
      assertThat(refused.headers()).containsEntry("retry-after", "1");
      assertThat(refused.body()).contains("too many calls from uid:");
      var headers = new Metadata();
      headers.put(Caller.AUTHORIZATION, "Bearer guess");
      var overGrpc =
          catchThrowableOfType(
              StatusRuntimeException.class,
              () ->
                  client
                      .service()
                      .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                      .getStatus(GetStatusRequest.getDefaultInstance()));
      assertThat(overGrpc.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);

      for (var i = 0; i < 50; i++) {
        assertThat(connection.get("/v1/status").status()).isEqualTo(200);
        assertThat(client.service().getStatus(GetStatusRequest.getDefaultInstance()))
            .isEqualTo(GetStatusResponse.getDefaultInstance());
      }
      assertThat(many.refusals()).containsEntry("unauthenticated", 10L);
    }
  }

  /** The clock stands for the first two calls, so that only the told time can have helped. */
  @Test
  void grpc_tooOften_isCalledOnceMoreByTheClient_whenTheServerSays() throws Exception {
    var calls = new AtomicInteger();
    var standing =
        new CallLimits(
            new AdminLimits(new Rate(100, 1), new Rate(100, 1), 1),
            () -> calls.get() <= 2 ? 0 : SECOND);
    Caller counted =
        (_, _) -> {
          calls.incrementAndGet();
          return new Caller.Known("uid:7", "uid:7 as ada", AdminRole.ADMIN);
        };
    try (var server =
            AdminServer.onTcp(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                InternalProtocolNegotiators.serverPlaintext(),
                AdminServer.Bounds.DEFAULT,
                counted,
                standing,
                new Open());
        var client =
            AdminClient.toTcp(
                "127.0.0.1", server.port(), InsecureChannelCredentials.create(), "ada")) {
      var _ = client.service().setMode(SetModeRequest.getDefaultInstance());
      assertThat(calls).hasValue(1);

      assertThat(client.service().setMode(SetModeRequest.getDefaultInstance()))
          .isEqualTo(SetModeResponse.getDefaultInstance());

      assertThat(calls).hasValue(3); // refused, and admitted
    }
  }

  @Test
  void grpc_stillTooOften_isTheServersWord() throws Exception {
    var socket = folder.resolve("grpc.sock");
    try (var _ = AdminServer.onUnixSocket(socket, Map.of(), limits, new Open());
        var client = AdminClient.toUnixSocket(socket, "ada")) {
      var _ = client.service().setMode(SetModeRequest.getDefaultInstance());

      var refused =
          catchThrowableOfType(
              StatusRuntimeException.class,
              () -> client.service().setMode(SetModeRequest.getDefaultInstance()));

      assertThat(refused.getStatus().getDescription()).contains("calls too often");
    }
  }

  @Test
  void streams_countOverGrpcAndHttp_andGiveTheirPlacesBack() throws Exception {
    var both = new CallLimits(new AdminLimits(new Rate(10_000, 10_000), new Rate(1, 1), 2));
    var grpc = folder.resolve("grpc.sock");
    var socket = folder.resolve("http.sock");
    var tail = "GET /v1/decisions:tail HTTP/1.1\r\nHost: kith\r\n\r\n";
    try (var _ = AdminServer.onUnixSocket(grpc, Map.of(), both, new Open());
        var _ = AdminHttp.onUnixSocket(socket, Map.of(), both, new Open());
        var client = AdminClient.toUnixSocket(grpc, "ada")) {
      var first = client.service().tailDecisions(TailDecisionsRequest.getDefaultInstance());
      assertThat(first.hasNext()).isTrue();
      try (var second = RawHttp.connect(socket);
          var third = RawHttp.connect(socket)) {
        second.send(tail);
        assertThat(second.head().status()).isEqualTo(200);
        var refused = third.get("/v1/decisions:tail");
        assertThat(refused.status()).isEqualTo(429);
        assertThat(refused.body()).contains("has 2 streams open already");
      }
      Await.until(
          "the place is free",
          () -> {
            try (var again = RawHttp.connect(socket)) {
              again.send(tail);
              return again.head().status() == 200;
            } catch (java.io.IOException e) {
              throw new java.io.UncheckedIOException(e);
            }
          });
    }
  }

  /** It was forgotten with the buckets, and its caller had all places anew each hour. */
  @Test
  void startStream_whileOthersGoOnForMoreThanAnHour_isRefused() throws Exception {
    var first = limits.startStream("uid:1");
    var _ = limits.startStream("uid:1");

    now.addAndGet(61 * 60 * SECOND);

    var refused = catchThrowableOfType(StatusException.class, () -> limits.startStream("uid:1"));
    assertThat(refused.getStatus().getDescription())
        .isEqualTo(
            "uid:1 has 2 streams open already (end one of them, or raise"
                + " server.admin.limits.streams)");
    limits.startStream("uid:2").run();
    first.run();
    limits.startStream("uid:1").run();
  }

  /** Each may hold a request and an answer that nobody takes: one caller filled the memory. */
  @Test
  void startCall_beyondWhatOneCallerMayHaveOpen_isRefusedForNow() throws Exception {
    var ends = new ArrayList<Runnable>();
    for (var i = 0; i < 32; i++) {
      ends.add(limits.startCall("uid:1"));
    }

    var refused = catchThrowableOfType(StatusException.class, () -> limits.startCall("uid:1"));

    assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(refused.getStatus().getDescription())
        .isEqualTo("uid:1 has 32 calls open already (wait for their answers)");
    assertThat(refused.getTrailers()).isNotNull();
    assertThat(refused.getTrailers().keys()).isEmpty(); // it may come again
    limits.startCall("uid:2").run();
    limits.startStream("uid:1").run();
    ends.getFirst().run();
    limits.startCall("uid:1").run();
  }

  /** Beside a stream of reflection, which clients keep open, as many tails as there were. */
  @Test
  void startReflection_takesNoPlaceOfOtherStreams() throws Exception {
    var _ = limits.startReflection("uid:1");
    var _ = limits.startStream("uid:1");
    var _ = limits.startStream("uid:1");

    limits.startReflection("uid:1").run();
  }

  /** It was one question, however many came on it. */
  @Test
  void reflection_eachMessage_isAQuestion() throws Exception {
    var socket = folder.resolve("grpc.sock");
    try (var _ = AdminServer.onUnixSocket(socket, Map.of(), limits, new Open())) {
      var channel = channel(socket);
      try {
        var answers = new Reflected(channel); // three at once: this, and
        assertThat(answers.services()).isNotEmpty();
        assertThat(answers.services()).isNotEmpty();

        var refused = answers.refusal();

        assertThat(refused.getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
        assertThat(refused.getDescription()).contains("calls too often");
      } finally {
        channel.shutdownNow();
      }
    }
  }

  @Test
  void reflection_isAStream() throws Exception {
    var both = new CallLimits(new AdminLimits(new Rate(10_000, 10_000), new Rate(1, 1), 2));
    var socket = folder.resolve("grpc.sock");
    try (var _ = AdminServer.onUnixSocket(socket, Map.of(), both, new Open())) {
      var channel = channel(socket);
      try {
        for (var i = 0; i < 2; i++) {
          assertThat(new Reflected(channel).services()).isNotEmpty();
        }

        assertThat(new Reflected(channel).refusal().getDescription())
            .contains("has 2 streams of reflection open already");
      } finally {
        channel.shutdownNow();
      }
    }
  }

  private static ManagedChannel channel(Path socket) {
    return Grpc.newChannelBuilder("unix://" + socket, InsecureChannelCredentials.create()).build();
  }
}
