package io.kith.server.net;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.grpc.netty.shaded.io.netty.bootstrap.Bootstrap;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelInboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.channel.unix.FileDescriptor;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeIdPattern;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.Candidate;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.NodeStatus;
import io.kith.bridge.v1.Opener;
import io.kith.bridge.v1.OpenerTable;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.Quality;
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.ServerMessage;
import io.kith.server.bridge.BridgeHub;
import io.kith.server.bridge.BridgeService;
import io.kith.server.bridge.OpenerTables;
import io.kith.server.check.Await;
import io.kith.server.check.Deadlines;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.Samples;
import io.kith.server.check.SocketEnd;
import io.kith.server.check.SocketQuery;
import io.kith.server.rpc.EventLoops;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class OpenersSocketTest {
  private static final String KEY = "server.bridges.listen";
  private static final int ARRAY = 2;
  private static final int HASH = 1;
  private static final int MAY_BE_MAPPED = 1 << 10;

  /**
   * Of the connection of the last test with this seed and network, as {@code OpenerHashTest} has
   * it.
   */
  private static final long CONNECTION = 0xb36488b6ddc559a2L;

  private static final long SEED = 0x0123456789abcdefL;
  private static final long NETWORK = 0x1122334455667788L;

  private final EventLoops loops = EventLoops.single("kith-test-openers");
  @TempDir private Path folder;

  @AfterEach
  void stop() {
    loops.close();
  }

  private Path grpc() {
    return folder.resolve("bridges.sock");
  }

  private OpenersSocket started() {
    return requireNonNull(OpenersSocket.start(KEY, grpc()));
  }

  private Channel connected() {
    return new Bootstrap()
        .group(loops.group())
        .channel(EpollDomainSocketChannel.class)
        .handler(new ChannelInboundHandlerAdapter())
        .connect(new DomainSocketAddress(grpc() + ".openers"))
        .syncUninterruptibly()
        .channel();
  }

  /** Hands a descriptor over, and waits until the other end has closed the connection. */
  private void handOver(FileDescriptor descriptor) throws IOException {
    var channel = connected();
    var _ = channel.writeAndFlush(descriptor).syncUninterruptibly();
    var _ = channel.closeFuture().syncUninterruptibly();
    descriptor.close();
  }

  @Test
  void start_beside_isOpenToTheGroup_andGoneWhenClosed() throws Exception {
    var file = folder.resolve("bridges.sock.openers");
    try (var _ = started()) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
          .isEqualTo("rw-rw----");
    }

    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void start_pathThatIsTooLong_isNone() {
    assertThat(OpenersSocket.start(KEY, folder.resolve("b".repeat(100)))).isNull();
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void start_whereSomethingElseIs_isNone() throws Exception {
    Files.createFile(folder.resolve("bridges.sock.openers"));

    assertThat(OpenersSocket.start(KEY, grpc())).isNull();
  }

  @Test
  void connection_file_isClosed_andTheNextIsServed() throws Exception {
    try (var _ = started()) {
      var file = Files.writeString(folder.resolve("file"), "map_type:\t2\nvalue_size:\t8\n");
      for (var i = 0; i < 3 * OpenersSocket.MAX_CONNECTIONS; i++) {
        handOver(FileDescriptor.from(file.toString()));
      }
    }
  }

  @Test
  void connection_withoutADescriptor_isClosed() {
    try (var _ = started()) {
      var channel = connected();
      var _ = channel.writeAndFlush(channel.alloc().buffer().writeByte(1)).syncUninterruptibly();

      assertThat(channel.closeFuture().awaitUninterruptibly(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void of_file_isNoMap_whateverItSays_andIsClosed() throws Exception {
    var file = Files.writeString(folder.resolve("map"), "map_type:\t2\nvalue_size:\t8\n");
    var descriptor = FileDescriptor.from(file.toString());

    assertThat(HandedMap.of(descriptor)).isNull();
    assertThat(descriptor.isOpen()).isFalse();
  }

  @Test
  @Tag("root")
  void of_arrayOfTheKernel_isReadAsItIs() throws Exception {
    var array = map(ARRAY, 8, 1_024, MAY_BE_MAPPED);
    set(array, 1_023, 42);
    var handed = requireNonNull(HandedMap.of(array));

    assertThat(handed.id()).isPositive();
    assertThat(handed.words()).isEqualTo(1_024);
    var words = handed.map();
    set(array, 7, 43);
    handed.close();

    assertThat(words.at(1_023)).isEqualTo(42);
    assertThat(words.at(7)).isEqualTo(43);
    assertThat(words.at(8)).isZero();
    assertThat(array.isOpen()).isFalse();
  }

  @Test
  @Tag("root")
  void of_otherMaps_areNone() throws Exception {
    assertThat(HandedMap.of(map(HASH, 8, 1_024, 0))).isNull();
    assertThat(HandedMap.of(map(ARRAY, 16, 1_024, MAY_BE_MAPPED))).isNull();
  }

  @Test
  @Tag("root")
  void map_arrayThatMayNotBeMapped_fails() throws Exception {
    var handed = requireNonNull(HandedMap.of(map(ARRAY, 8, 1_024, 0)));

    assertThatThrownBy(handed::map)
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("mmap: errno ");
    handed.close();
  }

  /** All of it but the frames: the kernel's array, handed over and named, spares a question. */
  @Test
  @Tag("root")
  void handedOver_arrayThatABridgeNames_answersForIt() throws Exception {
    try (var socket = started();
        var deadlines = new Deadlines()) {
      var now = System.nanoTime();
      var hub = new BridgeHub(deadlines, new NodeBridges(), InstantSource.system());
      var array = map(ARRAY, 8, 1_024, MAY_BE_MAPPED);
      var told = new LinkedBlockingQueue<ServerMessage>();
      var bridge = attached(hub, told, socket.tables());
      bridge.onNext(table(array));
      var opened = (CONNECTION ^ System.nanoTime() >>> 33) * 0x9e3779b97f4a7c15L;
      set(array, (int) CONNECTION & 1_023, opened ^ opened >>> 32 ^ 4711);
      handOver(array);

      Await.until(
          "the table is read",
          () -> {
            var asked = hub.ask(connection("7"), _ -> {});
            bridge.onNext(answer(told, 4711));
            return asked.isDone() && hub.known(connection("8"), now) != null;
          });
    }
  }

  private static SocketQuery connection(String number) {
    return new SocketQuery(
        "",
        Protocol.TCP,
        new SocketEnd(IpAddress.parse("10.1.2.3"), 40_000),
        new SocketEnd(IpAddress.parse("10.9.8.7"), 443),
        Samples.CHECKOUT,
        number,
        Duration.ofSeconds(60));
  }

  /** A bridge that has said all but its table. */
  private static StreamObserver<BridgeMessage> attached(
      BridgeHub hub, Queue<ServerMessage> told, OpenerTables tables) {
    var service =
        new BridgeService(
            hub,
            List.of(SpiffeIdPattern.parse(Samples.CHECKOUT.toString())),
            "test",
            InstantSource.system());
    var bridge =
        service.attach(
            Samples.peer(Samples.CHECKOUT, "10.1.0.1"),
            new StreamObserver<>() {
              @Override
              public void onNext(ServerMessage message) {
                told.add(message);
              }

              @Override
              public void onError(Throwable thrown) {}

              @Override
              public void onCompleted() {}
            },
            () -> true,
            tables);
    var address = ByteString.copyFrom(IpAddress.parse("10.1.2.3").bytes());
    Stream.of(
            BridgeMessage.newBuilder()
                .setHello(Hello.newBuilder().setProtocolVersion(1).setNode("node-1")),
            BridgeMessage.newBuilder().setNodeStatus(NodeStatus.newBuilder().setCanaryOk(true)),
            BridgeMessage.newBuilder()
                .setPodUpdate(
                    PodUpdate.newBuilder()
                        .addPods(Pod.newBuilder().setId("net:[1]").addAddresses(address))),
            BridgeMessage.newBuilder()
                .setFingerprint(
                    Fingerprint.newBuilder()
                        .setId("fp:1")
                        .setPath("/usr/bin/checkout")
                        .setSha256("ab".repeat(32))))
        .map(BridgeMessage.Builder::build)
        .forEach(bridge::onNext);
    return bridge;
  }

  private static BridgeMessage table(FileDescriptor array) throws IOException {
    var id =
        Files.readString(Path.of("/proc/self/fdinfo", String.valueOf(array.intValue())))
            .lines()
            .filter(line -> line.startsWith("map_id:"))
            .map(line -> line.substring("map_id:".length()).strip())
            .findFirst()
            .orElseThrow();
    return BridgeMessage.newBuilder()
        .setOpenerTable(
            OpenerTable.newBuilder()
                .setMapId(Integer.parseUnsignedInt(id))
                .setWords(1_024)
                .setSeed(SEED))
        .build();
  }

  /** Of the question that was told last. */
  private static BridgeMessage answer(Queue<ServerMessage> told, long number) {
    var id = told.stream().mapToLong(message -> message.getQuery().getId()).max().orElseThrow();
    return BridgeMessage.newBuilder()
        .setAnswer(
            Answer.newBuilder()
                .setQueryId(id)
                .setRung(Rung.RUNG_KERNEL_EXACT)
                .addCandidates(
                    Candidate.newBuilder()
                        .setFingerprintId("fp:1")
                        .setQuality(Quality.QUALITY_EXACT))
                .setOpener(Opener.newBuilder().setNumber(number).setNetwork(NETWORK)))
        .build();
  }

  private static FileDescriptor map(int type, int valueBytes, int entries, int flags) {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(72, 8);
      attributes.set(JAVA_INT, 0, type);
      attributes.set(JAVA_INT, 4, 4);
      attributes.set(JAVA_INT, 8, valueBytes);
      attributes.set(JAVA_INT, 12, entries);
      attributes.set(JAVA_INT, 16, flags);
      return new FileDescriptor((int) bpf(0, attributes));
    }
  }

  private static void set(FileDescriptor map, int index, long word) {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(32, 8);
      attributes.set(JAVA_INT, 0, map.intValue());
      attributes.set(JAVA_LONG, 8, arena.allocateFrom(JAVA_INT, index).address());
      attributes.set(JAVA_LONG, 16, arena.allocateFrom(JAVA_LONG, word).address());
      assertThat(bpf(2, attributes)).isZero();
    }
  }

  private static long bpf(long command, MemorySegment attributes) {
    var number = "aarch64".equals(System.getProperty("os.arch")) ? 280L : 321L;
    try {
      return (long)
          Linker.nativeLinker()
              .downcallHandle(
                  Linker.nativeLinker().defaultLookup().findOrThrow("syscall"),
                  FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                  Linker.Option.firstVariadicArg(1))
              .invokeExact(number, command, attributes.address(), attributes.byteSize());
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }
}
