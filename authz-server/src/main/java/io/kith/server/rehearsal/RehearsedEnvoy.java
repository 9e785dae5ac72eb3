package io.kith.server.rehearsal;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import io.kith.baselines.identity.SpiffeId;
import io.kith.server.net.EncodedCheck;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.dev.DevIdentity;
import java.util.ArrayList;

/** The sidecar of the pod: asks about connections and requests to one destination. */
final class RehearsedEnvoy implements AutoCloseable {
  static final String DESTINATION = "192.0.2.20";
  private static final String NAME = "db.rehearsal.invalid";
  private static final int DESTINATION_PORT = 5432;
  private static final int ROUNDS = 150;
  private static final int IN_FLIGHT = 20;

  private final WorkloadApiSource identity;
  private final ManagedChannel channel;

  private RehearsedEnvoy(WorkloadApiSource identity, ManagedChannel channel) {
    this.identity = identity;
    this.channel = channel;
  }

  static RehearsedEnvoy connect(int port, DevIdentity issuer, SpiffeId server)
      throws InterruptedException {
    var identity = RehearsedBridge.identity(issuer, Rehearsal.POD);
    return new RehearsedEnvoy(identity, RehearsedBridge.channel(port, identity, server));
  }

  /** Asks once about a connection and once about a request. */
  void ask(boolean allowed, int port) throws Exception {
    require(allowed, send(port, false));
    require(allowed, send(port, true));
  }

  /** Asks about some sockets again and again, all of which are allowed. */
  void askMany(int firstPort) throws Exception {
    for (var round = 0; round < ROUNDS; round++) {
      var answers = new ArrayList<ListenableFuture<byte[]>>();
      for (var i = 0; i < IN_FLIGHT; i++) {
        answers.add(send(firstPort + i, i % 2 == 1));
      }
      for (var answer : answers) {
        require(true, answer);
      }
    }
  }

  private static void require(boolean allowed, ListenableFuture<byte[]> answer) throws Exception {
    if (EncodedCheck.permits(answer.get()) != allowed) {
      throw new IllegalStateException(allowed ? "not allowed" : "not denied");
    }
  }

  private ListenableFuture<byte[]> send(int port, boolean request) {
    var metadata = new Metadata();
    put(metadata, "x-kith-direction", "outbound");
    put(metadata, "x-kith-node", RehearsedBridge.NODE);
    put(metadata, "x-kith-cluster", "PassthroughCluster");
    put(metadata, "x-kith-conn", Integer.toString(port));
    return EncodedCheck.send(
        ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(metadata)),
        CallOptions.DEFAULT,
        EncodedCheck.of(
            RehearsedBridge.POD_ADDRESS,
            port,
            DESTINATION,
            DESTINATION_PORT,
            NAME,
            request ? NAME + ":" + DESTINATION_PORT : null));
  }

  private static void put(Metadata metadata, String key, String value) {
    metadata.put(Metadata.Key.of(key, Metadata.ASCII_STRING_MARSHALLER), value);
  }

  @Override
  public void close() {
    channel.shutdownNow();
    identity.close();
  }
}
