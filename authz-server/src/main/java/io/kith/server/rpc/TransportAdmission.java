package io.kith.server.rpc;

import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.grpc.ServerCredentials;
import io.grpc.ServerTransportFilter;
import io.grpc.netty.shaded.io.grpc.netty.InternalNettyServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.kith.server.check.Peer;
import java.util.function.ToIntFunction;

/**
 * Bounds the connections of a gRPC server with mutual TLS, as {@link CheckListener} does its own: a
 * filter for after the one that finds out who a peer is, and the credentials that count who has not
 * proved it yet.
 */
public final class TransportAdmission extends ServerTransportFilter {
  /** Connections of a SPIFFE ID that has nothing to do at a port, where nothing else is said. */
  public static final int OF_STRANGER = 100;

  /**
   * Connections that are none's yet: all of 10,000 nodes come at once when their server is gone.
   */
  public static final int HANDSHAKES = 10_000;

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
        new FirstLook(InternalProtocolNegotiators.serverTls(tls), this::begun));
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
  private Attributes begun(Channel connection) {
    admission.handshake(connection);
    return Attributes.newBuilder().set(CHANNEL, connection).build();
  }
}
