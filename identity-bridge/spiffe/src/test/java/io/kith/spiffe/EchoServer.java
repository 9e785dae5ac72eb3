package io.kith.spiffe;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCredentials;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.kith.baselines.identity.SpiffeId;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.cert.CertificateException;
import java.time.Clock;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** Answers every call with the SPIFFE ID of its peer, over mutual TLS on the loopback. */
public final class EchoServer implements AutoCloseable {
  private static final MethodDescriptor<String, String> WHO_AM_I =
      MethodDescriptor.<String, String>newBuilder()
          .setType(MethodDescriptor.MethodType.UNARY)
          .setFullMethodName("kith.test.Echo/WhoAmI")
          .setRequestMarshaller(new Text())
          .setResponseMarshaller(new Text())
          .build();

  private final Server server;

  private EchoServer(Server server) {
    this.server = server;
  }

  public static EchoServer start(X509Source source, Predicate<SpiffeId> peers) throws IOException {
    return start(source, peers, Clock.systemUTC());
  }

  static EchoServer start(X509Source source, Predicate<SpiffeId> peers, Clock clock)
      throws IOException {
    return start(SpiffeTls.serverCredentials(source, peers), clock);
  }

  static EchoServer start(ServerCredentials credentials, Clock clock) throws IOException {
    var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    return new EchoServer(
        NettyServerBuilder.forAddress(address, credentials)
            .maxConnectionAge(1, TimeUnit.SECONDS)
            .maxConnectionAgeGrace(5, TimeUnit.SECONDS)
            .addService(
                ServerServiceDefinition.builder("kith.test.Echo")
                    .addMethod(WHO_AM_I, (call, _) -> answer(call, clock))
                    .build())
            .build()
            .start());
  }

  private static ServerCall.Listener<String> answer(ServerCall<String, String> call, Clock clock) {
    call.request(1);
    return new ServerCall.Listener<>() {
      @Override
      public void onHalfClose() {
        try {
          var peer = SpiffeTls.peerOf(call.getAttributes(), clock);
          call.sendHeaders(new Metadata());
          call.sendMessage(peer.toString());
          call.close(Status.OK, new Metadata());
        } catch (CertificateException e) {
          call.close(Status.UNAUTHENTICATED.withDescription(e.getMessage()), new Metadata());
        }
      }
    };
  }

  /** A channel to it. Its authority is an address, not a SPIFFE ID. */
  public ManagedChannel channel(ChannelCredentials credentials) {
    return Grpc.newChannelBuilder("127.0.0.1:" + server.getPort(), credentials).build();
  }

  /** One call. */
  public static String whoAmI(ManagedChannel channel) {
    return ClientCalls.blockingUnaryCall(
        channel, WHO_AM_I, CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS), "");
  }

  /** One call on a connection of its own. */
  String call(ChannelCredentials credentials) {
    var channel = channel(credentials);
    try {
      return whoAmI(channel);
    } finally {
      channel.shutdownNow();
    }
  }

  @Override
  public void close() {
    server.shutdownNow();
  }

  private static final class Text implements MethodDescriptor.Marshaller<String> {
    @Override
    public InputStream stream(String value) {
      return new ByteArrayInputStream(value.getBytes(UTF_8));
    }

    @Override
    public String parse(InputStream stream) {
      try {
        return new String(stream.readAllBytes(), UTF_8);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
