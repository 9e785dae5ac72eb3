package io.kith.server.rpc;

import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.grpc.ChannelLogger;
import io.grpc.netty.shaded.io.grpc.netty.GrpcHttp2ConnectionHandler;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiationEvent;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiator;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandler;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.util.AsciiString;
import java.util.function.Function;

/**
 * Looks at each connection of a gRPC server before anything is read of it, and leaves what it found
 * among the attributes of its calls.
 *
 * <p>gRPC has no public way to a connection: these are its classes for protocol negotiators.
 */
public final class FirstLook implements InternalProtocolNegotiator.ProtocolNegotiator {
  private final InternalProtocolNegotiator.ProtocolNegotiator then;
  private final Function<Channel, Attributes> look;

  /**
   * @param then what goes on with a connection
   * @param look what it leaves
   */
  public FirstLook(
      InternalProtocolNegotiator.ProtocolNegotiator then, Function<Channel, Attributes> look) {
    this.then = requireNonNull(then, "then");
    this.look = requireNonNull(look, "look");
  }

  @Override
  public AsciiString scheme() {
    return then.scheme();
  }

  @Override
  public ChannelHandler newHandler(GrpcHttp2ConnectionHandler next) {
    return new Looking(then.newHandler(next), next.getNegotiationLogger());
  }

  @Override
  public void close() {
    then.close();
  }

  private final class Looking extends InternalProtocolNegotiators.ProtocolNegotiationHandler {
    Looking(ChannelHandler next, ChannelLogger logger) {
      super(next, logger);
    }

    @Override
    protected void protocolNegotiationEventTriggered(ChannelHandlerContext context) {
      var event = getProtocolNegotiationEvent();
      replaceProtocolNegotiationEvent(
          InternalProtocolNegotiationEvent.withAttributes(
              event,
              InternalProtocolNegotiationEvent.getAttributes(event).toBuilder()
                  .setAll(look.apply(context.channel()))
                  .build()));
      fireProtocolNegotiationEvent(context);
    }
  }
}
