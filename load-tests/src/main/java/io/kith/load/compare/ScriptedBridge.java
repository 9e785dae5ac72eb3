package io.kith.load.compare;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.ByteString;
import io.grpc.Grpc;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.kith.baselines.identity.IpAddress;
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
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.frames.FrameChannel;
import io.kith.spiffe.frames.FrameStream;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
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
  private static final int MAX_MESSAGE = 4 * 1024 * 1024;
  private static final String STRANGER = "/app/stranger";
  private static final String SHA256 = "5f".repeat(32);

  private final CountDownLatch ended = new CountDownLatch(1);
  private final int pods;
  private @Nullable ClientCallStreamObserver<BridgeMessage> out; // of the stream's thread
  private boolean greeted;

  private ScriptedBridge(int pods) {
    this.pods = pods;
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
   * Arguments: where the server listens, where its certificate is to be had, number of pods.
   */
  public static void main(String[] arguments) throws InterruptedException {
    var identity =
        WorkloadApiSource.start(Path.of(arguments[1]), Identities.BRIDGE, Clock.systemUTC());
    if (!identity.awaitReady(PATIENCE)) {
      throw new IllegalStateException("no certificate: " + identity.state().words());
    }
    var server = arguments[0];
    var attach =
        server.startsWith(UNIX)
            ? frames(Path.of(server.substring(UNIX.length())), identity)
            : grpc(server, identity);
    while (true) {
      var bridge = new ScriptedBridge(Integer.parseInt(arguments[2]));
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
      System.out.println("attached");
    } else if (message.hasQuery()) {
      say(answer(message.getQuery()));
    }
  }

  private static BridgeMessage answer(Query query) {
    var port = query.getSourcePort();
    var program = port == Traffic.STRANGE_PORT ? STRANGER : PROGRAMS.get(Traffic.program(port));
    return BridgeMessage.newBuilder()
        .setAnswer(
            Answer.newBuilder()
                .setQueryId(query.getId())
                .setRung(Rung.RUNG_KERNEL_EXACT)
                .setOriginalSourcePort(port)
                .addCandidates(
                    Candidate.newBuilder()
                        .setFingerprintId("fp:" + program)
                        .setQuality(Quality.QUALITY_EXACT)))
        .build();
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
