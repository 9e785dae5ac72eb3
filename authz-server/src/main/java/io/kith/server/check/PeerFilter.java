package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.grpc.Attributes;
import io.grpc.Grpc;
import io.grpc.ServerTransportFilter;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/** Finds out who is at the other end, once per connection, and leaves it at {@link Peer#KEY}. */
public final class PeerFilter extends ServerTransportFilter {
  /** Reads the SPIFFE ID of a TLS peer strictly. */
  @FunctionalInterface
  public interface IdReader {
    /**
     * The ID.
     *
     * @throws CertificateException when there is no peer or its certificate is no valid SVID
     */
    SpiffeId idOf(SSLSession session) throws CertificateException;
  }

  private final IdReader ids;

  public PeerFilter(IdReader ids) {
    this.ids = requireNonNull(ids, "ids");
  }

  @Override
  public Attributes transportReady(Attributes attributes) {
    return attributes.toBuilder()
        .set(
            Peer.KEY,
            peer(
                attributes.get(Grpc.TRANSPORT_ATTR_SSL_SESSION),
                attributes.get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR)))
        .build();
  }

  /**
   * Who is at the other end.
   *
   * @param session of TLS, or null when the connection has none
   */
  public Peer peer(@Nullable SSLSession session, @Nullable SocketAddress remote) {
    var address =
        remote instanceof InetSocketAddress socket && socket.getAddress() != null
            ? IpAddress.of(socket.getAddress())
            : null;
    if (session == null) {
      return Peer.unknown("the connection is without TLS (expected: mutual TLS)", address);
    }
    try {
      var id = ids.idOf(session);
      return session.getPeerCertificates()[0] instanceof X509Certificate leaf
          ? Peer.proved(
              id, leaf.getNotBefore().toInstant(), leaf.getNotAfter().toInstant(), address)
          : Peer.unknown("the peer has no X.509 certificate", address);
    } catch (CertificateException | SSLPeerUnverifiedException e) {
      return Peer.unknown(
          "the peer proved no identity: " + Untrusted.plain(String.valueOf(e.getMessage()), 300),
          address);
    }
  }
}
