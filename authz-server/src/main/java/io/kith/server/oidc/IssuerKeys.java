package io.kith.server.oidc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.JWKSetCacheRefreshEvaluator;
import com.nimbusds.jose.jwk.source.JWKSetSource;
import com.nimbusds.jose.jwk.source.JWKSetUnavailableException;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import io.kith.baselines.config.OidcSettings;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.text.ParseException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * The keys that an issuer signs with now, by its discovery document (OpenID Connect Discovery 1.0
 * §4). Asks at every call: who uses it remembers, and limits how often.
 */
final class IssuerKeys implements JWKSetSource<SecurityContext> {
  private static final System.Logger LOG = System.getLogger(IssuerKeys.class.getName());

  /** For each of two answers: less than others wait for who asks, which is 15 s. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private static final int MAX_BYTES = 512 << 10;

  private final String issuer;
  private final HttpClient client;
  private volatile boolean failed;

  /**
   * @param trust of the issuer's certificate, or null for what Java trusts
   */
  IssuerKeys(URI issuer, @Nullable SSLContext trust) {
    this.issuer = issuer.toString();
    var builder =
        HttpClient.newBuilder().connectTimeout(PATIENCE).followRedirects(HttpClient.Redirect.NEVER);
    this.client = (trust == null ? builder : builder.sslContext(trust)).build();
  }

  /** Whether the last question was in vain. */
  boolean hasFailed() {
    return failed;
  }

  @Override
  public JWKSet getJWKSet(
      JWKSetCacheRefreshEvaluator refresh, long now, @Nullable SecurityContext context)
      throws JWKSetUnavailableException {
    try {
      var keys = ask();
      failed = false;
      return keys;
    } catch (IOException | ParseException | IllegalArgumentException e) {
      failed = true;
      LOG.log(
          Level.WARNING, "the keys of the issuer cannot be had: issuer={0} reason={1}", issuer, e);
      throw new JWKSetUnavailableException("no keys of " + issuer, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new JWKSetUnavailableException("interrupted", e);
    }
  }

  private JWKSet ask() throws IOException, ParseException, InterruptedException {
    var base = issuer.endsWith("/") ? issuer.substring(0, issuer.length() - 1) : issuer;
    var discovery =
        JSONObjectUtils.parse(get(URI.create(base + "/.well-known/openid-configuration")));
    if (!issuer.equals(JSONObjectUtils.getString(discovery, "issuer"))) {
      throw new IOException("the discovery document is of another issuer");
    }
    var keys = JSONObjectUtils.getURI(discovery, "jwks_uri");
    if (keys == null) {
      throw new IOException("the discovery document has no jwks_uri");
    }
    return JWKSet.parse(get(OidcSettings.requireTrustworthy(keys)));
  }

  /**
   * The whole answer, which is there in time or not used; the JDK's own limit ends with its head.
   */
  private String get(URI uri) throws IOException, InterruptedException {
    var request = HttpRequest.newBuilder(uri).header("accept", "application/json").build();
    var asked =
        client.sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), MAX_BYTES));
    try {
      var answer = asked.get(PATIENCE.toMillis(), MILLISECONDS);
      if (answer.statusCode() != 200) {
        throw new IOException(uri + " answered " + answer.statusCode());
      }
      return new String(answer.body(), UTF_8);
    } catch (TimeoutException e) {
      throw new IOException(
          uri + " has not answered whole within " + PATIENCE.toSeconds() + " s", e);
    } catch (ExecutionException e) {
      throw new IOException(uri + ": " + e.getCause(), e);
    } finally {
      asked.cancel(true); // which ends the exchange, if it goes on
    }
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
