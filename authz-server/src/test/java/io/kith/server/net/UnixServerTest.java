package io.kith.server.net;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.StreamObserver;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class UnixServerTest {
  /** A call that never ends by itself. */
  private static final class Call implements StreamObserver<ServerReflectionResponse> {
    final CompletableFuture<Boolean> answered = new CompletableFuture<>();
    final CompletableFuture<Boolean> ended = new CompletableFuture<>();

    @Override
    public void onNext(ServerReflectionResponse answer) {
      answered.complete(true);
    }

    @Override
    public void onError(Throwable failure) {
      ended.complete(true);
    }

    @Override
    public void onCompleted() {
      ended.complete(true);
    }
  }

  @Test
  void stop_whileCallsRun_returnsWhenTheirConnectionsAreClosed() throws Exception {
    var calls = Executors.newVirtualThreadPerTaskExecutor();
    var server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .executor(calls)
            .addService(ProtoReflectionServiceV1.newInstance())
            .build()
            .start();
    var channel =
        NettyChannelBuilder.forAddress("127.0.0.1", server.getPort()).usePlaintext().build();
    var call = new Call();
    ServerReflectionGrpc.newStub(channel)
        .serverReflectionInfo(call)
        .onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
    assertThat(call.answered.get(30, TimeUnit.SECONDS)).isTrue();

    UnixServer.stop(server, Duration.ZERO);
    calls.shutdownNow();

    assertThat(server.isTerminated()).isTrue();
    assertThat(call.ended.get(30, TimeUnit.SECONDS)).isTrue();
    channel.shutdownNow();
  }
}
