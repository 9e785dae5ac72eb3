package io.kith.load.compare;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.ByteString;
import io.grpc.Grpc;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.capture.Openers;
import io.kith.bridge.capture.SocketOwners;
import io.kith.bridge.ffm.BootClock;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Candidate;
import io.kith.bridge.v1.Connection;
import io.kith.bridge.v1.EntryKind;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.NodeStatus;
import io.kith.bridge.v1.Opener;
import io.kith.bridge.v1.OpenerTable;
import io.kith.bridge.v1.Origin;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.Quality;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.ServerMessage;
import io.kith.bridge.v1.Unasked;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.frames.Descriptors;
import io.kith.spiffe.frames.FrameChannel;
import io.kith.spiffe.frames.FrameStream;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A bridge for the pods of a comparison, whose sockets are only numbers: it speaks the whole
 * protocol, and knows by a port which program has it. A program of its own.
 */
public final class ScriptedBridge implements ClientResponseObserver<BridgeMessage, ServerMessage> {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration AGAIN = Duration.ofMillis(20);

  /** A letter each: a process class leaves digits out, which might be a version. */
  static final List<String> PROGRAMS = List.of("/app/shop", "/app/till", "/app/sync");

  private static final String UNIX = "unix:";
  private static final int PROXY_UID = 1_337;
  private static final int ENTRIES = 65_536;
  private static final int MAX_MESSAGE = 4 * 1024 * 1024;
  private static final String STRANGER = "/app/stranger";
  private static final String SHA256 = "5f".repeat(32);

  private final CountDownLatch ended = new CountDownLatch(1);
  private final int pods;
  private final @Nullable Watched watched;
  private final @Nullable Path descriptors;
  private @Nullable ClientCallStreamObserver<BridgeMessage> out; // of the stream's thread
  private boolean greeted;

  private ScriptedBridge(int pods, @Nullable Watched watched, @Nullable Path descriptors) {
    this.pods = pods;
    this.watched = watched;
    this.descriptors = descriptors;
  }

  /**
   * A process whose connections are seen by the kernel's programs.
   *
   * @param owners of this network
   */
  private record Watched(SocketOwners owners, int pid) {
    static Watched of(List<String> arguments) throws InterruptedException {
      var redirects = arguments.stream().skip(1).map(Integer::valueOf).toList();
      var owners =
          SocketOwners.open(
              new SocketOwners.Settings(redirects, PROXY_UID, ENTRIES, null, true, null));
      if (owners.openers() == null) {
        throw new IllegalStateException("no table of openers: " + owners.problems());
      }
      return new Watched(owners, Integer.parseInt(arguments.getFirst()));
    }

    /** How the table has the process; null when the connection is not its. */
    Openers.@Nullable Opener opener(Tuple seen) {
      var found = owners.atHand(seen, _ -> Set.of());
      return found != null && found.owners().stream().allMatch(owner -> owner.pid() == pid)
          ? found.opener()
          : null;
    }
  }

  /** What follows on the command line where the connections of a process are to be seen. */
  static List<String> watching(long pid, List<Integer> redirects) {
    return Stream.concat(Stream.of(pid), redirects.stream().map(Integer::longValue))
        .map(String::valueOf)
        .toList();
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<BridgeMessage> call) {
    out = call;
    call.setOnReadyHandler(this::greet);
  }

  private void greet() {
    if (greeted) {
      return;
    }
    greeted = true;
    say(
        BridgeMessage.newBuilder()
            .setHello(
                Hello.newBuilder()
                    .setProtocolVersion(1)
                    .setNode("node-1")
                    .setBridgeVersion("scripted"))
            .build());
    for (var program : PROGRAMS) {
      describe(program);
    }
    describe(STRANGER);
    var update = PodUpdate.newBuilder();
    for (var i = 0; i < pods; i++) {
      update.addPods(
          Pod.newBuilder()
              .setId("net:[" + (4_026_532_000L + i) + "]")
              .addAddresses(ByteString.copyFrom(IpAddress.parse(Traffic.pod(i)).bytes()))
              .addSpiffeIds(Identities.pod(i).toString()));
    }
    say(BridgeMessage.newBuilder().setPodUpdate(update).build());
    say(
        BridgeMessage.newBuilder()
            .setNodeStatus(
                NodeStatus.newBuilder().setRung(Rung.RUNG_KERNEL_EXACT).setCanaryOk(true))
            .build());
  }

  private void say(BridgeMessage message) {
    requireNonNull(out, "out").onNext(message);
  }

  private void describe(String program) {
    say(
        BridgeMessage.newBuilder()
            .setFingerprint(
                Fingerprint.newBuilder()
                    .setId("fp:" + program)
                    .setPath(program)
                    .setProgram(program.substring(program.lastIndexOf('/') + 1))
                    .setEntryKind(EntryKind.ENTRY_KIND_NATIVE)
                    .setUid(1_000)
                    .setSha256(SHA256)
                    .setOrigin(Origin.ORIGIN_IMAGE))
            .build());
  }

  /** The command line of one. */
  static List<String> arguments(String server, Path socket, int pods) {
    return List.of(server, socket.toString(), Integer.toString(pods));
  }

