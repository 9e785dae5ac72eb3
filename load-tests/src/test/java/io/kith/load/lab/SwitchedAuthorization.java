package io.kith.load.lab;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.rpc.Code;
import com.google.rpc.Status;
import io.envoyproxy.envoy.service.auth.v3.AuthorizationGrpc;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Stands in for the authorization server: every answer is what a switch says, and every question is
 * kept.
 */
final class SwitchedAuthorization extends AuthorizationGrpc.AuthorizationImplBase
    implements AutoCloseable {
  private static final Context.Key<Metadata> METADATA = Context.key("metadata");

  /** One question, with what Envoy sent beside it. */
  record Asked(CheckRequest request, Metadata metadata) {
    String metadata(String key) {
      var value = metadata.get(Metadata.Key.of(key, Metadata.ASCII_STRING_MARSHALLER));
      return value == null ? "" : value;
    }

    boolean http() {
      return request.getAttributes().getRequest().hasHttp();
    }

    String header(String name) {
      return request.getAttributes().getRequest().getHttp().getHeadersOrDefault(name, "");
    }

    String destination() {
      var address = request.getAttributes().getDestination().getAddress().getSocketAddress();
      return address.getAddress() + ":" + address.getPortValue();
    }
  }

  private final List<Asked> asked = new CopyOnWriteArrayList<>();
  private final Server server;
  private volatile boolean allow = true;

  SwitchedAuthorization(InetAddress address) throws IOException {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(address, 0))
            .addService(this)
            .intercept(new KeepMetadata())
            .build()
            .start();
  }

  int port() {
    return server.getPort();
  }

  void allow(boolean everything) {
    allow = everything;
  }

  List<Asked> asked() {
    return List.copyOf(asked);
  }

  void forget() {
    asked.clear();
  }

  @Override
  public void check(CheckRequest request, StreamObserver<CheckResponse> answer) {
    asked.add(new Asked(request, METADATA.get()));
    int code = allow ? Code.OK_VALUE : Code.PERMISSION_DENIED_VALUE;
    answer.onNext(
        CheckResponse.newBuilder()
            .setStatus(Status.newBuilder().setCode(code))
            .setDynamicMetadata(
                Struct.newBuilder()
                    .putFields("number", Value.newBuilder().setNumberValue(asked.size()).build()))
            .build());
    answer.onCompleted();
  }

  @Override
  public void close() {
    server.shutdownNow();
  }

  private static final class KeepMetadata implements ServerInterceptor {
    @Override
    public <A, B> ServerCall.Listener<A> interceptCall(
        ServerCall<A, B> call, Metadata headers, ServerCallHandler<A, B> next) {
      return Contexts.interceptCall(
          Context.current().withValue(METADATA, headers), call, headers, next);
    }
  }
}
