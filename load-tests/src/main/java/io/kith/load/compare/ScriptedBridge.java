package io.kith.load.compare;

import com.google.protobuf.ByteString;
import io.grpc.Grpc;
import io.grpc.stub.StreamObserver;
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
import io.kith.spiffe.UnixChannels;
import io.kith.spiffe.WorkloadApiSource;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * A bridge for the pods of a comparison, whose sockets are only numbers: it speaks the whole
 * protocol, and knows by a port which program has it. A program of its own.
 */
public final class ScriptedBridge implements StreamObserver<ServerMessage> {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration AGAIN = Duration.ofMillis(20);

  /** A letter each: a process class leaves digits out, which might be a version. */
  static final List<String> PROGRAMS = List.of("/app/shop", "/app/till", "/app/sync");

  private static final String UNIX = "unix:";
  private static final String STRANGER = "/app/stranger";
  private static final String SHA256 = "5f".repeat(32);

  private final CountDownLatch ended = new CountDownLatch(1);
  private final StreamObserver<BridgeMessage> out;

  private ScriptedBridge(BridgeServiceGrpc.BridgeServiceStub stub, int pods) {
    out = stub.attach(this);
    out.onNext(
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
    out.onNext(BridgeMessage.newBuilder().setPodUpdate(update).build());
  }

  private void describe(String program) {
    out.onNext(
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
    var credentials = SpiffeTls.channelCredentials(identity, Identities.SERVER::equals);
    var server = arguments[0];
    var channel =
        (server.startsWith(UNIX)
                ? UnixChannels.to(Path.of(server.substring(UNIX.length())), credentials)
                : Grpc.newChannelBuilder(server, credentials))
            .directExecutor()
            .build();
    while (true) {
      var bridge =
          new ScriptedBridge(BridgeServiceGrpc.newStub(channel), Integer.parseInt(arguments[2]));
      bridge.ended.await();
      System.out.println("no server");
      Thread.sleep(AGAIN);
      channel.resetConnectBackoff();
    }
  }

  @Override
  public void onNext(ServerMessage message) {
    if (message.hasWelcome()) {
      System.out.println("attached");
    } else if (message.hasQuery()) {
      out.onNext(answer(message.getQuery()));
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
