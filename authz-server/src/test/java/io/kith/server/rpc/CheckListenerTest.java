package io.kith.server.rpc;

import static io.kith.server.check.Samples.headers;
import static io.kith.server.check.Samples.l4;
import static io.kith.server.check.ServiceUnderTest.said;
import static io.kith.server.check.ServiceUnderTest.settings;
import static io.kith.server.rpc.RawHttp2.DATA;
import static io.kith.server.rpc.RawHttp2.END_STREAM;
import static io.kith.server.rpc.RawHttp2.HEADERS;
import static io.kith.server.rpc.RawHttp2.RST_STREAM;
import static io.kith.server.rpc.RawHttp2.SETTINGS;
import static io.kith.server.rpc.RawHttp2.WINDOW_UPDATE;
import static io.kith.server.rpc.RawHttp2.message;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.grpc.stub.MetadataUtils;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.process.Attribution;
import io.kith.server.check.Await;
import io.kith.server.check.Samples;
import io.kith.server.check.ServiceUnderTest;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import javax.net.ssl.KeyManagerFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class CheckListenerTest {
  private static final int MOST = 64 * 1024;

  private final AtomicInteger connections = new AtomicInteger();
  private ServiceUnderTest kith;
  private CheckListener listener;

  @BeforeEach
  void start() throws IOException {
    kith = new ServiceUnderTest(settings());
    listener = listen(Duration.ofHours(1));
  }

  @AfterEach
  void stop() {
    listener.close();
    kith.close();
  }

  private CheckListener listen(Duration connectionAge) throws IOException {
    return listen(MOST, connectionAge, Duration.ofSeconds(30));
  }

  private CheckListener listen(int messageBytes, Duration connectionAge, Duration patience)
      throws IOException {
    return listen(null, messageBytes, connectionAge, patience);
  }

  private CheckListener listen(
      @Nullable SslContext tls, int messageBytes, Duration connectionAge, Duration patience)
      throws IOException {
    return CheckListener.start(
        EventLoops.ofChecks(),
        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
        tls,
        (_, _) -> {
          connections.incrementAndGet();
          return kith.peer;
        },
        new CheckListener.Limits(
            messageBytes, 8192, connectionAge, Duration.ofSeconds(30), patience, 1_000, 1_000),
        kith.service);
  }

  private ManagedChannel channel() {
    return NettyChannelBuilder.forAddress(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.port()))
        .usePlaintext()
        .build();
  }

  private static AuthorizationGrpc.AuthorizationBlockingStub stub(ManagedChannel channel) {
    return AuthorizationGrpc.newBlockingStub(channel)
        .withInterceptors(
            MetadataUtils.newAttachHeadersInterceptor(headers("x-kith-direction", "outbound")))
        .withDeadlineAfter(60, TimeUnit.SECONDS);
  }

  private static CheckResponse answer(RawHttp2.Frame data) throws IOException {
    return CheckResponse.parseFrom(data.payload().position(5));
  }

  /** What the Check of a stream was answered, in a successful RPC. */
  private static CheckResponse answered(RawHttp2 client, int stream) throws Exception {
    var data = client.await(frame -> frame.stream() == stream && frame.type() == DATA);
    assertThat(client.end(stream).header("grpc-status")).isEqualTo("0");
    return answer(data);
  }

  // Messages.

  @Test
  void check_compressed_isReadAsWhatItIs() {
    var channel = channel();
    try {
      var response = stub(channel).withCompression("gzip").check(l4());

      assertThat(response.getStatus().getCode()).isZero();
      assertThat(said(response, "workload")).isEqualTo("shop/deployment/checkout");
    } finally {
      channel.shutdownNow();
    }
  }

  @Test
  void check_inManyPieces_isOneMessage() throws Exception {
    var bytes = message(l4().toByteArray());
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0);
      client.frame(DATA, 0, 1, new byte[0]);
      for (var octet : bytes) {
        client.frame(DATA, 0, 1, new byte[] {octet});
      }
      client.frame(DATA, END_STREAM, 1, new byte[0]);

      assertThat(said(answered(client, 1), "decision")).isEqualTo("allow");
    }
  }

  private static byte[] zipped(byte[] bytes) {
    var zipped = new ByteArrayOutputStream();
    try (var zip = new GZIPOutputStream(zipped)) {
      zip.write(bytes);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return zipped.toByteArray();
  }

  static Stream<byte[]> bodiesThatAreNoCheck() {
    var check = l4().toByteArray();
    return Stream.of(
        new byte[0],
        new byte[] {0, 0, 0},
        message(0, check.length + 1, check),
        message(0, check.length - 1, check),
        message(0, -1, check),
        message(0, Integer.MIN_VALUE, check),
        message(2, check.length, check),
        message(1, check.length, check),
        message(zipped(new byte[MOST + 1])),
        message(1, zipped(new byte[MOST + 1]).length, zipped(new byte[MOST + 1])),
        message("nothing of the kind".getBytes(UTF_8)));
  }

  /** A call that fails would be permission where a filter fails open. */
  @ParameterizedTest
  @MethodSource("bodiesThatAreNoCheck")
  void check_ofAnythingElse_isAVerdictAndNoFailure(byte[] body) throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0, "grpc-encoding", "gzip");
      client.frame(DATA, END_STREAM, 1, body);

      var response = answered(client, 1);

      assertThat(response.getStatus().getCode()).isEqualTo(7);
      assertThat(said(response, "reason")).isEqualTo("malformed");
    }
  }

  /** Four kilobytes would be four megabytes, of fields that nobody knows. */
  @ParameterizedTest
  @CsvSource({"65536, allow", "65537, malformed"})
  void check_compressed_isUnpackedUpTo64KiB(int octets, String answer) throws Exception {
    listener.close();
    listener = listen(4 * 1024 * 1024, Duration.ofHours(1), Duration.ofSeconds(30));
    var body = zipped(padded(octets));
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0, "grpc-encoding", "gzip");
      client.frame(DATA, END_STREAM, 1, message(1, body.length, body));

      var response = answered(client, 1);

      assertThat(said(response, answer.equals("allow") ? "decision" : "reason")).isEqualTo(answer);
    }
  }

  /** A Check of this length, mostly of fields that are not known. */
  private static byte[] padded(int octets) {
    var check = l4().toByteArray();
    var left = octets - check.length;
    var padded = ByteBuffer.allocate(octets).put(check);
    if (left % 2 == 1) {
      padded.put((byte) 0x78).put((byte) 0x80).put((byte) 0); // field 15, in three octets
    }
    while (padded.hasRemaining()) {
      padded.put((byte) 0x78).put((byte) 1); // field 15, in two
    }
    return padded.array();
  }

  @Test
  void check_withoutABody_isAVerdict() throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, END_STREAM);

      assertThat(said(answered(client, 1), "reason")).isEqualTo("malformed");
    }
  }

  @Test
  void check_twoMessages_areAVerdict() throws Exception {
    var one = message(l4().toByteArray());
    var two = ByteBuffer.allocate(2 * one.length).put(one).put(one).array();
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0);
      client.frame(DATA, END_STREAM, 1, two);

      assertThat(said(answered(client, 1), "reason")).isEqualTo("malformed");
    }
  }

  @Test
  void check_compressedByWhatIsNotKnown_isAVerdict() throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0, "grpc-encoding", "zstd");
      client.frame(DATA, END_STREAM, 1, message(1, 3, new byte[] {1, 2, 3}));

      assertThat(said(answered(client, 1), "reason")).isEqualTo("malformed");
    }
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_tooLong_isMalformedAndEndsAlone(Mode mode) throws Exception {
    kith.policy.decideBy(Samples.snapshot(mode));
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0);
      for (var sent = 0; sent <= MOST; sent += 16_000) {
        client.frame(DATA, 0, 1, new byte[16_000]);
      }
      var response = answered(client, 1);
      var reset = client.await(frame -> frame.type() == RST_STREAM);
      client.frame(DATA, END_STREAM, 1, new byte[10]);
      client.headers(3, 0);
      client.frame(DATA, END_STREAM, 3, message(l4().toByteArray()));

      assertThat(response.getStatus().getCode()).isEqualTo(mode == Mode.ENFORCE ? 7 : 0);
      assertThat(said(response, mode == Mode.SHADOW ? "shadow_reason" : "reason"))
          .isEqualTo("malformed");
      assertThat(reset.stream()).isEqualTo(1);
      assertThat(reset.payload().getInt()).isZero();
      assertThat(said(answered(client, 3), "decision")).isEqualTo("allow");
      assertThat(kith.policy.records()).hasSize(2);
      assertThat(listener.unfinishedOctets()).isZero();
    }
  }

  // Checks that do not come whole.

  /** Two of the longest on a connection, sixteen of all; the others get what the mode says. */
  @ParameterizedTest
  @EnumSource(Mode.class)
  void checks_unfinished_areHeldUpToALimitWhileOthersAreAnswered(Mode mode) throws Exception {
    kith.policy.decideBy(Samples.snapshot(mode));
    listener.close();
    var most = 4 * 1024 * 1024;
    listener = listen(most, Duration.ofHours(1), Duration.ofMinutes(5));
    var connections = new ArrayList<RawHttp2>();
    try (var good = new RawHttp2(listener.port())) {
      for (var i = 0; i < 10; i++) {
        var client = new RawHttp2(listener.port());
        connections.add(client);
        var part = new byte[16_000];
        for (var stream = 1; stream < 20; stream += 2) {
          client.headers(stream, 0);
        }
        for (var sent = 0; sent + part.length <= 3_900_000; sent += part.length) {
          for (var stream = 1; stream < 20; stream += 2) {
            client.frame(DATA, 0, stream, part);
          }
        }
        // Of ten on this connection eight were refused by now; the last two as well, or none.
        for (var refused = 0; refused < 8; refused++) {
          var answer = client.await(frame -> frame.type() == DATA);
          assertThat(answer(answer).getStatus().getCode()).isEqualTo(mode == Mode.ENFORCE ? 14 : 0);
          assertThat(said(answer(answer), mode == Mode.SHADOW ? "shadow_reason" : "reason"))
              .isEqualTo("overloaded");
        }
      }

      assertThat(listener.unfinishedOctets()).isBetween(48L * 1024 * 1024, 64L * 1024 * 1024 + 80);
      for (var stream = 1; stream < 100; stream += 2) {
        good.headers(stream, 0);
        good.frame(DATA, END_STREAM, stream, message(l4(1024 + stream).toByteArray()));
        assertThat(said(answered(good, stream), "decision")).isEqualTo("allow");
      }
    } finally {
      for (var client : connections) {
        client.close();
      }
    }
    Await.until("nothing is held any more", () -> listener.unfinishedOctets() == 0);
  }

  @Test
  void checks_withMuchMetadata_countAsUnfinished() throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      var name = "c".repeat(512);
      var length = CheckStream.STREAM + 2 * name.length() + "outbound".length();
      var fitting = 2 * (MOST + 5) / length;
      for (var i = 0; i <= fitting; i++) {
        client.headers(2 * i + 1, 0, "x-kith-cluster", name, "x-kith-spare", name);
      }

      assertThat(said(answered(client, 2 * fitting + 1), "reason")).isEqualTo("overloaded");
      assertThat(listener.unfinishedOctets()).isEqualTo((long) fitting * length);
    }
  }

  /** Of headers alone a connection had ten thousand, and none of them was counted. */
  @Test
  void checks_withoutBodies_countOnceAnotherBegins() throws Exception {
    var each = CheckStream.STREAM + "outbound".length();
    var fitting = 2 * (MOST + 5) / each;
    var connections = new ArrayList<RawHttp2>();
    try (var good = new RawHttp2(listener.port())) {
      for (var i = 0; i < 8; i++) { // as many as fill what there is for all
        var client = new RawHttp2(listener.port());
        connections.add(client);
        for (var stream = 0; stream <= fitting; stream++) {
          client.headers(2 * stream + 1, 0);
        }
      }
      Await.until("they count", () -> listener.unfinishedOctets() == 8L * fitting * each);

      var full = connections.getFirst();
      full.headers(2 * fitting + 3, 0); // one more, so the one before it counts
      assertThat(said(answered(full, 2 * fitting + 1), "reason")).isEqualTo("overloaded");
      full.frame(DATA, END_STREAM, 2 * fitting + 3, message(l4().toByteArray()));
      assertThat(said(answered(full, 2 * fitting + 3), "decision")).isEqualTo("allow");
      good.headers(1, 0);
      good.headers(3, 0);
      assertThat(said(answered(good, 1), "reason")).isEqualTo("overloaded");
      good.frame(DATA, END_STREAM, 3, message(l4().toByteArray()));
      assertThat(said(answered(good, 3), "decision")).isEqualTo("allow");

      full.frame(DATA, END_STREAM, 1, message(l4(2_000).toByteArray()));
      assertThat(said(answered(full, 1), "decision")).isEqualTo("allow");
      assertThat(listener.unfinishedOctets()).isEqualTo((8L * fitting - 1) * each);
    } finally {
      for (var client : connections) {
        client.close();
      }
    }
    Await.until("nothing is held any more", () -> listener.unfinishedOctets() == 0);
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_notWholeInTime_isMalformedAndEnds(Mode mode) throws Exception {
    kith.policy.decideBy(Samples.snapshot(mode));
    listener.close();
    listener = listen(MOST, Duration.ofHours(1), Duration.ofMillis(30));
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0);
      client.frame(DATA, 0, 1, new byte[1000]);
      client.headers(3, 0);

      var frames = new ArrayList<RawHttp2.Frame>(); // both may end at once, answers first
      for (var ends = 0; ends < 2; ) {
        frames.add(client.await(_ -> true));
        ends += frames.getLast().type() == RST_STREAM ? 1 : 0;
      }
      for (var stream = 1; stream <= 3; stream += 2) {
        var id = stream;
        var types =
            frames.stream()
                .filter(frame -> frame.stream() == id)
                .map(RawHttp2.Frame::type)
                .toList();
        assertThat(types).containsExactly(HEADERS, DATA, HEADERS, RST_STREAM);
      }
      for (var frame : frames) {
        if (frame.type() == DATA) {
          assertThat(answer(frame).getStatus().getCode()).isEqualTo(mode == Mode.ENFORCE ? 7 : 0);
          assertThat(said(answer(frame), mode == Mode.SHADOW ? "shadow_reason" : "reason"))
              .isEqualTo("malformed");
        }
      }
      assertThat(listener.unfinishedOctets()).isZero();
      if (mode != Mode.OBSERVE) { // whose records say no reason
        assertThat(kith.policy.records())
            .allSatisfy(
                record ->
                    assertThat(record.decision().toString()).contains("not whole after 30 ms"));
      }
    }
  }

  @Test
  void check_resetBeforeItsEnd_isForgotten() throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0);
      client.frame(DATA, 0, 1, new byte[10_000]);
      Await.until("it is held", () -> listener.unfinishedOctets() == 10_000);

      client.frame(RST_STREAM, 0, 1, new byte[] {0, 0, 0, 8});

      Await.until("it is not", () -> listener.unfinishedOctets() == 0);
      assertThat(kith.policy.records()).isEmpty();
    }
  }

  @Test
  void check_withTrailers_isAsked() throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0);
      client.frame(DATA, 0, 1, message(l4().toByteArray()));
      client.headers(1, END_STREAM);

      assertThat(said(answered(client, 1), "decision")).isEqualTo("allow");
    }
  }

  // Calls of something else.

  @Test
  void call_ofAnotherService_isUnimplemented() {
    var channel = channel();
    try {
      assertThatThrownBy(
              () ->
                  HealthGrpc.newBlockingStub(channel)
                      .withDeadlineAfter(60, TimeUnit.SECONDS)
                      .check(HealthCheckRequest.getDefaultInstance()))
          .isInstanceOf(StatusRuntimeException.class)
          .hasMessage(
              "UNIMPLEMENTED: only /envoy.service.auth.v3.Authorization/Check is served here (see"
                  + " server.checks)");
    } finally {
      channel.shutdownNow();
    }
  }

  @ParameterizedTest
  @CsvSource({
    ":method, GET, 405",
    "content-type, application/json, 415",
    "content-type, application/grp, 415",
  })
  void call_thatIsNoGrpc_isRefusedAsHttpHasIt(String name, String value, String status)
      throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, END_STREAM, name, value);

      assertThat(client.end(1).header(":status")).isEqualTo(status);
      assertThat(kith.policy.records()).isEmpty();
    }
  }

  @Test
  void call_refusedBeforeItsBody_leavesTheConnectionAsItWas() throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0, "content-type", "text/plain");
      client.await(frame -> frame.type() == RST_STREAM && frame.stream() == 1);
      client.frame(DATA, END_STREAM, 1, new byte[100]);
      client.headers(3, 0);
      client.frame(DATA, END_STREAM, 3, message(l4().toByteArray()));

      assertThat(said(answered(client, 3), "decision")).isEqualTo("allow");
    }
  }

  // Connections.

  @Test
  void connection_old_isEndedWithoutACallLost() throws Exception {
    listener.close();
    listener = listen(Duration.ofMillis(60));
    connections.set(0);
    var channel = channel();
    try (var threads = Executors.newFixedThreadPool(4)) {
      var calls =
          IntStream.range(0, 4)
              .mapToObj(
                  _ ->
                      threads.submit(
                          () -> {
                            for (var i = 0; i < 500; i++) {
                              assertThat(stub(channel).check(l4(1024 + i)).getStatus().getCode())
                                  .isZero();
                            }
                            return true;
                          }))
              .toList();
      for (var call : calls) {
        assertThat(call.get()).isTrue();
      }
    } finally {
      channel.shutdownNow();
    }
    assertThat(connections).hasValueGreaterThan(1);
  }

  @Test
  void connection_told_firstThatItIsOldAndThenWhatIsRefused() throws Exception {
    listener.close();
    listener = listen(Duration.ofMillis(20));
    try (var client = new RawHttp2(listener.port())) {
      var warned = client.await(frame -> frame.type() == RawHttp2.GO_AWAY);
      client.headers(1, 0);
      client.frame(DATA, END_STREAM, 1, message(l4().toByteArray()));
      assertThat(warned.payload().getInt()).isEqualTo(Integer.MAX_VALUE);
      assertThat(said(answered(client, 1), "decision")).isEqualTo("allow");

      client.frame(6, 1, 0, ByteBuffer.allocate(8).putLong(0x6b697468L).array());

      var ended = client.await(frame -> frame.type() == RawHttp2.GO_AWAY);
      assertThat(ended.payload().getInt()).isEqualTo(1);
      assertThatThrownBy(() -> client.await(_ -> false)).isInstanceOf(EOFException.class);
    }
  }

  @Test
  void close_answersWhatIsAsked() throws Exception {
    var slow = new CompletableFuture<Attribution>();
    kith.processes.answer(_ -> slow);
    try (var client = new RawHttp2(listener.port());
        var threads = Executors.newSingleThreadExecutor()) {
      client.headers(1, 0);
      client.frame(DATA, END_STREAM, 1, message(l4().toByteArray()));
      Await.until("it waits", () -> kith.service.waiting() == 1);

      var closed = threads.submit(() -> listener.close(Duration.ofSeconds(60)));
      client.await(frame -> frame.type() == RawHttp2.GO_AWAY);
      client.frame(6, 1, 0, ByteBuffer.allocate(8).putLong(0x6b697468L).array());
      slow.complete(Samples.attributed(Samples.APP));

      assertThat(said(answered(client, 1), "decision")).isEqualTo("allow");
      closed.get();
      assertThatThrownBy(() -> client.await(_ -> false)).isInstanceOf(EOFException.class);
    }
  }

  /** It cannot be told that the server ends, and nothing was asked on it. */
  @Test
  void close_connectionWhoseHandshakeIsUnfinished_isNotWaitedFor() throws Exception {
    listener.close();
    var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(null, null);
    var tls = SslContextBuilder.forServer(keys).sslProvider(SslProvider.JDK).build();
    listener = listen(tls, MOST, Duration.ofHours(1), Duration.ofSeconds(30));
    try (var silent = new Socket(InetAddress.getLoopbackAddress(), listener.port());
        var threads = Executors.newSingleThreadExecutor()) {
      Await.until("it is accepted", () -> listener.connections().handshakes() == 1);

      var closed = threads.submit(() -> listener.close(Duration.ofMinutes(4)));

      silent.setSoTimeout(60_000);
      assertThat(silent.getInputStream().read()).isEqualTo(-1);
      closed.get();
    }
  }

  @Test
  void connection_lost_endsWhatIsAskedOnIt() throws Exception {
    var slow = new CompletableFuture<Attribution>();
    kith.processes.answer(_ -> slow);
    try (var client = new RawHttp2(listener.port())) {
      client.headers(1, 0);
      client.frame(DATA, END_STREAM, 1, message(l4().toByteArray()));
      Await.until("it waits", () -> kith.service.waiting() == 1);
    }

    Await.until("it is cancelled", () -> kith.cancelled.get() == 1);
    slow.complete(Samples.attributed(Samples.APP));
    assertThat(kith.policy.records()).hasSize(1);
  }

  /** Answers that nobody takes would fill memory. */
  @Test
  void connection_whoseClientDoesNotRead_isNotReadEitherOrEnds() throws Exception {
    var pings = ByteBuffer.allocate(1000 * 17);
    while (pings.hasRemaining()) {
      pings.putShort((short) 0).put((byte) 8).put((byte) 6).put((byte) 0).putInt(0).putLong(7);
    }
    try (var good = new RawHttp2(listener.port());
        var deaf = SocketChannel.open()) {
      deaf.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.port()));
      deaf.write(ByteBuffer.wrap("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(UTF_8)));
      deaf.write(ByteBuffer.wrap(new byte[] {0, 0, 0, 4, 0, 0, 0, 0, 0}));
      deaf.configureBlocking(false);

      Await.until(
          "the server takes no more of it",
          () -> {
            try {
              return deaf.write(pings.rewind()) == 0;
            } catch (IOException _) {
              return true; // or ends it, which Netty does beyond ten thousand answers
            }
          });

      good.headers(1, END_STREAM);
      assertThat(good.end(1).header("grpc-status")).isEqualTo("0");
    }
  }

  /** Flow control holds them back where no channel is full of them. */
  @Test
  void connection_whoseClientTakesNoAnswer_isEnded() throws Exception {
    listener.close();
    listener = listen(MOST, Duration.ofHours(1), Duration.ofMillis(300));
    try (var client = new RawHttp2(listener.port())) {
      client.frame(SETTINGS, 0, 0, windowOfStreams(0));
      for (var stream = 1; stream < 20; stream += 2) {
        client.headers(stream, 0);
        client.frame(DATA, END_STREAM, stream, message(l4(1024 + stream).toByteArray()));
      }

      var told = client.await(frame -> frame.type() == RawHttp2.GO_AWAY);

      assertThat(told.payload().getInt(4)).isEqualTo(11); // ENHANCE_YOUR_CALM
      assertThatThrownBy(() -> client.await(_ -> false)).isInstanceOf(EOFException.class);
    }
    assertThat(listener.endedByLimit())
        .containsOnly(entry("perId", 0L), entry("handshakes", 0L), entry("answers", 1L));
  }

  /** It leaves some for long, and asks and takes others meanwhile. */
  @Test
  void connection_whoseClientTakesAnswersSlowly_isServedOn() throws Exception {
    listener.close();
    var patience = Duration.ofSeconds(2); // a busy machine takes none for a second
    listener = listen(MOST, Duration.ofHours(1), patience);
    try (var client = new RawHttp2(listener.port())) {
      client.frame(SETTINGS, 0, 0, windowOfStreams(0));
      var stream = 1;
      for (var began = System.nanoTime();
          System.nanoTime() - began < 3 * patience.toNanos();
          stream += 2) {
        client.headers(stream, 0);
        client.frame(DATA, END_STREAM, stream, message(l4().toByteArray()));
        if (stream > 9) {
          client.frame(WINDOW_UPDATE, 0, stream, new byte[] {0, 1, 0, 0});
          assertThat(said(answered(client, stream), "decision")).isEqualTo("allow");
        }
      }

      client.frame(WINDOW_UPDATE, 0, 9, new byte[] {0, 1, 0, 0});

      assertThat(said(answered(client, 9), "decision")).isEqualTo("allow");
    }
  }

  private static byte[] windowOfStreams(int octets) {
    return ByteBuffer.allocate(6).putShort((short) 4).putInt(octets).array();
  }

  @Test
  void connection_ofMoreStreamsThanItWasGranted_refusesTheRest() throws Exception {
    listener.close();
    listener = listen(4 * 1024 * 1024, Duration.ofHours(1), Duration.ofMinutes(5));
    try (var client = new RawHttp2(listener.port())) {
      for (var i = 0; i <= CheckConnection.MOST_STREAMS; i++) {
        client.headers(2 * i + 1, 0);
      }

      var refused = client.await(frame -> frame.type() == RST_STREAM);

      assertThat(refused.stream()).isEqualTo(2 * CheckConnection.MOST_STREAMS + 1);
      assertThat(refused.payload().getInt()).isEqualTo(7);
    }
  }

  @Test
  void connection_ofNothingButResets_isEnded() throws Exception {
    try (var client = new RawHttp2(listener.port())) {
      var ended = false;
      try {
        for (var i = 0; i <= CheckConnection.MOST_RESETS; i++) {
          client.headers(2 * i + 1, 0);
          client.frame(RST_STREAM, 0, 2 * i + 1, new byte[] {0, 0, 0, 8});
        }
        var told = client.await(frame -> frame.type() == RawHttp2.GO_AWAY);
        ended = told.payload().getInt(4) == 11; // ENHANCE_YOUR_CALM
      } catch (EOFException | java.net.SocketException _) {
        ended = true;
      }
      assertThat(ended).isTrue();
    }
  }

  @Test
  void connection_ofRubbish_harmsNoOther() throws Exception {
    var random = new Random(20_261_127);
    try (var good = new RawHttp2(listener.port())) {
      for (var round = 0; round < 200; round++) {
        try (var bad = new RawHttp2(listener.port())) {
          bad.socket().setSoTimeout(20);
          var rubbish = new byte[random.nextInt(1, 200)];
          random.nextBytes(rubbish);
          if (round % 2 == 0) {
            bad.send(rubbish);
          } else {
            bad.headers(1, 0);
            bad.frame(random.nextInt(12), random.nextInt(256), random.nextInt(4), rubbish);
          }
          bad.await(frame -> frame.type() == RawHttp2.GO_AWAY);
        } catch (SocketTimeoutException | EOFException | java.net.SocketException _) {
          // waited for more of it, or ended
        }
      }
      good.headers(1, 0);
      good.frame(DATA, END_STREAM, 1, message(l4().toByteArray()));

      assertThat(said(answered(good, 1), "decision")).isEqualTo("allow");
    }
  }
}
