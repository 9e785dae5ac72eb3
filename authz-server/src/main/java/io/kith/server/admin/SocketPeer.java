package io.kith.server.admin;

import io.grpc.Attributes;
import io.grpc.ChannelLogger;
import io.grpc.netty.shaded.io.grpc.netty.GrpcHttp2ConnectionHandler;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiationEvent;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiator;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandler;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.util.AsciiString;
import java.io.IOException;
import java.lang.System.Logger.Level;
import org.jspecify.annotations.Nullable;

/**
 * Puts the user id of who is at the other end of a Unix socket, as the kernel says ({@code
 * SO_PEERCRED}, see unix(7)), where a call finds it.
 *
 * <p>gRPC has no public way to it: these are its classes for protocol negotiators.
 */
final class SocketPeer implements InternalProtocolNegotiator.ProtocolNegotiator {
  private static final System.Logger LOG = System.getLogger(SocketPeer.class.getName());
  private static final String NOT_KNOWN =
      "who is at the other end of the admin socket is not known";
  private static final Attributes.Key<Integer> UID = Attributes.Key.create("kith-peer-uid");

  private final InternalProtocolNegotiator.ProtocolNegotiator plain =
      InternalProtocolNegotiators.serverPlaintext();

  /** The user id, or null when the kernel did not tell. */
  static @Nullable Integer uidOf(Attributes connection) {
    return connection.get(UID);
  }

  /** As if the kernel had told. */
  static Attributes attributes(int uid) {
    return Attributes.newBuilder().set(UID, uid).build();
  }

  /** Asks the kernel, for a connection that gRPC does not serve. */
  static Attributes of(Channel connection) {
    if (connection instanceof EpollDomainSocketChannel socket) {
      try {
        return attributes(socket.peerCredentials().uid());
      } catch (IOException e) {
        LOG.log(Level.WARNING, NOT_KNOWN, e);
      }
    }
    return Attributes.EMPTY;
  }

  @Override
  public AsciiString scheme() {
    return plain.scheme();
  }

  @Override
  public ChannelHandler newHandler(GrpcHttp2ConnectionHandler next) {
    return new Asking(plain.newHandler(next), next.getNegotiationLogger());
  }

  @Override
  public void close() {
    plain.close();
  }

  /** Asks the kernel before anything is read. */
  private static final class Asking extends InternalProtocolNegotiators.ProtocolNegotiationHandler {
    Asking(ChannelHandler next, ChannelLogger logger) {
      super(next, logger);
    }

    @Override
    protected void protocolNegotiationEventTriggered(ChannelHandlerContext context) {
      if (context.channel() instanceof EpollDomainSocketChannel socket) {
        try {
          var uid = socket.peerCredentials().uid();
          var event = getProtocolNegotiationEvent();
          replaceProtocolNegotiationEvent(
              InternalProtocolNegotiationEvent.withAttributes(
                  event,
                  InternalProtocolNegotiationEvent.getAttributes(event).toBuilder()
                      .set(UID, uid)
                      .build()));
        } catch (IOException e) {
          LOG.log(Level.WARNING, NOT_KNOWN, e);
        }
      }
      fireProtocolNegotiationEvent(context);
    }
  }
}
