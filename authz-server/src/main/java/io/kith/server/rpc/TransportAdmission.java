package io.kith.server.rpc;

import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.grpc.ChannelLogger;
import io.grpc.ServerCredentials;
import io.grpc.ServerTransportFilter;
import io.grpc.netty.shaded.io.grpc.netty.GrpcHttp2ConnectionHandler;
import io.grpc.netty.shaded.io.grpc.netty.InternalNettyServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiationEvent;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiator;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandler;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.util.AsciiString;
import io.kith.server.check.Peer;
import java.util.function.ToIntFunction;

/**
 * Bounds the connections of a gRPC server with mutual TLS, as {@link CheckListener} does its own: a
 * filter for after the one that finds out who a peer is, and the credentials that count who has not
 * proved it yet.
 *
 * <p>gRPC has no public way to a connection: these are its classes for protocol negotiators.
 */
public final class TransportAdmission extends ServerTransportFilter {
  private static final Attributes.Key<Channel> CHANNEL = Attributes.Key.create("kith-channel");

  private final Admission admission;

  /**
   * @param mostOfId connections of a peer's SPIFFE ID; one more is refused
   * @param perIdHint for whoever reads of that in the log
   * @param handshakes connections that are none's yet; one more ends the oldest
   * @param handshakesHint the same for these
   */
  public TransportAdmission(
      ToIntFunction<Peer> mostOfId, String perIdHint, int handshakes, String handshakesHint) {
    this.admission = new Admission(mostOfId, perIdHint, handshakes, handshakesHint);
  }

  /** Of a server that has this filter. */
  public ServerCredentials credentials(SslContext tls) {
    return InternalNettyServerCredentials.create(
        new Counting(InternalProtocolNegotiators.serverTls(tls)));
  }

  /** How many connections there are, and how many were refused. */
  public CheckListener.Connections connections() {
    return admission.counts();
  }

  @Override
  public Attributes transportReady(Attributes attributes) {
    var channel = requireNonNull(attributes.get(CHANNEL), "channel");
    if (!admission.admits(channel, Peer.of(attributes))) {
      var _ = channel.close();
    }
    return attributes;
  }

  /** Counts a connection before its handshake, and leaves it where the filter finds it. */
  private final class Counting implements InternalProtocolNegotiator.ProtocolNegotiator {
    private final InternalProtocolNegotiator.ProtocolNegotiator tls;

    Counting(InternalProtocolNegotiator.ProtocolNegotiator tls) {
      this.tls = tls;
    }

    @Override
    public AsciiString scheme() {
      return tls.scheme();
    }

    @Override
    public ChannelHandler newHandler(GrpcHttp2ConnectionHandler next) {
      return new Begun(tls.newHandler(next), next.getNegotiationLogger());
    }

    @Override
    public void close() {
      tls.close();
    }
  }

  private final class Begun extends InternalProtocolNegotiators.ProtocolNegotiationHandler {
    Begun(ChannelHandler next, ChannelLogger logger) {
      super(next, logger);
    }

    @Override
    protected void protocolNegotiationEventTriggered(ChannelHandlerContext context) {
      admission.handshake(context.channel());
      var event = getProtocolNegotiationEvent();
      replaceProtocolNegotiationEvent(
          InternalProtocolNegotiationEvent.withAttributes(
              event,
              InternalProtocolNegotiationEvent.getAttributes(event).toBuilder()
                  .set(CHANNEL, context.channel())
                  .build()));
      fireProtocolNegotiationEvent(context);
    }
  }
}
