package io.kith.spiffe;

import com.google.protobuf.ByteString;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.stub.StreamObserver;
import io.kith.spiffe.workload.SpiffeWorkloadAPIGrpc.SpiffeWorkloadAPIImplBase;
import io.kith.spiffe.workload.X509SVID;
import io.kith.spiffe.workload.X509SVIDRequest;
import io.kith.spiffe.workload.X509SVIDResponse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A Workload API that says what a test wants, on a real Unix socket. */
final class FakeWorkloadApi extends SpiffeWorkloadAPIImplBase implements AutoCloseable {
  private final EventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final List<StreamObserver<X509SVIDResponse>> streams = new CopyOnWriteArrayList<>();
  private final List<@Nullable String> headers = new CopyOnWriteArrayList<>();
  private final Server server;
  private @Nullable X509SVIDResponse latest; // guarded by this
  private @Nullable Status refusal; // guarded by this

  FakeWorkloadApi(Path socket) throws IOException {
    server =
        NettyServerBuilder.forAddress(new DomainSocketAddress(socket.toString()))
            .channelType(EpollServerDomainSocketChannel.class)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .withChildOption(ChannelOption.SO_KEEPALIVE, null) // it has none, and warns
            .directExecutor()
            .addService(this)
            .intercept(
                new ServerInterceptor() {
                  @Override
                  public <Q, A> ServerCall.Listener<Q> interceptCall(
                      ServerCall<Q, A> call, Metadata metadata, ServerCallHandler<Q, A> next) {
                    headers.add(metadata.get(WorkloadApiSource.HEADER));
                    return next.startCall(call, metadata);
                  }
                })
            .build()
            .start();
  }

  @Override
  public synchronized void fetchX509SVID(
      X509SVIDRequest request, StreamObserver<X509SVIDResponse> stream) {
    if (refusal != null) {
      stream.onError(refusal.asRuntimeException());
      return;
    }
    streams.add(stream);
    if (latest != null) {
      stream.onNext(latest);
    }
  }

  synchronized void answer(X509SVIDResponse response) {
    latest = response;
    refusal = null;
    streams.forEach(stream -> stream.onNext(response));
  }

  /** Ends the streams, and every new one. */
  synchronized void refuse(Status status) {
    refusal = status;
    streams.forEach(stream -> stream.onError(status.asRuntimeException()));
    streams.clear();
  }

  List<@Nullable String> headers() {
    return headers;
  }

  static X509SVID message(Svid svid, X509Certificate authority) {
    return X509SVID
        .newBuilder()
        .setSpiffeId(svid.id().toString())
        .setX509Svid(der(svid.chain()))
        .setX509SvidKey(ByteString.copyFrom(svid.key().getEncoded()))
        .setBundle(der(List.of(authority)))
        .build();
  }

  static ByteString der(List<X509Certificate> certificates) {
    var out = new ByteArrayOutputStream();
    for (var certificate : certificates) {
      try {
        out.writeBytes(certificate.getEncoded());
      } catch (CertificateEncodingException e) {
        throw new IllegalArgumentException(e);
      }
    }
    return ByteString.copyFrom(out.toByteArray());
  }

  @Override
  public void close() {
    server.shutdownNow();
    var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
  }
}
