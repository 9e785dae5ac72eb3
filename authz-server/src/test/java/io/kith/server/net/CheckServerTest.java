package io.kith.server.net;

import static io.kith.server.check.Samples.CHECKOUT;
import static io.kith.server.check.Samples.STRANGER;
import static io.kith.server.check.Samples.headers;
import static io.kith.server.check.Samples.l4;
import static io.kith.server.check.ServiceUnderTest.said;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.bootstrap.Bootstrap;
import io.grpc.netty.shaded.io.netty.channel.ChannelInboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.channel.unix.FileDescriptor;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.SpiffeId;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.check.Await;
import io.kith.server.check.InMemoryPolicy;
import io.kith.server.check.Logged;
import io.kith.server.check.PeerFilter;
import io.kith.server.check.Samples;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.rpc.CheckListener;
import io.kith.server.rpc.EventLoops;
import io.kith.server.telemetry.CheckTelemetry;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import io.kith.spiffe.frames.FrameChannel;
import io.kith.spiffe.frames.FrameStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckServerTest {
  private static final MeshKeys KEYS = MeshKeys.fresh();
  private static final SpiffeId SERVER =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/authz-server");

  private static final SpiffeId BRIDGE =
      SpiffeId.parse("spiffe://dev.kith.local/ns/kith/sa/identity-bridge");

  @TempDir Path directory;

  private final InMemoryPolicy policy = new InMemoryPolicy();
  private final CheckTelemetry telemetry =
      CheckTelemetry.of(new KithConfig.Telemetry(null, false, false, 0), "test", Map.of());
  private DevIdentity issuer;
  private X509Source identity;

  @BeforeEach
  void issue() throws Exception {
    issuer =
        DevIdentity.start(
            new DevIdentity.Settings(
                directory,
                "dev.kith.local",
                Duration.ofHours(1),
                Set.of(SERVER, CHECKOUT, STRANGER, BRIDGE)),
            Clock.systemUTC());
    identity = source(SERVER);
  }

  @AfterEach
  void stop() {
    identity.close();
    issuer.close();
    telemetry.close();
  }

  private X509Source source(SpiffeId id) throws InterruptedException {
    var source = WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC());
    assertThat(source.awaitReady(Duration.ofSeconds(60))).isTrue();
    return source;
  }

  private static KithConfig.Server settings(String checks, String health) throws Exception {
    return settings(checks, health, "127.0.0.1:0");
  }

  private static KithConfig.Server settings(String checks, String health, String bridges)
      throws Exception {
    return settings(checks, health, bridges, "");
  }

  private static KithConfig.Server settings(
      String checks, String health, String bridges, String connections) throws Exception {
    return KithConfig.parse(
            "kith.yaml",
            """
            server:
              spiffeId: spiffe://dev.kith.local/ns/kith/sa/authz-server
              checks: {listen: "%s"}
              bridges: {listen: "%s"}
              health: {listen: "%s"}
              bridgeIds: ["spiffe://dev.kith.local/ns/kith/sa/identity-bridge"]
              connections: {%s}
            """
                .formatted(checks, bridges, health, connections),
            Map.of())
        .server();
  }

  private CheckServer started(KithConfig.Server settings, X509Source as) throws Exception {
    return CheckServer.start(settings, as, Samples.directory(), KEYS, policy, telemetry, "test");
  }

  private CheckServer started() throws Exception {
    return startedWith("");
  }

  private CheckResponse check(int port, X509Source client) throws InterruptedException {
    return check(channel(port, client));
  }

  private static CheckResponse check(Path socket, ChannelCredentials credentials)
      throws InterruptedException {
    return check(Grpc.newChannelBuilder("unix://" + socket, credentials).build());
  }

  private static CheckResponse asked(ManagedChannel channel) {
    return AuthorizationGrpc.newBlockingStub(channel)
        .withInterceptors(
            MetadataUtils.newAttachHeadersInterceptor(headers("x-kith-direction", "outbound")))
        .withDeadlineAfter(60, TimeUnit.SECONDS)
        .check(l4());
  }

  private static CheckResponse check(ManagedChannel channel) throws InterruptedException {
    try {
      return asked(channel);
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  @Test
  void start_overMutualTls_answersByThePeersIdentity() throws Exception {
    try (var server = started();
        var checkout = source(CHECKOUT);
        var stranger = source(STRANGER)) {
      assertThat(server.notReady()).isEmpty();
      policy.decideBy(Samples.snapshot(Mode.OBSERVE));

      var known = check(server.checkPort(), checkout);
      var unknown = check(server.checkPort(), stranger);

      assertThat(known.getStatus().getCode()).isZero();
      assertThat(said(known, "workload")).isEqualTo("shop/deployment/checkout");
      assertThat(unknown.getStatus().getCode()).isEqualTo(7);
      assertThat(said(unknown, "reason")).isEqualTo("unknown_reporter");
      Await.until("both are recorded", () -> policy.records().size() == 2);
      assertThat(policy.records().getFirst().reporter()).isEqualTo(CHECKOUT);
    }
  }

  private CheckServer startedWith(String connections) throws Exception {
    return started(settings("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", connections), identity);
  }

  private static ManagedChannel channel(int port, X509Source client) {
    return NettyChannelBuilder.forAddress(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
            SpiffeTls.channelCredentials(client, SERVER::equals))
        .build();
  }

  /** A stolen certificate takes what is its own, and nobody else's; a closed one makes room. */
  @Test
  void connections_ofOneId_areBoundedAndThoseOfOthersServed() throws Exception {
    var held = new ArrayList<ManagedChannel>();
    try (var lines = Logged.by(CheckListener.class);
        var server = startedWith("perId: 3");
        var checkout = source(CHECKOUT);
        var stranger = source(STRANGER)) {
      policy.decideBy(Samples.snapshot(Mode.OBSERVE));
      for (var i = 0; i < 3; i++) {
        var channel = channel(server.checkPort(), checkout);
        held.add(channel);
        assertThat(asked(channel).getStatus().getCode()).isZero();
      }

      for (var i = 0; i < 50; i++) {
        assertThatThrownBy(() -> check(server.checkPort(), checkout))
            .hasMessageStartingWith("UNAVAILABLE");
      }

      assertThat(said(check(server.checkPort(), stranger), "reason")).isEqualTo("unknown_reporter");
      assertThat(held).allSatisfy(one -> assertThat(asked(one).getStatus().getCode()).isZero());
      assertThat(metric("kith_check_connections_refused_total{limit=\"perId\"}"))
          .isGreaterThanOrEqualTo(50);
      assertThat(lines.messages())
          .anySatisfy(
              line ->
                  assertThat(line)
                      .startsWith("connection refused: its SPIFFE ID has as many as it may, see")
                      .contains("server.connections.perId", "spiffe_id=" + CHECKOUT));
      assertThat(lines.messages().size()).as("lines, one a second").isLessThan(50);

      held.removeLast().shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
      Await.until(
          "it is gone", () -> metric("kith_check_connections{state=\"open\"}") == held.size());
      assertThat(check(server.checkPort(), checkout).getStatus().getCode()).isZero();
    } finally {
      held.forEach(ManagedChannel::shutdownNow);
    }
  }

  /** Whoever had a certificate of the mesh could take all connections of the port of bridges. */
  @Test
  void connections_ofStrangersToThePortOfBridges_areBounded_andBridgesAttach() throws Exception {
    var held = new ArrayList<ManagedChannel>();
    try (var server = started();
        var bridge = source(BRIDGE);
        var stranger = source(STRANGER)) {
      for (var i = 0; i < 110; i++) {
        held.add(channel(server.bridgePort(), stranger));
      }
      Await.until(
          "those too many are refused",
          () -> {
            held.forEach(one -> one.getState(true));
            return metric("kith_bridge_connections_refused_total{limit=\"perId\"}") >= 10;
          });

      var words = new ArrayList<FirstWord>();
      for (var i = 0; i < 110; i++) { // more than a stranger may
        var first = new FirstWord();
        held.add(channel(server.bridgePort(), bridge));
        var _ = BridgeServiceGrpc.newStub(held.getLast()).attach(first);
        words.add(first);
      }
      // All are heard. One whose place a newer one has taken may be told that first.
      assertThat(words)
          .allSatisfy(
              word -> assertThat(word.said.get(60, TimeUnit.SECONDS)).isIn("welcome", "ABORTED"))
          .anySatisfy(word -> assertThat(word.said.get()).isEqualTo("welcome"));
    } finally {
      held.forEach(ManagedChannel::shutdownNow);
    }
  }

  /** Whoever leaves handshakes unfinished keeps nobody out: the oldest makes way. */
  @Test
  void connections_whoseHandshakeIsUnfinished_areBoundedAndOthersServed() throws Exception {
    var silent = new ArrayList<Socket>();
    try (var server = startedWith("handshakes: 4");
        var checkout = source(CHECKOUT)) {
      policy.decideBy(Samples.snapshot(Mode.OBSERVE));
      for (var i = 0; i < 20; i++) {
        silent.add(new Socket(InetAddress.getLoopbackAddress(), server.checkPort()));
      }

      assertThat(check(server.checkPort(), checkout).getStatus().getCode()).isZero();

      Await.until(
          "all were accepted",
          () -> metric("kith_check_connections_refused_total{limit=\"handshakes\"}") >= 16);
      assertThat(metric("kith_check_connections{state=\"handshake\"}")).isLessThanOrEqualTo(4);
      silent.getFirst().setSoTimeout(60_000);
      assertThat(silent.getFirst().getInputStream().read()).as("of the oldest").isEqualTo(-1);
    } finally {
      for (var socket : silent) {
        socket.close();
      }
    }
  }

  private long metric(String name) {
    return telemetry
        .metrics()
        .text()
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .mapToLong(line -> Long.parseLong(line.substring(name.length() + 1)))
        .sum();
  }

  @Test
  void start_warmUp_leavesNoTraceOfItself() throws Exception {
    try (var server = started()) {
      assertThat(server.notReady()).isEmpty();
      assertThat(policy.records()).isEmpty();
      assertThat(telemetry.metrics().text())
          .contains("kith_check_duration_seconds_count{part=\"total\"} 0\n")
          .contains("kith_server_cold 0\n");
      assertThat(server.cold()).isEmpty();
    }
  }

  /** What is meant for strangers does not keep a server from asking itself. */
  @Test
  void start_oneConnectionOfAnId_warmsUp() throws Exception {
    try (var server = startedWith("perId: 1, handshakes: 1")) {
      assertThat(server.notReady()).isEmpty();
      assertThat(server.cold()).isEmpty();
    }
  }

  /** It proves to be somebody else, so none of its own Checks gets through. */
  @Test
  void start_warmUpFails_isTriedOnceMoreAndTold() throws Exception {
    try (var other = source(CHECKOUT);
        var server = started(settings("127.0.0.1:0", "127.0.0.1:0"), other)) {
      assertThat(server.notReady()).isEmpty();
      assertThat(telemetry.metrics().text()).contains("kith_server_cold 1\n");
      assertThat(server.cold()).contains("could not warm itself up", "restart it");
    }
  }

  /** With a bridge at a port, or in frames. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void run_warmUp_takesTheWayOfRealChecks(boolean frames) throws Exception {
    var permitted =
        new WarmUp(identity, SERVER, Duration.ofMinutes(3))
            .run(
                (address, tls, service) ->
                    CheckListener.start(
                        EventLoops.ofChecks(),
                        address,
                        tls,
                        new PeerFilter(session -> SpiffeTls.peerOf(session, Clock.systemUTC()))
                            ::peer,
                        new CheckListener.Limits(
                            4096,
                            8192,
                            Duration.ofHours(1),
                            Duration.ofSeconds(1),
                            Duration.ofSeconds(5),
                            1_000,
                            1_000),
                        service),
                frames ? CheckServer::attachInFrames : CheckServer::attachByGrpc);

    assertThat(permitted).isPositive();
    assertThat(permitted % WarmUp.CHECKS).as("all of them, each time").isZero();
  }

  @Test
  void start_portInUse_saysWhichKeyAndWhatToDo() throws Exception {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      var busy = "127.0.0.1:" + taken.getLocalPort();

      assertThatThrownBy(() -> start(busy, "127.0.0.1:0"))
          .isInstanceOf(ListenException.class)
          .hasMessage(
              "server.checks.listen: "
                  + busy
                  + " is in use (stop the other process or choose another port)");
      assertThatThrownBy(() -> start("127.0.0.1:0", busy))
          .isInstanceOf(ListenException.class)
          .hasMessage(
              "server.health.listen: "
                  + busy
                  + " is in use (stop the other process or choose another port)");
    }
  }

  @Test
  void start_addressThatIsNotHere_saysSo() {
    assertThatThrownBy(() -> start("192.0.2.1:9191", "127.0.0.1:0"))
        .isInstanceOf(ListenException.class)
        .hasMessage(
            "server.checks.listen: 192.0.2.1:9191 is no address of this machine (write one that is,"
                + " or 0.0.0.0)");
    assertThatThrownBy(() -> start("no-such-host.invalid:9191", "127.0.0.1:0"))
        .isInstanceOf(ListenException.class)
        .hasMessage(
            "server.checks.listen: no-such-host.invalid:9191 has an unknown host (write an address"
                + " of this machine, or 0.0.0.0)");
    assertThatThrownBy(() -> start("127.0.0.1:0", "unix:/tmp/x.sock"))
        .isInstanceOf(ListenException.class)
        .hasMessage("server.health.listen: unix:/tmp/x.sock (expected: host:port)");
  }

  private void start(String checks, String health) throws Exception {
    started(settings(checks, health), identity).close();
  }

  @Test
  void close_portsAreFreeAgain() throws Exception {
    int port;
    try (var server = started()) {
      port = server.checkPort();
    }

    try (var again = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      assertThat(again.isBound()).isTrue();
    } catch (IOException e) {
      throw new AssertionError("port " + port + " is still taken", e);
    }
  }

  private CheckServer startedAt(Path socket) throws Exception {
    return started(settings("unix:" + socket, "127.0.0.1:0"), identity);
  }

  /** Everybody may open it, as a port: who asks is known by the certificate. */
  @Test
  void start_checksAtAUnixSocket_areAnsweredByThePeersIdentity() throws Exception {
    var socket = directory.resolve("checks.sock");
    try (var stale = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      stale.bind(UnixDomainSocketAddress.of(socket));
    }
    assertThat(socket).as("of a server that was killed").exists();
    try (var server = startedAt(socket);
        var checkout = source(CHECKOUT);
        var stranger = source(STRANGER)) {
      assertThat(server.notReady()).isEmpty();
      assertThat(server.checkPort()).isEqualTo(-1);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
          .isEqualTo("rw-rw-rw-");
      policy.decideBy(Samples.snapshot(Mode.OBSERVE));

      var known = check(socket, SpiffeTls.channelCredentials(checkout, SERVER::equals));
      var unknown = check(socket, SpiffeTls.channelCredentials(stranger, SERVER::equals));

      assertThat(known.getStatus().getCode()).isZero();
      assertThat(said(known, "workload")).isEqualTo("shop/deployment/checkout");
      assertThat(unknown.getStatus().getCode()).isEqualTo(7);
      assertThat(said(unknown, "reason")).isEqualTo("unknown_reporter");
      assertThatThrownBy(() -> check(socket, InsecureChannelCredentials.create()))
          .hasMessageStartingWith("UNAVAILABLE");
      assertThatThrownBy(() -> startedAt(socket))
          .isInstanceOf(ListenException.class)
          .hasMessage(
              "server.checks.listen: another server listens at unix:"
                  + socket
                  + " (stop it, or set another path)");
    }
    assertThat(socket).doesNotExist();
  }

  @Test
  void start_checksWhereAFileIs_orAtALongPath_saysSo() throws Exception {
    var file = Files.writeString(directory.resolve("mine"), "text");
    assertThatThrownBy(() -> startedAt(file))
        .isInstanceOf(ListenException.class)
        .hasMessage(
            "server.checks.listen: '"
                + file
                + "' exists and is not a socket (remove it, or set another path)");
    assertThat(file).hasContent("text");
    assertThatThrownBy(() -> startedAt(Path.of("/run/" + "k".repeat(103))))
        .hasMessageContaining("is too long for a Unix socket (expected: at most 107 bytes)");
  }

  /** The file's mode is one lock, the certificate the other. */
  @Test
  void start_bridgesAtAUnixSocket_attachWithTheirIdentityAndNotWithoutOne() throws Exception {
    var socket = directory.resolve("run/bridges.sock");
    try (var server = started(settings("127.0.0.1:0", "127.0.0.1:0", "unix:" + socket), identity);
        var bridge = source(BRIDGE);
        var stranger = source(STRANGER)) {
      assertThat(server.bridgePort()).isEqualTo(-1);
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
          .isEqualTo("rw-rw----");

      assertThat(attach(socket, SpiffeTls.channelCredentials(bridge, SERVER::equals)))
          .isEqualTo("welcome");
      assertThat(attach(socket, SpiffeTls.channelCredentials(stranger, SERVER::equals)))
          .isEqualTo("PERMISSION_DENIED");
      assertThat(attach(socket, InsecureChannelCredentials.create())).isEqualTo("UNAVAILABLE");
      assertThat(attachInFrames(socket, SpiffeTls.framesClientContext(bridge, SERVER::equals)))
          .isEqualTo("welcome, a table of openers is read");
      assertThat(attachInFrames(socket, SpiffeTls.framesClientContext(stranger, SERVER::equals)))
          .isEqualTo("PERMISSION_DENIED");
      assertThat(attachInFrames(socket, SpiffeTls.framesClientContext(bridge, BRIDGE::equals)))
          .isEqualTo("UNAVAILABLE");
      assertThatThrownBy(
              () -> started(settings("127.0.0.1:0", "127.0.0.1:0", "unix:" + socket), identity))
          .hasMessage(
              "server.bridges.listen: another server listens at unix:"
                  + socket
                  + " (stop it, or set another path)");
    }
    assertThat(directory.resolve("run")).isEmptyDirectory();
  }

  /** Whoever may hand over may hand over what lingers: that once held up threads of Checks. */
  @Test
  void handedOver_socketsWhoseClosingTakesLong_holdUpNoBridge() throws Exception {
    var socket = directory.resolve("bridges.sock");
    try (var _ = started(settings("127.0.0.1:0", "127.0.0.1:0", "unix:" + socket), identity);
        var bridge = source(BRIDGE);
        var listening = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        var sender = EventLoops.single("kith-test-openers")) {
      var tls = SpiffeTls.framesClientContext(bridge, SERVER::equals);
      var unread = new ArrayList<Socket>();
      try {
        for (var i = 0; i < 2 * OpenersSocket.MAX_CONNECTIONS; i++) {
          var lingering = lingering(listening, unread);
          handOver(lingering, socket, sender);
          Thread.ofPlatform().daemon().start(() -> close(lingering)); // here or there
        }

        for (var i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
          assertThat(attachInFrames(socket, tls)).isEqualTo("welcome, a table of openers is read");
        }
      } finally {
        for (var one : unread) {
          one.close();
        }
      }
    }
  }

  /** What the other end has not read yet keeps whoever closes it last waiting. */
  private static FileDescriptor lingering(ServerSocket listening, List<Socket> unread)
      throws IOException {
    var socket = io.grpc.netty.shaded.io.netty.channel.unix.Socket.newSocketStream();
    var connected = socket.connect(listening.getLocalSocketAddress());
    unread.add(listening.accept());
    assertThat(connected || socket.finishConnect()).isTrue();
    var more = ByteBuffer.allocateDirect(1 << 20);
    while (socket.write(more, 0, more.capacity()) > 0) {
      // until nothing more goes in
    }
    socket.setSoLinger(300);
    return socket;
  }

  private static void close(FileDescriptor descriptor) {
    try {
      descriptor.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void handOver(FileDescriptor descriptor, Path grpc, EventLoops loops) {
    var connection =
        new Bootstrap()
            .group(loops.group())
            .channel(EpollDomainSocketChannel.class)
            .handler(new ChannelInboundHandlerAdapter())
            .connect(new DomainSocketAddress(grpc + ".openers"))
            .syncUninterruptibly()
            .channel();
    var _ = connection.writeAndFlush(descriptor).syncUninterruptibly();
    var _ = connection.close();
  }

  private static String attachInFrames(Path socket, SslContext tls) throws Exception {
    var first = new FirstWord();
    var channel =
        new FrameChannel<ServerMessage, BridgeMessage>(
            FrameStream.address(requireNonNull(FrameStream.socketBeside(socket))),
            tls,
            ServerMessage.parser(),
            4_096);
    try {
      channel.attach(first);
      return first.said.get(60, TimeUnit.SECONDS);
    } finally {
      channel.close();
    }
  }

  private static String attach(Path socket, ChannelCredentials credentials) throws Exception {
    var first = new FirstWord();
    var channel = Grpc.newChannelBuilder("unix://" + socket, credentials).build();
    try {
      BridgeServiceGrpc.newStub(channel).attach(first);
      return first.said.get(60, TimeUnit.SECONDS);
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  /** The first word of the server to a bridge, or why there is none. */
  private static final class FirstWord
      implements ClientResponseObserver<BridgeMessage, ServerMessage> {
    private final CompletableFuture<String> said = new CompletableFuture<>();

    @Override
    public void beforeStart(ClientCallStreamObserver<BridgeMessage> call) {
      call.setOnReadyHandler(
          () ->
              call.onNext(
                  BridgeMessage.newBuilder()
                      .setHello(Hello.newBuilder().setProtocolVersion(1).setNode("node-1"))
                      .build()));
    }

    @Override
    public void onNext(ServerMessage message) {
      said.complete(
          message.getMessageCase().name().toLowerCase(Locale.ROOT)
              + (message.getWelcome().getReadsOpeners() ? ", a table of openers is read" : ""));
    }

    @Override
    public void onError(Throwable why) {
      said.complete(Status.fromThrowable(why).getCode().name());
    }

    @Override
    public void onCompleted() {
      said.complete("completed");
    }
  }
}
