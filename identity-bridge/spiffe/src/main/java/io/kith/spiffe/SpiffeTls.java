package io.kith.spiffe;

import io.grpc.Attributes;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.ServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettySslContextChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettySslContextServerCredentials;
import io.grpc.netty.shaded.io.netty.handler.ssl.ApplicationProtocolConfig;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.OpenSslSessionContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.kith.baselines.identity.SpiffeId;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.Supplier;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;

/**
 * Mutual TLS 1.3 between SPIFFE identities, for gRPC.
 *
 * <p>Own SVID and trust bundles are read from the source at every handshake, so a rotation needs no
 * restart. A connection outlives the certificates that it was made with: servers set a maximum
 * connection age of at most half the shortest life of an SVID, and ask {@link #peerOf} at every
 * call. The authority of a channel may be anything; it is not compared with the certificate.
 *
 * <p>Envoy's clients offer at most TLS 1.2 unless told otherwise: a cluster that dials such a
 * server sets {@code tls_params.tls_maximum_protocol_version: TLSv1_3}.
 */
public final class SpiffeTls {
  private static final String TLS_1_3 = "TLSv1.3";

  /** The application protocol of {@link io.kith.spiffe.frames.FrameStream}. */
  public static final String FRAMES = "kith-frames/1";

  private static final String NO_SERVER = "TLS 1.3 cannot be set up for the server";
  private static final String NO_CLIENT = "TLS 1.3 cannot be set up for the client";

  private SpiffeTls() {}

  /** Whether a client has to show a certificate. One that it shows has to be good in any case. */
  public enum ClientCertificate {
    REQUIRED(ClientAuth.REQUIRE),
    OPTIONAL(ClientAuth.OPTIONAL);

    private final ClientAuth auth;

    ClientCertificate(ClientAuth auth) {
      this.auth = auth;
    }
  }

  /**
   * For a server.
   *
   * @param peers which clients may connect
   */
  public static ServerCredentials serverCredentials(X509Source source, Predicate<SpiffeId> peers) {
    return NettySslContextServerCredentials.create(grpcServerContext(source, peers));
  }

  /**
   * For a server that speaks gRPC in a way of its own.
   *
   * @param peers which clients may connect
   */
  public static SslContext grpcServerContext(X509Source source, Predicate<SpiffeId> peers) {
    return grpcServerContext(source, peers, ClientCertificate.REQUIRED);
  }

  /**
   * The same, for a server whose clients may prove who they are in another way.
   *
   * @param peers which clients with a certificate may connect
   */
  public static SslContext grpcServerContext(
      X509Source source, Predicate<SpiffeId> peers, ClientCertificate clients) {
    try {
      return finished(GrpcSslContexts.configure(server(source, peers, clients)));
    } catch (SSLException e) {
      throw new IllegalStateException(NO_SERVER, e);
    }
  }

  /**
   * For a server that speaks {@link #FRAMES}.
   *
   * @param peers which clients may connect
   */
  public static SslContext framesServerContext(X509Source source, Predicate<SpiffeId> peers) {
    try {
      return finished(
          server(source, peers, ClientCertificate.REQUIRED).applicationProtocolConfig(frames()));
    } catch (SSLException e) {
      throw new IllegalStateException(NO_SERVER, e);
    }
  }

  /** Where the other end speaks none of these there is no protocol: whoever speaks it asks. */
  private static ApplicationProtocolConfig frames() {
    return new ApplicationProtocolConfig(
        ApplicationProtocolConfig.Protocol.ALPN,
        ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
        ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
        FRAMES);
  }

  /**
   * For a server that speaks HTTP/1.1.
   *
   * @param peers which clients with a certificate may connect
   */
  public static SslContext httpServerContext(
      X509Source source, Predicate<SpiffeId> peers, ClientCertificate clients) {
    try {
      return finished(server(source, peers, clients));
    } catch (SSLException e) {
      throw new IllegalStateException(NO_SERVER, e);
    }
  }

  private static SslContextBuilder server(
      X509Source source, Predicate<SpiffeId> peers, ClientCertificate clients) {
    return SslContextBuilder.forServer(new SvidKeyManager(source))
        .trustManager(trustManager(source::bundles, peers))
        .clientAuth(clients.auth);
  }

