package io.kith.server.oidc;

import static java.nio.charset.StandardCharsets.UTF_8;

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
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * The keys that an issuer signs with now, by its discovery document (OpenID Connect Discovery 1.0
 * §4). Asks at every call: who uses it remembers, and limits how often.
 */
final class IssuerKeys implements JWKSetSource<SecurityContext> {
  private static final System.Logger LOG = System.getLogger(IssuerKeys.class.getName());
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

  private String get(URI uri) throws IOException, InterruptedException {
    var request =
        HttpRequest.newBuilder(uri).timeout(PATIENCE).header("accept", "application/json").build();
    var answer = client.send(request, BodyHandlers.ofInputStream());
    try (var body = answer.body()) {
      if (answer.statusCode() != 200) {
        throw new IOException(uri + " answered " + answer.statusCode());
      }
      var bytes = body.readNBytes(MAX_BYTES + 1);
      if (bytes.length > MAX_BYTES) {
        throw new IOException(uri + " answered more than " + MAX_BYTES + " bytes");
      }
      return new String(bytes, UTF_8);
    }
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
