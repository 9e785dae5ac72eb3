package io.kith.load.compare;

import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.envoyproxy.envoy.service.auth.v3.OkHttpResponse;
import io.grpc.InsecureServerCredentials;
import io.grpc.ServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import io.kith.spiffe.SpiffeTls;
import io.kith.spiffe.WorkloadApiSource;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Allows everything without a look at it: what gRPC for Java costs. A program of its own. */
public final class NullServer {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final CheckResponse ALLOWED =
      CheckResponse.newBuilder()
          .setStatus(com.google.rpc.Status.getDefaultInstance())
          .setOkResponse(OkHttpResponse.getDefaultInstance())
          .build();

  private NullServer() {}

  /** The command line of one. */
  static List<String> arguments(boolean direct, @Nullable Path socket) {
    return List.of(direct ? "direct" : "default", socket == null ? "plain" : socket.toString());
  }

  /** Serves until it is killed. Arguments: executor, and where its certificate is to be had. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    var builder =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                credentials(arguments[1]))
            .addService(new Allowing());
    if (arguments[0].equals("direct")) {
      builder.directExecutor();
    }
    var server = builder.build().start();
    System.out.println("listening " + server.getPort());
    server.awaitTermination();
  }

  private static ServerCredentials credentials(String socket) throws InterruptedException {
    if (socket.equals("plain")) {
      return InsecureServerCredentials.create();
    }
    var source = WorkloadApiSource.start(Path.of(socket), Identities.SERVER, Clock.systemUTC());
    if (!source.awaitReady(PATIENCE)) {
      throw new IllegalStateException("no certificate: " + source.state().words());
    }
    return SpiffeTls.serverCredentials(source, _ -> true);
  }

  private static final class Allowing extends AuthorizationGrpc.AuthorizationImplBase {
    @Override
    public void check(CheckRequest request, StreamObserver<CheckResponse> observer) {
      observer.onNext(ALLOWED);
      observer.onCompleted();
    }
  }
}
