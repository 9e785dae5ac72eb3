package io.kith.server.bridge;

import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.StreamObserver;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.v1.Answer;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Candidate;
import io.kith.bridge.v1.Fingerprint;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.NodeStatus;
import io.kith.bridge.v1.Origin;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.Quality;
import io.kith.bridge.v1.Query;
import io.kith.bridge.v1.Rung;
import io.kith.bridge.v1.ServerMessage;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The other end of a bridge's stream, moved by a test. */
final class FakeBridge implements ClientResponseObserver<BridgeMessage, ServerMessage> {
  private final BlockingQueue<ServerMessage> received = new LinkedBlockingQueue<>();
  private final CompletableFuture<Status> ended = new CompletableFuture<>();
  private final StreamObserver<BridgeMessage> out;
  private final boolean reads;

  private FakeBridge(ManagedChannel channel, boolean reads) {
    this.reads = reads;
    out = BridgeServiceGrpc.newStub(channel).attach(this);
  }

  static FakeBridge silent(ManagedChannel channel) {
    return new FakeBridge(channel, true);
  }

  static FakeBridge attached(ManagedChannel channel, String node) {
    return welcomed(new FakeBridge(channel, true), node);
  }

  /** Reads nothing after the Welcome, until it {@link #reads}. */
  static FakeBridge deaf(ManagedChannel channel, String node) {
    return welcomed(new FakeBridge(channel, false), node);
  }

  @Override
  public void beforeStart(ClientCallStreamObserver<BridgeMessage> call) {
    if (!reads) {
      call.disableAutoRequestWithInitial(1);
    }
  }

  /** From now on. */
  void reads() {
    ((ClientCallStreamObserver<BridgeMessage>) out).request(Integer.MAX_VALUE);
  }

  private static FakeBridge welcomed(FakeBridge bridge, String node) {
    bridge.hello(1, node);
    if (!bridge.next().hasWelcome()) {
      throw new AssertionError("no welcome (expected: the first message)");
    }
    return bridge;
  }

  void hello(int version, String node) {
    send(
        BridgeMessage.newBuilder()
            .setHello(
                Hello.newBuilder()
                    .setProtocolVersion(version)
                    .setNode(node)
                    .setBridgeVersion("test"))
            .build());
  }

  void send(BridgeMessage message) {
    out.onNext(message);
  }

  void cut() {
    out.onError(Status.CANCELLED.withDescription("cut by the test").asException());
  }

  void complete() {
    out.onCompleted();
  }

  /** The next message, within the limit of a test. */
  ServerMessage next() {
    try {
      var message = received.poll(60, TimeUnit.SECONDS);
      if (message == null) {
        throw new AssertionError("no message; the stream: " + ended.getNow(Status.OK));
      }
      return message;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  Query nextQuery() {
    return next().getQuery();
  }

  Status ended() {
    try {
      return ended.get(60, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  static Pod pod(String address, String... spiffeIds) {
    return Pod.newBuilder()
        .setId("net:[" + address + "]")
        .addAddresses(ByteString.copyFrom(IpAddress.parse(address).bytes()))
        .addAllSpiffeIds(List.of(spiffeIds))
        .build();
  }

  void registers(Pod... pods) {
    send(
        BridgeMessage.newBuilder()
            .setPodUpdate(PodUpdate.newBuilder().addAllPods(List.of(pods)))
            .build());
  }

  static Fingerprint.Builder fingerprint(String id, String path) {
    return Fingerprint.newBuilder()
        .setId(id)
        .setPath(path)
        .setProgram(path.substring(path.lastIndexOf('/') + 1))
        .setOrigin(Origin.ORIGIN_IMAGE);
  }

  void describes(Fingerprint fingerprint) {
    send(BridgeMessage.newBuilder().setFingerprint(fingerprint).build());
  }

  static Candidate.Builder candidate(String fingerprint) {
    return Candidate.newBuilder().setFingerprintId(fingerprint).setQuality(Quality.QUALITY_EXACT);
  }

  void answers(Query query, Candidate.Builder... candidates) {
    var answer = Answer.newBuilder().setQueryId(query.getId()).setRung(Rung.RUNG_KERNEL_EXACT);
    for (var candidate : candidates) {
      answer.addCandidates(candidate);
    }
    answers(answer);
  }

  void answers(Answer.Builder answer) {
    send(BridgeMessage.newBuilder().setAnswer(answer).build());
  }

  void tells(NodeStatus status) {
    send(BridgeMessage.newBuilder().setNodeStatus(status).build());
  }

  @Override
  public void onNext(ServerMessage message) {
    received.add(message);
  }

  @Override
  public void onError(Throwable thrown) {
    ended.complete(Status.fromThrowable(thrown));
  }

  @Override
  public void onCompleted() {
    ended.complete(Status.OK);
  }
}