  private static SslContext finished(SslContextBuilder builder) throws SSLException {
    var context = builder.protocols(TLS_1_3).build();
    forbidResumption(context);
    return context;
  }

  /**
   * For a client.
   *
   * @param expectedServer which servers are the right one; usually {@code id::equals}
   */
  public static ChannelCredentials channelCredentials(
      X509Source source, Predicate<SpiffeId> expectedServer) {
    return NettySslContextChannelCredentials.create(grpcClientContext(source, expectedServer));
  }

  /**
   * For a client without a certificate.
   *
   * @param bundles CA certificates by trust domain
   */
  public static ChannelCredentials channelCredentials(
      Map<String, List<X509Certificate>> bundles, Predicate<SpiffeId> expectedServer) {
    return NettySslContextChannelCredentials.create(
        client(SslContextBuilder.forClient(), () -> bundles, expectedServer));
  }

  /**
   * For a client that speaks gRPC in a way of its own.
   *
   * @param expectedServer which servers are the right one; usually {@code id::equals}
   */
  public static SslContext grpcClientContext(
      X509Source source, Predicate<SpiffeId> expectedServer) {
    return client(
        SslContextBuilder.forClient().keyManager(new SvidKeyManager(source)),
        source::bundles,
        expectedServer);
  }

  /**
   * For a client that speaks {@link #FRAMES}.
   *
   * @param expectedServer which servers are the right one; usually {@code id::equals}
   */
  public static SslContext framesClientContext(
      X509Source source, Predicate<SpiffeId> expectedServer) {
    try {
      return finished(
          SslContextBuilder.forClient()
              .keyManager(new SvidKeyManager(source))
              .trustManager(trustManager(source::bundles, expectedServer))
              .applicationProtocolConfig(frames()));
    } catch (SSLException e) {
      throw new IllegalStateException(NO_CLIENT, e);
    }
  }

  private static SslContext client(
      SslContextBuilder builder,
      Supplier<Map<String, List<X509Certificate>>> bundles,
      Predicate<SpiffeId> expectedServer) {
    try {
      return finished(
          GrpcSslContexts.configure(builder.trustManager(trustManager(bundles, expectedServer))));
    } catch (SSLException e) {
      throw new IllegalStateException(NO_CLIENT, e);
    }
  }

  /**
   * The peer of a call, from {@code ServerCall.getAttributes()}.
   *
   * @throws CertificateException when the call has no TLS peer, or its SVID is not valid any more
   */
  public static SpiffeId peerOf(Attributes attributes, Clock clock) throws CertificateException {
    var session = attributes.get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
    if (session == null) {
      throw new CertificateException("the connection is without TLS (expected: mutual TLS)");
    }
    return peerOf(session, clock);
  }

  /**
   * The peer of a connection. Its chain was checked at the handshake; its validity is checked here,
   * because a connection may be older than that.
   *
   * @throws CertificateException when there is no peer, or its SVID is not valid any more
   */
  public static SpiffeId peerOf(SSLSession session, Clock clock) throws CertificateException {
    try {
      if (session.getPeerCertificates()[0] instanceof X509Certificate leaf) {
        var id = SvidTrust.idOf(leaf);
        SvidTrust.requireValid(leaf, id, clock.instant());
        return id;
      }
      throw new CertificateException("the peer has no X.509 certificate (expected: an X509-SVID)");
    } catch (SSLPeerUnverifiedException e) {
      throw new CertificateException("the peer has no certificate (expected: mutual TLS)", e);
    }
  }

  private static SpiffeTrustManager trustManager(
      Supplier<Map<String, List<X509Certificate>>> bundles, Predicate<SpiffeId> peers) {
    return new SpiffeTrustManager(new SvidTrust(bundles, Clock.systemUTC()), peers);
  }

  /**
   * A resumed session would skip the check of the peer, and show the certificate of the first
   * connection: a renewed one would never be seen.
   */
  private static void forbidResumption(SslContext context) {
    if (context.sessionContext() instanceof OpenSslSessionContext sessions) {
      sessions.setSessionCacheEnabled(false);
    } else {
      context.sessionContext().setSessionTimeout(1);
    }
  }
}
