package io.kith.server.cli;

import io.grpc.HandlerRegistry;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.kith.server.net.SocketFile;
import io.kith.server.net.UnixServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Says on the socket of the admin API that there is none, and who has one. */
final class RefusedAdmin {
  private RefusedAdmin() {}

  static UnixServer onUnixSocket(Path path, String words) throws IOException {
    return UnixServer.start(
        "server.admin.listen",
        path,
        SocketFile.Access.OWNER,
        (address, _) ->
            NettyServerBuilder.forAddress(address)
                .directExecutor()
                .fallbackHandlerRegistry(new Refusing(words)));
  }

  /** Every method, whose calls are all refused. */
  private static final class Refusing extends HandlerRegistry {
    private final String words;

    Refusing(String words) {
      this.words = words;
    }

    @Override
    public ServerMethodDefinition<?, ?> lookupMethod(String name, @Nullable String authority) {
      var method =
          MethodDescriptor.<InputStream, InputStream>newBuilder()
              .setType(MethodDescriptor.MethodType.UNKNOWN)
              .setFullMethodName(name)
              .setRequestMarshaller(new Unread())
              .setResponseMarshaller(new Unread())
              .build();
      return ServerMethodDefinition.create(
          method,
          (call, _) -> {
            call.close(Status.FAILED_PRECONDITION.withDescription(words), new Metadata());
            return new ServerCall.Listener<>() {};
          });
    }
  }

  private static final class Unread implements MethodDescriptor.Marshaller<InputStream> {
    @Override
    public InputStream stream(InputStream value) {
      return value;
    }

    @Override
    public InputStream parse(InputStream stream) {
      return stream;
    }
  }
}
