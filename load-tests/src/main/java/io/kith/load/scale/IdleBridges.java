package io.kith.load.scale;

import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.BridgeStatus;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.bridge.v1.BridgeMessage;
import io.kith.bridge.v1.BridgeServiceGrpc;
import io.kith.bridge.v1.Hello;
import io.kith.bridge.v1.Pod;
import io.kith.bridge.v1.PodUpdate;
import io.kith.bridge.v1.ServerMessage;
import io.kith.load.compare.Identities;
import io.kith.load.compare.KithServer;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.X509Source;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Bridges of many nodes at one server, each with a connection of its own, which are never asked.
 */
final class IdleBridges implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final String NODE = "idle-";

  private final int port;
  private final X509Source identity;
  private final ManagedChannel admin;
  private final List<ManagedChannel> channels = new ArrayList<>();
  private final List<StreamObserver<BridgeMessage>> streams = new ArrayList<>();

  IdleBridges(int port, X509Source identity, KithServer server) {
    this.port = port;
    this.identity = identity;
    this.admin = server.admin();
  }

  /** Attaches so many, and waits until the server has them all. */
  void attach(int bridges) throws IOException, InterruptedException {
    for (var i = 0; i < bridges; i++) {
      var channel =
          NettyChannelBuilder.forAddress(
                  new InetSocketAddress(InetAddress.getLoopbackAddress(), port),
                  SpiffeTls.channelCredentials(identity, Identities.SERVER::equals))
              .directExecutor()
              .build();
      channels.add(channel);
      var stream = BridgeServiceGrpc.newStub(channel).attach(new Silent());
      streams.add(stream);
      stream.onNext(
          BridgeMessage.newBuilder()
              .setHello(
                  Hello.newBuilder().setProtocolVersion(1).setNode(NODE + i).setBridgeVersion("1"))
              .build());
    }
    await(0);
  }

  /** Each registers so many pods; waits until the server knows them all. */
  void register(int podsEach) throws IOException, InterruptedException {
    for (var i = 0; i < streams.size(); i++) {
      var update = PodUpdate.newBuilder();
      for (var pod = 0; pod < podsEach; pod++) {
        var number = i * podsEach + pod;
        update.addPods(
            Pod.newBuilder()
                .setId("net:[" + (4_030_000_000L + number) + "]")
                .addAddresses(
                    ByteString.copyFrom(
                        new byte[] {
                          10, (byte) (100 + (number >> 16)), (byte) (number >> 8), (byte) number
                        }))
                .addSpiffeIds(
                    "spiffe://" + "dev.kith.local/ns/team-" + number % 97 + "/sa/app-" + number));
      }
      streams.get(i).onNext(BridgeMessage.newBuilder().setPodUpdate(update).build());
    }
    await(podsEach);
  }

  private void await(int podsEach) throws IOException, InterruptedException {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (attached(podsEach) < streams.size()) {
      if (System.nanoTime() - end > 0) {
        throw new IOException(
            "of "
                + streams.size()
                + " bridges only "
                + attached(podsEach)
                + " are attached after "
                + LIMIT);
      }
      Thread.sleep(50);
    }
  }

  private long attached(int podsEach) {
    return AdminServiceGrpc.newBlockingStub(admin)
        .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS)
        .getStatus(GetStatusRequest.getDefaultInstance())
        .getBridgesList()
        .stream()
        .filter(bridge -> isOurs(bridge) && bridge.getPods() == podsEach)
        .count();
  }

  private static boolean isOurs(BridgeStatus bridge) {
    return bridge.getNode().startsWith(NODE);
  }

  /** Takes what the server says and does nothing about it: that a bridge is missing is seen. */
  private static final class Silent implements StreamObserver<ServerMessage> {
    @Override
    public void onNext(ServerMessage message) {
      // never asked
    }

    @Override
    public void onError(Throwable thrown) {
      // the status of the server says so
    }

    @Override
    public void onCompleted() {
      // the status of the server says so
    }
  }

  @Override
  public void close() {
    channels.forEach(ManagedChannel::shutdownNow);
    admin.shutdownNow();
  }
}
