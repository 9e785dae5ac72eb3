package io.kith.spiffe.frames;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.BytesValue;
import com.google.protobuf.StringValue;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.bootstrap.Bootstrap;
import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.InMemorySource;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.TestAuthority;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Both ends over real connections, with mutual TLS. */
@Timeout(120)
class FrameStreamTest {
  private static final SpiffeId SERVER = SpiffeId.parse("spiffe://mesh.test/server");
  private static final SpiffeId CLIENT = SpiffeId.parse("spiffe://mesh.test/client");
  private static final int MOST = 100_000;
  private static final FrameStream.Pulse SELDOM =
      new FrameStream.Pulse(Duration.ofHours(1), Duration.ofHours(1));

  private final TestAuthority authority = TestAuthority.create("mesh.test");
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final BlockingQueue<Served> served = new LinkedBlockingQueue<>();

  @TempDir private Path folder;

  @AfterEach
  void end() {
    var _ = loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  private InMemorySource source(SpiffeId id) {
    return new InMemorySource(
        authority.svid(id.toString()), Map.of("mesh.test", List.of(authority.certificate())));
  }

  private SslContext tls(SpiffeId id) {
    return SpiffeTls.framesClientContext(source(id), SERVER::equals);
  }

  private FrameServer server(SocketAddress address, FrameStream.Pulse pulse) throws IOException {
    return FrameServer.<StringValue, StringValue>start(
        loops,
        address,
        SpiffeTls.framesServerContext(source(SERVER), CLIENT::equals),
        StringValue.parser(),
        MOST,
        Served::new,
        pulse);
  }

  private FrameServer server() throws IOException {
    return server(here(), SELDOM);
  }

  private static InetSocketAddress here() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  private static SocketAddress of(FrameServer server) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port());
  }

  private FrameChannel<StringValue, StringValue> channel(SocketAddress address) {
    return new FrameChannel<>(address, tls(CLIENT), StringValue.parser(), MOST, SELDOM);
  }

  @Test
  void send_manyThreads_comesInTheOrderOfEach() throws Exception {
    var socket = new DomainSocketAddress(folder.resolve("s").toString());
    var caller = new Caller();
    try (var _ = server(socket, SELDOM)) {
      channel(socket).attach(caller);
      var call = caller.ready.get();
      var other = served.take();

      var threads =
          List.of("a", "b").stream()
              .map(
                  name ->
                      Thread.startVirtualThread(
                          () ->
                              IntStream.range(0, 5_000)
                                  .forEach(i -> call.onNext(StringValue.of(name + i)))))
              .toList();
      for (var thread : threads) {
        thread.join();
      }
      var all = IntStream.range(0, 10_000).mapToObj(_ -> other.next()).toList();

      for (var name : List.of("a", "b")) {
        assertThat(all.stream().filter(one -> one.startsWith(name)))
            .containsExactlyElementsOf(IntStream.range(0, 5_000).mapToObj(i -> name + i).toList());
      }
      assertThat(other.peer).isEqualTo(CLIENT);
      other.stream.send(StringValue.of("answer"));
      assertThat(caller.received.take()).isEqualTo("answer");
    }
  }

  @Test
  void connect_beforeAttach_isOneConnection() throws Exception {
    try (var server = server()) {
      var channel = channel(of(server));
      channel.connect();
      var other = served.take();
      channel.connect();
      var caller = new Caller();
      channel.attach(caller);
      caller.ready.get().onNext(StringValue.of("hello"));

      assertThat(other.next()).isEqualTo("hello");
      assertThat(served).isEmpty();
    }
  }

  @Test
  void connect_wasCut_isAnotherConnection() throws Exception {
    try (var server = server()) {
      var channel = channel(of(server));
      channel.connect();
      served.take().stream.cut();
      var caller = new Caller();
      while (served.isEmpty()) {
        channel.connect(); // as those do who hold one
        Thread.onSpinWait();
      }
      channel.attach(caller);
      caller.ready.get().onNext(StringValue.of("hello"));

      assertThat(served.take().next()).isEqualTo("hello");
    }
  }

  @Test
  void end_withAReason_isToldAfterAllThatWasSent() throws Exception {
    try (var server = server()) {
      var caller = new Caller();
      channel(of(server)).attach(caller);
      var other = served.take();
      other.stream.send(StringValue.of("last"));
      other.stream.end(Status.PERMISSION_DENIED.withDescription("not you"));

      assertThat(caller.ended.get())
          .extracting(Status::getCode, Status::getDescription)
          .containsExactly(Status.Code.PERMISSION_DENIED, "not you");
      assertThat(caller.received).containsExactly("last");
      assertThat(other.ended.get().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    }
  }

  @Test
  void end_ofTheCaller_isTold() throws Exception {
    try (var server = server()) {
      var caller = new Caller();
      channel(of(server)).attach(caller);
      caller.ready.get().onCompleted();

      assertThat(served.take().ended.get().isOk()).isTrue();
    }
  }

  @Test
  void cancel_isTheCallersOwnReason_andCutsTheOther() throws Exception {
    try (var server = server()) {
      var caller = new Caller();
      channel(of(server)).attach(caller);
      caller.ready.get().cancel("enough", null);

      assertThat(caller.ended.get())
          .extracting(Status::getCode, Status::getDescription)
          .containsExactly(Status.Code.CANCELLED, "enough");
      assertThat(served.take().ended.get().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    }
  }

  @Test
  void attach_nobodyListens_endsWithWhy() throws Exception {
    var caller = new Caller();
    channel(new DomainSocketAddress(folder.resolve("nobody").toString())).attach(caller);

    assertThat(caller.ended.get().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(caller.ended.get().getDescription())
        .isEqualTo("cannot connect to " + folder.resolve("nobody"));
  }

  @Test
  void attach_peerNotExpected_neverBegins() throws Exception {
    try (var server = server()) {
      var caller = new Caller();
      new FrameChannel<StringValue, StringValue>(
              of(server), tls(SERVER), StringValue.parser(), MOST)
          .attach(caller);

      assertThat(caller.ended.get().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
      assertThat(served.take().ended.get().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
      assertThat(caller.received).isEmpty();
    }
  }

  /** Both ends have good certificates of the mesh: that is not enough to understand each other. */
  @Test
  void attach_otherProtocol_neverBegins() throws Exception {
    try (var server = server()) {
      var caller = new Caller();
      new FrameChannel<StringValue, StringValue>(
              of(server),
              SpiffeTls.grpcClientContext(source(CLIENT), SERVER::equals),
              StringValue.parser(),
              MOST)
          .attach(caller);

      assertThat(caller.ended.get().getCause()).hasMessageContaining("does not speak kith-frames");
      assertThat(served.take().ended.get().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    }
  }

  @Test
  void socketBeside_longPath_isNone() {
    var most = Path.of("/" + "k".repeat(99));

    assertThat(FrameStream.socketBeside(most)).hasToString(most + ".frames");
    assertThat(FrameStream.socketBeside(Path.of(most + "k"))).isNull();
  }

  @Test
  void pulse_bothAreQuiet_keepsTheStream() throws Exception {
    var often = new FrameStream.Pulse(Duration.ofMillis(20), Duration.ofSeconds(20));
    try (var server = server(here(), often)) {
      var caller = new Caller();
      new FrameChannel<StringValue, StringValue>(
              of(server), tls(CLIENT), StringValue.parser(), MOST, often)
          .attach(caller);
      var call = caller.ready.get();
      var other = served.take();
      caller.ended.completeOnTimeout(Status.OK, 1, TimeUnit.SECONDS).get();
      call.onNext(StringValue.of("still there"));

      assertThat(other.next()).isEqualTo("still there");
      assertThat(other.received).isEmpty();
    }
  }

  @Test
  void pulse_theOtherSaysNothing_endsTheStream() throws Exception {
    var short_ = new FrameStream.Pulse(Duration.ofHours(1), Duration.ofMillis(200));
    try (var server = server(here(), short_)) {
      var caller = new Caller();
      channel(of(server)).attach(caller);
      var other = served.take();

      assertThat(other.ended.get().getCause()).hasMessageContaining("nothing was heard for 200 ms");
      assertThat(caller.ended.get().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    }
  }

  static List<Arguments> broken() {
    return List.of(
        Arguments.of("no flags that are known", frame(1, StringValue.of("x").toByteArray())),
        Arguments.of("no protobuf", frame(0, new byte[] {(byte) 0xff, (byte) 0xff})),
        Arguments.of("no status", frame(0x80, new byte[] {(byte) 0xff, (byte) 0xff})),
        Arguments.of(
            "too long", frame(0, BytesValue.of(ByteString.copyFrom(new byte[MOST])).toByteArray())),
        Arguments.of(
            "no flags, and a message behind",
            Unpooled.wrappedBuffer(
                    frame(1, new byte[0]), frame(0, StringValue.of("x").toByteArray()))
                .copy()
                .array()),
        Arguments.of("a length below zero", new byte[] {0, -1, -1, -1, -1, 0}),
        Arguments.of("HTTP", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(UTF_8)));
  }

  private static byte[] frame(int flags, byte[] octets) {
    return Unpooled.buffer(5 + octets.length)
        .writeByte(flags)
        .writeInt(octets.length)
        .writeBytes(octets)
        .array();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("broken")
  void message_isBroken_endsTheStreamAndIsNotTaken(String what, byte[] octets) throws Exception {
    try (var server = server()) {
      var raw = raw(of(server));
      var other = served.take();
      var _ = raw.writeAndFlush(Unpooled.wrappedBuffer(octets)).sync();

      assertThat(other.ended.get().getCode()).as(what).isEqualTo(Status.Code.UNAVAILABLE);
      assertThat(other.received).isEmpty();
      var _ = raw.closeFuture().sync();
    }
  }

  private Channel raw(SocketAddress address) throws Exception {
    var tls = tls(CLIENT);
    return new Bootstrap()
        .group(loops)
        .channel(EpollSocketChannel.class)
        .handler(
            new ChannelInitializer<>() {
              @Override
              protected void initChannel(Channel connection) {
                connection.pipeline().addLast(tls.newHandler(connection.alloc()));
              }
            })
        .connect(address)
        .sync()
        .channel();
  }

  /** The server's end. */
  private final class Served implements FrameStream.Speaker<StringValue> {
    private final FrameStream<StringValue, StringValue> stream;
    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
    private final CompletableFuture<Status> ended = new CompletableFuture<>();
    private volatile @Nullable SpiffeId peer;

    private Served(FrameStream<StringValue, StringValue> stream) {
      this.stream = stream;
    }

    private String next() {
      try {
        return received.take();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void begins(SSLSession session, SocketAddress remote) {
      try {
        peer = SpiffeTls.peerOf(session, Clock.systemUTC());
      } catch (Exception e) {
        throw new AssertionError(e);
      }
      served.add(this);
    }

    @Override
    public void message(StringValue message) {
      received.add(message.getValue());
    }

    @Override
    public void ready() {}

    @Override
    public void ended(Status why) {
      ended.complete(why);
      if (peer == null) {
        served.add(this);
      }
    }
  }

  /** The caller's end. */
  private static final class Caller implements ClientResponseObserver<StringValue, StringValue> {
    private final CompletableFuture<ClientCallStreamObserver<StringValue>> ready =
        new CompletableFuture<>();
    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
    private final CompletableFuture<Status> ended = new CompletableFuture<>();

    @Override
    public void beforeStart(ClientCallStreamObserver<StringValue> call) {
      call.setOnReadyHandler(() -> ready.complete(call));
    }

    @Override
    public void onNext(StringValue message) {
      received.add(message.getValue());
    }

    @Override
    public void onError(Throwable why) {
      ended.complete(Status.fromThrowable(why));
    }

    @Override
    public void onCompleted() {
      ended.complete(Status.OK);
    }
  }
}
