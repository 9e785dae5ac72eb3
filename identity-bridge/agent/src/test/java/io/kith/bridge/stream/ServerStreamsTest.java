package io.kith.bridge.stream;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.InsecureChannelCredentials;
import io.grpc.netty.shaded.io.netty.bootstrap.ServerBootstrap;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.ChannelInboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollChannelOption;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketReadMode;
import io.grpc.netty.shaded.io.netty.channel.unix.FileDescriptor;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Rung;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.OpenersWanted;
import io.kith.bridge.v1.ServerMessage;
import io.kith.bridge.v1.Welcome;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import io.kith.spiffe.frames.Descriptors;
import io.kith.spiffe.frames.FrameChannel;
import io.kith.spiffe.frames.FrameServer;
import io.kith.spiffe.frames.FrameStream;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
class ServerStreamsTest {
  private static final SpiffeId SERVER = SpiffeId.parse("spiffe://dev.kith.local/server");
  private static final SpiffeId BRIDGE = SpiffeId.parse("spiffe://dev.kith.local/bridge");
  private static final Duration SOON = Duration.ofSeconds(60);

  @TempDir private Path folder;

  private final List<AutoCloseable> open = new ArrayList<>();
  private final BlockingQueue<Endpoint> attached = new LinkedBlockingQueue<>();
  private final BlockingQueue<Endpoint> gone = new LinkedBlockingQueue<>();

  @AfterEach
  void stop() throws Exception {
    for (var one : open.reversed()) {
      one.close();
    }
  }

  private <T extends AutoCloseable> T keep(T thing) {
    open.add(thing);
    return thing;
  }

  private Path socket(String name) {
    return folder.resolve(name);
  }

  private Endpoint endpoint(String name) {
    return new Endpoint.Unix(socket(name));
  }

  private FakeAuthzServer server(String name) throws IOException {
    return keep(new FakeAuthzServer(socket(name)));
  }

  private ServerStreams follow(Endpoint... servers) {
    var streams = held(servers);
    streams.begin();
    return streams;
  }

  private ServerStreams held(Endpoint... servers) {
    return keep(
        ServerStreams.hold(List.of(servers), server -> stream(server, () -> true), gone::add));
  }

  private BridgeStream stream(Endpoint server, BooleanSupplier usable) {
    return stream(server, usable, new EmptyNode());
  }

  private BridgeStream stream(Endpoint server, BooleanSupplier usable, NodeView node) {
    return BridgeStream.hold(
        server,
        new BridgeStream.Credentials(InsecureChannelCredentials.create(), null, usable),
        "node-1",
        "test",
        node,
        (_, task) -> task.run(),
        event -> {
          if (event instanceof BridgeStream.Event.Attached(var which, _)) {
            attached.add(which);
          }
        });
  }

  private static Endpoint next(BlockingQueue<Endpoint> queue) throws InterruptedException {
    return queue.poll(SOON.toSeconds(), TimeUnit.SECONDS);
  }

