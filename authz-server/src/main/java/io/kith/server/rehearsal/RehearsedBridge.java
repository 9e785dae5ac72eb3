package io.kith.server.rehearsal;

import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
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
import io.kith.spiffe.dev.DevIdentity;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A bridge with one pod, whose sockets are only numbers: a port says which program has it. */
final class RehearsedBridge implements StreamObserver<ServerMessage>, AutoCloseable {
  static final String NODE = "rehearsal";
  static final String POD_ADDRESS = "192.0.2.10";
  static final int FIRST_PORT = 40_000;

  /** Of a program that nobody learned. */
  static final int STRANGE_PORT = 39_999;

  private static final String KNOWN = "/app/known";
  private static final String STRANGER = "/app/stranger";

  private final WorkloadApiSource identity;
  private final ManagedChannel channel;
  private final CountDownLatch welcome = new CountDownLatch(1);
  private final StreamObserver<BridgeMessage> out;

  private RehearsedBridge(WorkloadApiSource identity, ManagedChannel channel) {
    this.identity = identity;
    this.channel = channel;
    this.out = BridgeServiceGrpc.newStub(channel).attach(this);
  }

  static RehearsedBridge attach(int port, DevIdentity issuer, SpiffeId server)
      throws InterruptedException {
    var identity = identity(issuer, Rehearsal.BRIDGE);
    var bridge = new RehearsedBridge(identity, channel(port, identity, server));
    bridge.introduce();
    return bridge;
  }

  static WorkloadApiSource identity(DevIdentity issuer, SpiffeId id) throws InterruptedException {
    var identity = WorkloadApiSource.start(issuer.socketOf(id), id, Clock.systemUTC());
    if (!identity.awaitReady(Duration.ofSeconds(30))) {
      throw new IllegalStateException("no certificate: " + identity.state().words());
    }
    return identity;
  }

  static ManagedChannel channel(int port, WorkloadApiSource identity, SpiffeId server) {
    return NettyChannelBuilder.forAddress(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
            SpiffeTls.channelCredentials(identity, server::equals))
        .directExecutor()
        .build();
  }

  private void introduce() {
    out.onNext(
        BridgeMessage.newBuilder()
            .setHello(
                Hello.newBuilder()
                    .setProtocolVersion(1)
                    .setNode(NODE)
                    .setBridgeVersion("rehearsal"))
            .build());
    describe(KNOWN);
    describe(STRANGER);
    out.onNext(
        BridgeMessage.newBuilder()
            .setPodUpdate(
                PodUpdate.newBuilder()
                    .addPods(
                        Pod.newBuilder()
                            .setId("net:[4026532000]")
                            .addAddresses(ByteString.copyFrom(IpAddress.parse(POD_ADDRESS).bytes()))
                            .addSpiffeIds(Rehearsal.POD.toString())))
            .build());
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
                    .setSha256("5f".repeat(32))
                    .setOrigin(Origin.ORIGIN_IMAGE))
            .build());
  }

  void awaitWelcome(Duration patience) throws InterruptedException {
    if (!welcome.await(patience.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new IllegalStateException("the bridge is not welcome");
    }
  }

  @Override
  public void onNext(ServerMessage message) {
    if (message.hasWelcome()) {
      welcome.countDown();
    } else if (message.hasQuery()) {
      out.onNext(answer(message.getQuery()));
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
                        .setFingerprintId("fp:" + (port == STRANGE_PORT ? STRANGER : KNOWN))
                        .setQuality(Quality.QUALITY_EXACT)))
        .build();
  }

  @Override
  public void onError(Throwable ended) {}

  @Override
  public void onCompleted() {}

  @Override
  public void close() {
    channel.shutdownNow();
    identity.close();
  }
}
