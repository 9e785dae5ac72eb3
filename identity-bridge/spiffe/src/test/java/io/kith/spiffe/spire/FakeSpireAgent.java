package io.kith.spiffe.spire;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Both APIs of a SPIRE agent, on a real Unix socket, byte by byte: the messages have the private
 * keys that Kith's own have no field for.
 */
final class FakeSpireAgent implements AutoCloseable {
  static final String DELEGATED =
      "spire.api.agent.delegatedidentity.v1.DelegatedIdentity/SubscribeToX509SVIDs";
  static final String BROKER = "spiffe.broker.API/SubscribeToX509SVID";

  /** What the agent does with a call. */
  @FunctionalInterface
  interface Behaviour {
    void answer(ServerCallStreamObserver<byte[]> stream);
  }

  private final EventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final Server server;
  private final List<Integer> pids = new CopyOnWriteArrayList<>();
  private final List<@Nullable String> headers = new CopyOnWriteArrayList<>();
  private final CountDownLatch cancelled = new CountDownLatch(1);
  private volatile Behaviour behaviour = _ -> {};

  FakeSpireAgent(Path socket, ServerCredentials credentials) throws IOException {
    server =
        NettyServerBuilder.forAddress(new DomainSocketAddress(socket.toString()), credentials)
            .channelType(EpollServerDomainSocketChannel.class)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .directExecutor()
            .addService(service(DELEGATED, FakeSpireAgent::pidOfDelegated))
            .addService(service(BROKER, FakeSpireAgent::pidOfBroker))
            .intercept(
                new ServerInterceptor() {
                  @Override
                  public <Q, A> ServerCall.Listener<Q> interceptCall(
                      ServerCall<Q, A> call, Metadata metadata, ServerCallHandler<Q, A> next) {
                    headers.add(
                        metadata.get(
                            Metadata.Key.of("broker.spiffe.io", Metadata.ASCII_STRING_MARSHALLER)));
                    return next.startCall(call, metadata);
                  }
                })
            .build()
            .start();
  }

  void behave(Behaviour next) {
    behaviour = next;
  }

  void refuse(Status status) {
    behave(stream -> stream.onError(status.asRuntimeException()));
  }

  /** The pids that were asked about. */
  List<Integer> pids() {
    return pids;
  }

  List<@Nullable String> headers() {
    return headers;
  }

  /** Waits until the first stream was ended by who asked. */
  boolean awaitCancel() throws InterruptedException {
    return cancelled.await(60, TimeUnit.SECONDS);
  }

  @FunctionalInterface
  private interface PidReader {
    int pid(byte[] request) throws IOException;
  }

  private ServerServiceDefinition service(String name, PidReader reader) {
    var method =
        MethodDescriptor.<byte[], byte[]>newBuilder()
            .setType(MethodType.SERVER_STREAMING)
            .setFullMethodName(name)
            .setRequestMarshaller(BYTES)
            .setResponseMarshaller(BYTES)
            .build();
    return ServerServiceDefinition.builder(name.substring(0, name.indexOf('/')))
        .addMethod(
            method,
            ServerCalls.asyncServerStreamingCall(
                (byte[] request, StreamObserver<byte[]> responses) ->
                    serve(request, reader, (ServerCallStreamObserver<byte[]>) responses)))
        .build();
  }

  private void serve(byte[] request, PidReader reader, ServerCallStreamObserver<byte[]> stream) {
    stream.setOnCancelHandler(cancelled::countDown);
    try {
      pids.add(reader.pid(request));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    behaviour.answer(stream);
  }

  private static int pidOfDelegated(byte[] request) throws IOException {
    return number(CodedInputStream.newInstance(request), 2);
  }

  private static int pidOfBroker(byte[] request) throws IOException {
    var reference = field(field(request, 1), 1); // google.protobuf.Any
    var type = new String(field(reference, 1), java.nio.charset.StandardCharsets.UTF_8);
    if (!type.equals("type.googleapis.com/spiffe.broker.WorkloadPIDReference")) {
      throw new IOException("reference of type " + type);
    }
    return number(CodedInputStream.newInstance(field(reference, 2)), 1);
  }

  private static int number(CodedInputStream in, int field) throws IOException {
    for (var tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (tag >>> 3 == field) {
        return in.readInt32();
      }
      in.skipField(tag);
    }
    throw new IOException("no field " + field);
  }

  private static byte[] field(byte[] message, int field) throws IOException {
    var in = CodedInputStream.newInstance(message);
    for (var tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (tag >>> 3 == field) {
        return in.readByteArray();
      }
      in.skipField(tag);
    }
    throw new IOException("no field " + field);
  }

  /** A message of the Delegated Identity API with SVIDs, each with this private key. */
  static byte[] delegated(byte[] key, String... ids) {
    var message = new Message();
    for (var id : ids) {
      var path = id.indexOf('/', "spiffe://".length());
      var spiffeId =
          new Message()
              .text(1, id.substring("spiffe://".length(), path))
              .text(2, id.substring(path));
      var svid =
          new Message()
              .bytes(1, new byte[] {1, 2, 3})
              .bytes(2, spiffeId.bytes())
              .number(3, 1_800_000_000L)
              .text(4, "internal");
      message.bytes(1, new Message().bytes(1, svid.bytes()).bytes(2, key).bytes());
    }
    return message.text(2, "spiffe://other.test").bytes();
  }

  /** The same of the Broker API. */
  static byte[] broker(byte[] key, String... ids) {
    var message = new Message();
    for (var id : ids) {
      message.bytes(
          1,
          new Message()
              .text(1, id)
              .bytes(2, new byte[] {1, 2, 3})
              .bytes(3, key)
              .bytes(4, new byte[] {4})
              .text(5, "internal")
              .bytes());
    }
    return message.bytes();
  }

  private static final class Message {
    private final ByteArrayOutputStream content = new ByteArrayOutputStream();

    @FunctionalInterface
    private interface Field {
      void write(CodedOutputStream out) throws IOException;
    }

    private Message with(Field field) {
      try {
        var out = CodedOutputStream.newInstance(content);
        field.write(out);
        out.flush();
        return this;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    Message text(int number, String text) {
      return with(out -> out.writeString(number, text));
    }

    Message bytes(int number, byte[] bytes) {
      return with(out -> out.writeByteArray(number, bytes));
    }

    Message number(int number, long value) {
      return with(out -> out.writeInt64(number, value));
    }

    byte[] bytes() {
      return content.toByteArray();
    }
  }

  private static final Marshaller<byte[]> BYTES =
      new Marshaller<>() {
        @Override
        public InputStream stream(byte[] message) {
          return new ByteArrayInputStream(message);
        }

        @Override
        public byte[] parse(InputStream stream) {
          try {
            return stream.readAllBytes();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      };

  @Override
  public void close() {
    server.shutdownNow();
    var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
  }
}
