package io.kith.load.mesh;

import com.google.protobuf.ByteString;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.stub.StreamObserver;
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
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.Script;
import io.kith.bridge.v1.ServerMessage;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The bridge of another node that says the checkout pod is its own, and that everything there is
 * done by a program that is known. It has a bridge's certificate.
 */
final class LyingBridge implements StreamObserver<ServerMessage> {
  private static final Duration LIMIT = Duration.ofMinutes(1);
  private static final String NODE = "node-2";

  private final WorkloadApiSource identity;
  private final ManagedChannel channel;
  private final AtomicInteger asked = new AtomicInteger();
  private final StreamObserver<BridgeMessage> out;

  private LyingBridge(WorkloadApiSource identity, ManagedChannel channel) {
    this.identity = identity;
    this.channel = channel;
    this.out = BridgeServiceGrpc.newStub(channel).attach(this);
  }

  /** Attaches to the server and waits until that tells of the claim. */
  static LyingBridge attach(Mesh mesh) throws InterruptedException {
    var id = SpiffeId.parse(Mesh.BRIDGE_ID);
    var identity = WorkloadApiSource.start(mesh.socketOf(Mesh.BRIDGE_ID), id, Clock.systemUTC());
    if (!identity.awaitReady(LIMIT)) {
      throw new IllegalStateException("no certificate: " + identity.state().words());
    }
    var server = SpiffeId.parse(Mesh.SERVER_ID);
    var channel =
        Grpc.newChannelBuilder(
                mesh.shop().address().getHostAddress() + ":" + mesh.shop().ports().bridges(),
                SpiffeTls.channelCredentials(identity, server::equals))
            .build();
    var bridge = new LyingBridge(identity, channel);
    bridge.claim(mesh);
    var address = mesh.checkout().v4().getHostAddress();
    Mesh.await(
        "the server tells that it claims " + address,
        LIMIT,
        () ->
            mesh.status().getBridgesList().stream()
                .filter(one -> one.getNode().equals(NODE))
                .flatMap(one -> one.getProblemsList().stream())
                .anyMatch(problem -> problem.startsWith("claims " + address)));
    return bridge;
  }

  private synchronized void claim(Mesh mesh) {
    out.onNext(
        BridgeMessage.newBuilder()
            .setHello(Hello.newBuilder().setProtocolVersion(1).setNode(NODE).setBridgeVersion("1"))
            .build());
    out.onNext(
        BridgeMessage.newBuilder()
            .setFingerprint(
                Fingerprint.newBuilder()
                    .setId("fp:lie")
                    .setPath("/usr/bin/perl")
                    .setProgram("perl")
                    .setEntryKind(EntryKind.ENTRY_KIND_SCRIPT)
                    .setScript(
                        Script.newBuilder().setPath("/app/checkout").setOrigin(Origin.ORIGIN_IMAGE))
                    .setUid(1_000)
                    .setOrigin(Origin.ORIGIN_IMAGE))
            .build());
    var address = ByteString.copyFrom(mesh.checkout().v4().getAddress());
    out.onNext(
        BridgeMessage.newBuilder()
            .setPodUpdate(
                PodUpdate.newBuilder()
                    .addPods(
                        Pod.newBuilder()
                            .setId("net:[4026532999]")
                            .addAddresses(address)
                            .addSpiffeIds(Mesh.CHECKOUT_ID)))
            .build());
  }

  @Override
  public synchronized void onNext(ServerMessage message) {
    if (message.hasQuery()) {
      asked.incrementAndGet();
      out.onNext(
          BridgeMessage.newBuilder()
              .setAnswer(
                  Answer.newBuilder()
                      .setQueryId(message.getQuery().getId())
                      .setRung(Rung.RUNG_KERNEL_EXACT)
                      .addCandidates(
                          Candidate.newBuilder()
                              .setFingerprintId("fp:lie")
                              .setQuality(Quality.QUALITY_EXACT)))
              .build());
    }
  }

  @Override
  public void onError(Throwable thrown) {
    // it was thrown out, or leaves: who waits for it sees that
  }

  @Override
  public void onCompleted() {
    // likewise
  }

  /** Leaves; how often it was asked. */
  int close() {
    channel.shutdownNow();
    identity.close();
    return asked.get();
  }
}
