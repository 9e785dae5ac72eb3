package io.kith.server.cli;

import io.kith.baselines.identity.SpiffeId;
import io.kith.server.http.RawHttp;
import io.kith.spiffe.SpiffeTrustManager;
import io.kith.spiffe.SvidTrust;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;

/** The JDK's HTTP client with an identity of the development CA. */
final class SpiffeHttp implements AutoCloseable {
  private static final char[] NO_PASSWORD = new char[0];

  private final X509Source source;
  private final HttpClient client;
  private final SSLContext tls;

  /**
   * @param directory of the development identity
   */
  SpiffeHttp(Path directory, SpiffeId id) throws Exception {
    this(directory, id, true);
  }

  /**
   * @param shown whether the client shows its certificate; it trusts the same servers without
   */
  SpiffeHttp(Path directory, SpiffeId id, boolean shown) throws Exception {
    var clock = Clock.systemUTC();
    source = WorkloadApiSource.start(DevIdentity.socketOf(directory, id), id, clock);
    if (!source.awaitReady(Duration.ofMinutes(1))) {
      throw new IllegalStateException(source.state().words());
    }
    tls = SSLContext.getInstance("TLS");
    tls.init(
        shown ? keys(source) : new KeyManager[0],
        new TrustManager[] {
          new SpiffeTrustManager(new SvidTrust(source::bundles, clock), _ -> true)
        },
        null);
    client = HttpClient.newBuilder().sslContext(tls).build();
  }

  private static KeyManager[] keys(X509Source source) throws Exception {
    var svid = source.svid().orElseThrow();
    var store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setKeyEntry(
        "svid", svid.key(), NO_PASSWORD, svid.chain().toArray(X509Certificate[]::new));
    var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, NO_PASSWORD);
    return keys.getKeyManagers();
  }

  /** One connection. */
  RawHttp connect(URI uri) throws IOException {
    return RawHttp.over(tls.getSocketFactory().createSocket(uri.getHost(), uri.getPort()));
  }

  /** Headers are names and values in turn. */
  HttpResponse<String> get(URI uri, String... headers) throws Exception {
    var request = HttpRequest.newBuilder(uri);
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), BodyHandlers.ofString());
  }

  HttpResponse<String> post(URI uri, String json, String token) throws Exception {
    return client.send(
        HttpRequest.newBuilder(uri)
            .headers("content-type", "application/json", "authorization", "Bearer " + token)
            .POST(BodyPublishers.ofString(json))
            .build(),
        BodyHandlers.ofString());
  }

  /** The CA certificates of the trust domain, in PEM. */
  String authorities(String trustDomain) throws Exception {
    var pem = new StringBuilder();
    for (var certificate : source.bundles().getOrDefault(trustDomain, List.of())) {
      pem.append("-----BEGIN CERTIFICATE-----\n")
          .append(Base64.getMimeEncoder().encodeToString(certificate.getEncoded()))
          .append("\n-----END CERTIFICATE-----\n");
    }
    return pem.toString();
  }

  @Override
  public void close() {
    client.close();
    source.close();
  }
}