  /**
   * Attaches to a server, again whenever the stream ends, and answers it until it is killed.
   * Arguments: where the server listens, where its certificate is to be had, number of pods; where
   * the connections of a process are seen, its pid and the ports that they are redirected to.
   */
  public static void main(String[] arguments) throws InterruptedException {
    var identity =
        WorkloadApiSource.start(Path.of(arguments[1]), Identities.BRIDGE, Clock.systemUTC());
    if (!identity.awaitReady(PATIENCE)) {
      throw new IllegalStateException("no certificate: " + identity.state().words());
    }
    var server = arguments[0];
    var socket = server.startsWith(UNIX) ? Path.of(server.substring(UNIX.length())) : null;
    var attach = socket == null ? grpc(server, identity) : frames(socket, identity);
    var descriptors = socket == null ? null : Descriptors.socketBeside(socket);
    var watched =
        arguments.length == 3 ? null : Watched.of(List.of(arguments).subList(3, arguments.length));
    while (true) {
      var bridge = new ScriptedBridge(Integer.parseInt(arguments[2]), watched, descriptors);
      attach.accept(bridge);
      bridge.ended.await();
      System.out.println("no server");
      Thread.sleep(AGAIN);
    }
  }

  /** As a bridge asks the server of its own node. */
  private static Consumer<ScriptedBridge> frames(Path grpc, X509Source identity) {
    var tls = SpiffeTls.framesClientContext(identity, Identities.SERVER::equals);
    var socket = requireNonNull(FrameStream.socketBeside(grpc), "a short path");
    return bridge ->
        new FrameChannel<ServerMessage, BridgeMessage>(
                FrameStream.address(socket), tls, ServerMessage.parser(), MAX_MESSAGE)
            .attach(bridge);
  }

  private static Consumer<ScriptedBridge> grpc(String server, X509Source identity) {
    var channel =
        Grpc.newChannelBuilder(
                server, SpiffeTls.channelCredentials(identity, Identities.SERVER::equals))
            .directExecutor()
            .build();
    return bridge -> {
      channel.resetConnectBackoff();
      BridgeServiceGrpc.newStub(channel).attach(bridge);
    };
  }

  @Override
  public void onNext(ServerMessage message) {
    if (message.hasWelcome()) {
      if (message.getWelcome().getReadsOpeners()) {
        tellOpeners();
      }
      System.out.println("attached");
    } else if (message.hasQuery()) {
      say(answer(message.getQuery()));
    } else if (message.hasUnasked() && watched != null) {
      unasked(watched.owners(), message.getUnasked());
    } else if (message.hasOpenersWanted()) {
      System.out.println("not handed over");
      tellOpeners();
    }
  }

  private void tellOpeners() {
    var openers = watched == null ? null : watched.owners().openers();
    if (openers == null || descriptors == null) {
      return;
    }
    say(
        BridgeMessage.newBuilder()
            .setOpenerTable(
                OpenerTable.newBuilder()
                    .setMapId(openers.id())
                    .setWords(openers.words())
                    .setSeed(openers.seed())
                    .setBootNanosAhead(BootClock.nanos() - System.nanoTime()))
            .build());
    try {
      Descriptors.handOver(openers.map().duplicate(), descriptors);
    } catch (KernelException e) {
      System.out.println("not handed over: " + e.getMessage());
    }
  }

  private static void unasked(SocketOwners owners, Unasked unasked) {
    var seen = unasked.getConnectionsList().stream().map(ScriptedBridge::tuple).toList();
    var _ = Thread.startVirtualThread(() -> seen.forEach(owners::unasked));
  }

  private static Tuple tuple(Connection connection) {
    return tuple(
        connection.getSourceAddress(),
        connection.getSourcePort(),
        connection.getDestinationAddress(),
        connection.getDestinationPort());
  }

  private static Tuple tuple(ByteString source, int port, ByteString to, int toPort) {
    return new Tuple(
        IpAddress.of(source.toByteArray()), port, IpAddress.of(to.toByteArray()), toPort);
  }

  private BridgeMessage answer(Query query) {
    var port = query.getSourcePort();
    var opener =
        watched == null
            ? null
            : watched.opener(
                tuple(
                    query.getSourceAddress(),
                    port,
                    query.getDestinationAddress(),
                    query.getDestinationPort()));
    var answer =
        Answer.newBuilder()
            .setQueryId(query.getId())
            .setRung(Rung.RUNG_KERNEL_EXACT)
            .setOriginalSourcePort(port);
    if (opener != null) {
      answer.setOpener(Opener.newBuilder().setNumber(opener.number()).setNetwork(opener.network()));
    }
    return BridgeMessage.newBuilder()
        .setAnswer(
            answer.addCandidates(
                Candidate.newBuilder()
                    .setFingerprintId("fp:" + program(port, opener != null))
                    .setQuality(Quality.QUALITY_EXACT)))
        .build();
  }

  /** All connections of one process are of one program. */
  private static String program(int port, boolean seen) {
    if (port == Traffic.STRANGE_PORT) {
      return STRANGER;
    }
    return PROGRAMS.get(seen ? 0 : Traffic.program(port));
  }

  @Override
  public void onError(Throwable thrown) {
    ended.countDown();
  }

  @Override
  public void onCompleted() {
    ended.countDown();
  }
}
