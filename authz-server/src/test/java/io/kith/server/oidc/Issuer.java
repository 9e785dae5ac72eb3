package io.kith.server.oidc;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** An OpenID Connect issuer on loopback: discovery and keys over HTTP or TLS, tokens on request. */
public final class Issuer implements AutoCloseable {
  private final HttpServer server;
  private final String scheme;
  private final List<JWK> keys = new CopyOnWriteArrayList<>();
  private final AtomicInteger questions = new AtomicInteger();
  private volatile String announced;
  private volatile Duration betweenBytes = Duration.ZERO;
  private volatile int padding;

  public Issuer(JWK... keys) throws IOException {
    this(null, keys);
  }

  /**
   * @param tls with its certificate, or null for plain HTTP
   */
  Issuer(@Nullable SSLContext tls, JWK... keys) throws IOException {
    this.keys.addAll(List.of(keys));
    var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    if (tls == null) {
      scheme = "http";
      server = HttpServer.create(address, 0);
    } else {
      scheme = "https";
      var secure = HttpsServer.create(address, 0);
      secure.setHttpsConfigurator(new HttpsConfigurator(tls));
      server = secure;
    }
    announced = uri().toString();
    server.createContext(
        "/.well-known/openid-configuration",
        exchange ->
            answer(
                exchange,
                "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}".formatted(announced, uri())));
    server.createContext(
        "/keys",
        exchange -> {
          questions.incrementAndGet();
          answer(exchange, new JWKSet(List.copyOf(this.keys)).toString(true));
        });
    server.start();
  }

  private void answer(HttpExchange exchange, String json) throws IOException {
    try (exchange) {
      var bytes = (json + " ".repeat(padding)).getBytes(UTF_8);
      exchange.sendResponseHeaders(200, bytes.length);
      var body = exchange.getResponseBody();
      if (betweenBytes.isZero()) {
        body.write(bytes);
        return;
      }
      for (var one : bytes) {
        body.write(one);
        body.flush();
        LockSupport.parkNanos(betweenBytes.toNanos());
      }
    }
  }

  /** Answers at once from now on, and sends the answer a byte at a time. */
  void trickle(Duration between) {
    betweenBytes = between;
  }

  /** Sends so many blanks after each answer from now on. */
  void pad(int bytes) {
    padding = bytes;
  }

  public URI uri() {
    return URI.create(scheme + "://127.0.0.1:" + server.getAddress().getPort());
  }

  /** How often it was asked for its keys. */
  int questions() {
    return questions.get();
  }

  /** Says in its discovery document that it is another. */
  void announce(String other) {
    announced = other;
  }

  /** Signs with other keys from now on. */
  void rotateTo(JWK... others) {
    keys.clear();
    keys.addAll(List.of(others));
  }

  /** Claims that are good: for {@code kith}, for an hour. */
  public JWTClaimsSet.Builder claims() {
    return new JWTClaimsSet.Builder()
        .issuer(uri().toString())
        .audience("kith")
        .subject("4711")
        .issueTime(Date.from(Instant.now()))
        .expirationTime(Date.from(Instant.now().plus(Duration.ofHours(1))));
  }

  /** A token, signed. */
  public static String sign(JWTClaimsSet.Builder claims, JWSAlgorithm algorithm, JWK key)
      throws JOSEException {
    var token =
        new SignedJWT(
            new JWSHeader.Builder(algorithm).keyID(key.getKeyID()).build(), claims.build());
    token.sign(
        switch (key) {
          case RSAKey rsa -> new RSASSASigner(rsa);
          case ECKey ec -> new ECDSASigner(ec);
          default -> throw new IllegalArgumentException(key.getKeyType() + " signs elsewhere");
        });
    return token.serialize();
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
