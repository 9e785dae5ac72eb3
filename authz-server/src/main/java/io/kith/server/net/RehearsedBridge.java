package io.kith.server.net;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.ByteString;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Candidate;
import io.kith.bridge.v1.EntryKind;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.Origin;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.Quality;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.ServerMessage;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.frames.FrameChannel;
import io.kith.spiffe.frames.FrameStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A bridge with one pod, whose sockets are only numbers: a port says which program has it. For a
 * server's own use, before others ask it.
 */
public final class RehearsedBridge
    implements ClientResponseObserver<BridgeMessage, ServerMessage>, AutoCloseable {
  private static final String SHA256 = "5f".repeat(32);
  private static final int UID = 1_000;
  private static final int MAX_MESSAGE = 64 * 1024;

  /** The node that it says it is on. */
  public static final String NODE = "rehearsal";

  /** Of a program that nobody learned; every other port is of one that is known. */
  public static final int STRANGE_PORT = 39_999;

  /** What it says of the program that is known. */
  static final ProcessFingerprint KNOWN_PROGRAM =
      new ProcessFingerprint(
          "/app/known",
          SHA256,
          io.kith.baselines.process.Origin.IMAGE,
          UID,
          io.kith.baselines.process.EntryKind.NATIVE,
          "known",
          null,
          List.of(),
          null,
          null,
          List.of(),
          false);

  private static final String STRANGER = "/app/stranger";

  private final Pod pod;
  private final Runnable end;
  private final CountDownLatch welcome = new CountDownLatch(1);
  private @Nullable ClientCallStreamObserver<BridgeMessage> out; // of the stream's thread
  private boolean introduced; // of the stream's thread

  private RehearsedBridge(Pod pod, Runnable end) {
    this.pod = pod;
    this.end = end;
  }

  /**
   * Attaches at a port.
   *
   * @param identity its own; not closed here
   * @param address of its pod, whose identity is {@code workload}
   */
  public static RehearsedBridge attach(
      int port, X509Source identity, SpiffeId server, IpAddress address, SpiffeId workload) {
    var channel =
        NettyChannelBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                SpiffeTls.channelCredentials(identity, server::equals))
            .directExecutor()
            .build();
    var bridge = new RehearsedBridge(pod(address, workload), channel::shutdownNow);
    BridgeServiceGrpc.newStub(channel).attach(bridge);
    return bridge;
  }

  /** The same in frames, beside a Unix socket. */
  public static RehearsedBridge attach(
      Path socket, X509Source identity, SpiffeId server, IpAddress address, SpiffeId workload) {
    var frames = requireNonNull(FrameStream.socketBeside(socket), "a short path");
    return inFrames(FrameStream.address(frames), identity, server, address, workload);
  }

  /** The same in frames, at any address. */
  static RehearsedBridge inFrames(
      SocketAddress frames,
      X509Source identity,
      SpiffeId server,
      IpAddress address,
      SpiffeId workload) {
    var channel =
        new FrameChannel<ServerMessage, BridgeMessage>(
            frames,
            SpiffeTls.framesClientContext(identity, server::equals),
            ServerMessage.parser(),
            MAX_MESSAGE);
    var bridge = new RehearsedBridge(pod(address, workload), channel::close);
    channel.attach(bridge);
    return bridge;
  }

  private static Pod pod(IpAddress address, SpiffeId workload) {
    return Pod.newBuilder()
        .setId("net:[4026532000]")
        .addAddresses(ByteString.copyFrom(address.bytes()))
        .addSpiffeIds(workload.toString())
        .build();
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<BridgeMessage> call) {
    out = call;
    call.setOnReadyHandler(
        () -> {
          if (!introduced) {
            introduced = true;
            introduce();
          }
        });
  }

  private void say(BridgeMessage message) {
    requireNonNull(out, "out").onNext(message);
  }

  private void introduce() {
    say(
        BridgeMessage.newBuilder()
            .setHello(
                Hello.newBuilder()
                    .setProtocolVersion(1)
                    .setNode(NODE)
                    .setBridgeVersion("rehearsal"))
            .build());
    describe(KNOWN_PROGRAM.path());
    describe(STRANGER);
    say(BridgeMessage.newBuilder().setPodUpdate(PodUpdate.newBuilder().addPods(pod)).build());
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
                    .setUid(UID)
                    .setSha256(SHA256)
                    .setOrigin(Origin.ORIGIN_IMAGE))
            .build());
  }

  /** Until the server has taken it in. */
  public void awaitWelcome(Duration patience) throws InterruptedException {
    if (!welcome.await(patience.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new IllegalStateException("the bridge is not welcome");
    }
  }

  @Override
  public void onNext(ServerMessage message) {
    if (message.hasWelcome()) {
      welcome.countDown();
    } else if (message.hasQuery()) {
      say(answer(message.getQuery()));
    }
  }

  private static BridgeMessage answer(Query query) {
    var port = query.getSourcePort();
    return BridgeMessage.newBuilder()
        .setAnswer(
            Answer.newBuilder()
                .setQueryId(query.getId())
                .setRung(Rung.RUNG_KERNEL_EXACT)
                .setOriginalSourcePort(port)
                .addCandidates(
                    Candidate.newBuilder()
                        .setFingerprintId(
                            "fp:" + (port == STRANGE_PORT ? STRANGER : KNOWN_PROGRAM.path()))
                        .setQuality(Quality.QUALITY_EXACT)))
        .build();
  }

  @Override
  public void onError(Throwable ended) {}

  @Override
  public void onCompleted() {}

  @Override
  public void close() {
    end.run();
  }
}