  private static void await(BooleanSupplier condition) {
    var until = System.nanoTime() + SOON.toNanos();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as("waited for a minute").isLessThan(until);
      LockSupport.parkNanos(1_000_000);
    }
  }

  private static class EmptyNode implements NodeView {
    @Override
    public Answer answer(Question question) {
      return new Answer(List.of(), Rung.KERNEL_EXACT, List.of(), question.sourcePort());
    }

    @Override
    public List<Pod> pods() {
      return List.of();
    }

    @Override
    public long podChanges() {
      return 0;
    }

    @Override
    public Status status() {
      return new Status(Rung.KERNEL_EXACT, List.of(), true, 0, 65_536, Containers.NONE, "");
    }
  }

  @Test
  void folder_socketsThatCome_areAttachedTo_andOnesThatGoAreLeft() throws Exception {
    server("1.sock");
    var other = keep(new FakeAuthzServer());
    follow(other.endpoint(), new Endpoint.Folder(folder));
    assertThat(List.of(next(attached), next(attached)))
        .containsExactlyInAnyOrder(other.endpoint(), endpoint("1.sock"));

    server("2.sock");
    assertThat(next(attached)).isEqualTo(endpoint("2.sock"));

    Files.delete(socket("1.sock"));
    assertThat(next(gone)).isEqualTo(endpoint("1.sock"));
    assertThat(gone).isEmpty();
  }

  /** A bridge waits up to ten seconds between two attempts at one server. */
  @Test
  void folder_staleSocket_harmsNobody_andIsForgottenForTheNextOfItsName() throws Exception {
    var names = List.of("1.sock", "3.sock", "4.sock", "5.sock", "6.sock");
    for (var name : names) {
      leave(name);
    }
    server("2.sock");
    var streams = follow(new Endpoint.Folder(folder));
    assertThat(next(attached)).isEqualTo(endpoint("2.sock"));
    TimeUnit.SECONDS.sleep(3); // so that the attempts are seconds apart
    assertThat(streams.problem()).isEmpty();

    var inTime = false;
    for (var i = 0; !inTime && i < names.size(); i++) { // again where a busy machine takes longer
      var name = names.get(i);
      keep(new FakeAuthzServer(folder.resolve("new")));
      var began = System.nanoTime();
      Files.move(folder.resolve("new"), socket(name), java.nio.file.StandardCopyOption.ATOMIC_MOVE);

      assertThat(next(gone)).isEqualTo(endpoint(name));
      assertThat(next(attached)).isEqualTo(endpoint(name));
      inTime = System.nanoTime() - began < Duration.ofSeconds(2).toNanos();
    }
    assertThat(inTime).as("long before the next attempt was due").isTrue();
  }

  /** A socket whose server has gone. */
  private void leave(String name) throws IOException {
    new FakeAuthzServer(socket(name)).close();
    if (!Files.exists(socket(name))) { // it may tidy up; then as if killed
      Files.move(bound(folder.resolve("left")), socket(name));
    }
  }

  /** Servers were never looked for again. */
  @Test
  void folder_errorWhileOneIsDialled_isDialledAgain() throws Exception {
    server("1.sock");
    var errors = new AtomicInteger();
    var streams =
        keep(
            ServerStreams.hold(
                List.of(new Endpoint.Folder(folder)),
                server -> {
                  if (errors.getAndIncrement() < 2) { // at the start, and at a look after it
                    throw new AssertionError("twice");
                  }
                  return stream(server, () -> true);
                },
                gone::add));

    streams.begin();

    assertThat(next(attached)).isEqualTo(endpoint("1.sock"));
    assertThat(errors).hasValue(3);
  }

  /** Those behind it were not dialled, and nobody could see why. */
  @Test
  void folder_oneThatCannotBeDialled_keepsNoOtherFromIt_andIsSaid() throws Exception {
    server("1.sock");
    server("2.sock");
    server("3.sock");
    var isWrong = new AtomicBoolean(true);
    var streams =
        keep(
            ServerStreams.hold(
                List.of(new Endpoint.Folder(folder)),
                at -> {
                  if (isWrong.get() && at.equals(endpoint("2.sock"))) {
                    throw new AssertionError("no stream");
                  }
                  return stream(at, () -> true);
                },
                gone::add));

    streams.begin();

    assertThat(List.of(next(attached), next(attached)))
        .containsExactlyInAnyOrder(endpoint("1.sock"), endpoint("3.sock"));
    assertThat(streams.problem()).contains("no stream");

    isWrong.set(false);

    assertThat(next(attached)).isEqualTo(endpoint("2.sock"));
    await(() -> streams.problem().isEmpty());
  }

  /** Each look left a connection behind. */
  @Test
  void folder_errorWhileOneIsHeld_leavesNoConnection() throws Exception {
    var server = server("1.sock");
    var errors = new AtomicInteger();
    var node =
        new EmptyNode() {
          @Override
          public Status status() {
            if (errors.getAndIncrement() < 3) { // at the start, and at looks after it
              await(server::connected);
              throw new AssertionError("three times");
            }
            return super.status();
          }
        };
    var streams =
        keep(
            ServerStreams.hold(
                List.of(new Endpoint.Folder(folder)),
                at -> stream(at, () -> true, node),
                gone::add));

    streams.begin();

    assertThat(next(attached)).isEqualTo(endpoint("1.sock"));
    await(() -> server.connections() == 1);
  }

  /** It attached all the same, beside the one that was dialled next. */
  @Test
  void folder_errorWhileOneBegins_leavesNoConnection() throws Exception {
    var errors = new AtomicInteger(); // to come
    var node =
        new EmptyNode() {
          @Override
          public GuardView guard() {
            if (errors.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
              throw new AssertionError("twice");
            }
            return super.guard();
          }
        };
    var first = new AtomicBoolean(true);
    var streams =
        keep(
            ServerStreams.hold(
                List.of(new Endpoint.Folder(folder)),
                at -> {
                  var stream = stream(at, () -> true, node);
                  if (first.getAndSet(false)) {
                    errors.set(2); // while it attaches, which is tried again, and after that
                  }
                  return stream;
                },
                gone::add));
    streams.begin();

    var server = server("1.sock");

    assertThat(next(attached)).isEqualTo(endpoint("1.sock"));
    TimeUnit.SECONDS.sleep(1); // so that another would have attached
    await(() -> server.connections() == 1);
  }

  /** It was never attached to again. */
  @Test
  void server_errorWhileItIsAttachedTo_isTriedAgain() throws Exception {
    server("1.sock");
    var errors = new AtomicInteger();

    keep(stream(
            endpoint("1.sock"),
            () -> {
              if (errors.getAndIncrement() < 2) {
                throw new AssertionError("twice");
              }
              return true;
            }))
        .begin();

    assertThat(next(attached)).isEqualTo(endpoint("1.sock"));
  }

  private static Path bound(Path path) throws IOException {
    try (var channel =
        java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)) {
      channel.bind(java.net.UnixDomainSocketAddress.of(path));
    }
    return path;
  }

  @Test
  void sockets_otherFiles_links_andMoreThanTheMost_areNotDialled() throws Exception {
    Files.writeString(socket("0.sock"), "no socket");
    Files.createDirectory(socket("a.sock"));
    bound(socket("not-named-so"));
    Files.createSymbolicLink(socket("b.sock"), socket("not-named-so"));
    for (int number = 0; number < ServerFolder.MOST + 3; number++) {
      bound(socket("c%02d.sock".formatted(number)));
    }

    assertThat(ServerFolder.sockets(folder).keySet())
        .hasSize(ServerFolder.MOST)
        .contains(endpoint("c00.sock"))
        .allMatch(server -> server.toString().contains("/c"));
  }

  @Test
  void folder_thatIsNotThere_isSaid_andUsedOnceItIs() throws Exception {
    var later = folder.resolve("later");
    var streams = follow(new Endpoint.Folder(later));
    assertThat(streams.problem()).contains("no server is found in " + later);

    Files.createDirectory(later);
    keep(new FakeAuthzServer(later.resolve("1.sock")));

    assertThat(next(attached)).isEqualTo(new Endpoint.Unix(later.resolve("1.sock")));
    assertThat(streams.problem()).isEmpty();
  }

  @Test
  void prepare_folder_isForItsGroupOnly() throws Exception {
    var made = folder.resolve("run/servers");
    var group = (Integer) Files.getAttribute(folder, "unix:gid");

    ServerFolder.prepare(made, group);
    ServerFolder.prepare(made, group);

    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made)))
        .isEqualTo("rwxrwx---");
    assertThat(Files.getAttribute(made, "unix:gid")).isEqualTo(group);
  }

  /** Once the number was handed over that another file had by then. */
  @Test
  void handOver_descriptorThatIsClosedMeanwhile_handsOverWhatItStoodFor() throws Exception {
    var ours = Files.createFile(folder.resolve("ours"));
    var another = Files.createFile(folder.resolve("another"));
    var taken = new LinkedBlockingQueue<Path>();
    var socket = folder.resolve("taken");
    var loops = takesDescriptors(socket, taken);
    var frames =
        new FrameChannel<ServerMessage, BridgeMessage>(
            FrameStream.address(folder.resolve("none")),
            SslContextBuilder.forClient().build(),
            ServerMessage.parser(),
            4_096);
    var busy = new Busy();
    frames.attach(busy); // from now on all who speak in frames wait
    var descriptor = Descriptor.open(ours.toString());
    var number = descriptor.number();

    new ServerConnection.InFrames(frames, "socket", socket).handOver(descriptor);
    descriptor.close();
    var file = keep(Descriptor.open(another.toString()));
    while (file.number() < number) { // somebody else has closed one
      file = keep(Descriptor.open(another.toString()));
    }
    busy.over.countDown();

    assertThat(taken.poll(SOON.toSeconds(), TimeUnit.SECONDS)).isEqualTo(ours);
    var _ = loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
    var until = System.nanoTime() + SOON.toNanos();
    while (isOpen(ours) && System.nanoTime() < until) {
      LockSupport.parkNanos(1_000_000);
    }
    assertThat(isOpen(ours)).isFalse();
  }

  /** Holds up whoever tells it that there is no server. */
  private static final class Busy implements ClientResponseObserver<BridgeMessage, ServerMessage> {
    private final CountDownLatch over = new CountDownLatch(1);

    @Override
    public void beforeStart(ClientCallStreamObserver<BridgeMessage> call) {}

    @Override
    public void onNext(ServerMessage message) {}

    @Override
    public void onError(Throwable why) {
      try {
        over.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void onCompleted() {}
  }

  private static EventLoopGroup takesDescriptors(Path socket, Queue<Path> taken) {
    var loops = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    var _ =
        new ServerBootstrap()
            .group(loops)
            .channel(EpollServerDomainSocketChannel.class)
            .childOption(
                EpollChannelOption.DOMAIN_SOCKET_READ_MODE, DomainSocketReadMode.FILE_DESCRIPTORS)
            .childHandler(
                new ChannelInboundHandlerAdapter() {
                  @Override
                  public boolean isSharable() {
                    return true;
                  }

                  @Override
                  public void channelRead(ChannelHandlerContext context, Object message)
                      throws IOException {
                    var descriptor = (FileDescriptor) message;
                    taken.add(of(descriptor.intValue()));
                    descriptor.close();
                  }
                })
            .bind(new DomainSocketAddress(socket.toString()))
            .syncUninterruptibly();
    return loops;
  }

  /** What a server did not get it had to do without until the next stream. */
  @Test
  void openers_thatTheServerWantsOnceMore_areNamedAndHandedOverAgain() throws Exception {
    var socket = socket("1.sock");
    var map = Files.createFile(folder.resolve("map"));
    var table =
        new AtomicReference<NodeView.@Nullable OpenerTable>(
            new NodeView.OpenerTable(keep(Descriptor.open(map.toString())), 7, 1_024, 42));
    var taken = new LinkedBlockingQueue<Path>();
    var named = new LinkedBlockingQueue<BridgeMessage>();
    var loops = takesDescriptors(requireNonNull(Descriptors.socketBeside(socket)), taken);
    var issuer =
        keep(
            DevIdentity.start(
                new DevIdentity.Settings(
                    folder.resolve("identities"),
                    "dev.kith.local",
                    Duration.ofHours(1),
                    Set.of(SERVER, BRIDGE)),
                Clock.systemUTC()));
    keep(
        FrameServer.<BridgeMessage, ServerMessage>start(
            loops,
            FrameStream.address(requireNonNull(FrameStream.socketBeside(socket))),
            SpiffeTls.framesServerContext(source(issuer, SERVER), BRIDGE::equals),
            BridgeMessage.parser(),
            4_096,
            stream -> new WantsOnceMore(stream, named)));

    keep(
        BridgeStream.start(
            new Endpoint.Unix(socket),
            BridgeStream.Credentials.of(source(issuer, BRIDGE), SERVER::equals),
            "node-1",
            "test",
            new EmptyNode() {
              @Override
              public @Nullable OpenerTable openers() {
                return table.get();
              }
            },
            (_, task) -> task.run(),
            _ -> {}));

    for (var i = 0; i < 2; i++) {
      var message = requireNonNull(named.poll(SOON.toSeconds(), TimeUnit.SECONDS));
      assertThat(message.getOpenerTable().getMapId()).isEqualTo(7);
      assertThat(taken.poll(SOON.toSeconds(), TimeUnit.SECONDS)).isEqualTo(map);
    }
    TimeUnit.MILLISECONDS.sleep(200); // and is wanted again, when it cannot be relied on any more
    table.set(null);
    var last = requireNonNull(named.poll(SOON.toSeconds(), TimeUnit.SECONDS));
    while (last.getOpenerTable().getWords() != 0) { // told before
      last = requireNonNull(named.poll(SOON.toSeconds(), TimeUnit.SECONDS), "there is none");
    }
    var _ = loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  private X509Source source(DevIdentity issuer, SpiffeId id) throws InterruptedException {
    var source = keep(WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC()));
    assertThat(source.awaitReady(SOON)).isTrue();
    return source;
  }

  /** A server that does not get the first table. */
  private record WantsOnceMore(
      FrameStream<BridgeMessage, ServerMessage> stream, BlockingQueue<BridgeMessage> named)
      implements FrameStream.Speaker<BridgeMessage> {
    @Override
    public void begins(SSLSession session, SocketAddress remote) {}

    @Override
    public void message(BridgeMessage message) {
      if (message.hasHello()) {
        var welcome = Welcome.newBuilder().setProtocolVersion(1).setReadsOpeners(true);
        stream.send(ServerMessage.newBuilder().setWelcome(welcome).build());
      } else if (message.hasOpenerTable()) {
        if (named.isEmpty()) {
          var wanted = OpenersWanted.getDefaultInstance();
          stream.send(ServerMessage.newBuilder().setOpenersWanted(wanted).build());
        }
        named.add(message);
      }
    }

    @Override
    public void ready() {}

    @Override
    public void ended(io.grpc.Status why) {}
  }

  private static Path of(int descriptor) throws IOException {
    return Files.readSymbolicLink(Path.of("/proc/self/fd", String.valueOf(descriptor)));
  }

  private static boolean isOpen(Path file) throws IOException {
    try (var all = Files.list(Path.of("/proc/self/fd"))) {
      return all.anyMatch(
          one -> {
            try {
              return Files.readSymbolicLink(one).equals(file);
            } catch (IOException _) {
              return false; // closed meanwhile
            }
          });
    }
  }

  @Test
  void hold_servers_hearNothingUntilItBegins() throws Exception {
    var first = server("1.sock");
    var streams = held(new Endpoint.Folder(folder));
    var second = server("2.sock");
    TimeUnit.SECONDS.sleep(1);
    await(first::connected);
    streams.renew(); // over a connection that is ready
    TimeUnit.SECONDS.sleep(1);
    assertThat(List.of(first.heard(), second.heard())).containsExactly(0, 0);
    assertThat(attached).isEmpty();

    streams.begin();

    assertThat(List.of(next(attached), next(attached)))
        .containsExactlyInAnyOrder(endpoint("1.sock"), endpoint("2.sock"));
    assertThat(first.next().hasHello()).isTrue();
  }
}
