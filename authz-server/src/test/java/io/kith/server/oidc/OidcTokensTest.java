package io.kith.server.oidc;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.crypto.opts.AllowWeakRSAKey;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import io.kith.baselines.config.AdminRole;
import io.kith.baselines.config.OidcSettings;
import io.kith.server.check.Await;
import io.kith.server.oidc.OidcTokens.Patience;
import io.kith.server.oidc.TokenVerdict.Accepted;
import io.kith.server.oidc.TokenVerdict.Refused;
import io.kith.server.oidc.TokenVerdict.Unavailable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.Signature;
import java.security.interfaces.EdECPublicKey;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tokens of an issuer that is asked over HTTP, with real keys. */
@Timeout(600)
class OidcTokensTest {
  private static final RSAKey RSA = rsa("rsa-1", 2_048);
  private static final RSAKey OTHER = rsa("rsa-2", 2_048);
  private static final ECKey P256 = ec("p256", Curve.P_256);
  private static final ECKey P384 = ec("p384", Curve.P_384);
  private static final ECKey P521 = ec("p521", Curve.P_521);

  private Issuer issuer;
  private OidcTokens tokens;

  private static RSAKey rsa(String id, int bits) {
    try {
      return new RSAKeyGenerator(bits, true).keyID(id).generate();
    } catch (com.nimbusds.jose.JOSEException e) {
      throw new IllegalStateException(e);
    }
  }

  private static ECKey ec(String id, Curve curve) {
    try {
      return new ECKeyGenerator(curve).keyID(id).generate();
    } catch (com.nimbusds.jose.JOSEException e) {
      throw new IllegalStateException(e);
    }
  }

  @BeforeEach
  void start() throws Exception {
    issuer = new Issuer(RSA, P256, P384, P521);
    tokens = tokens(Patience.DEFAULT);
  }

  @AfterEach
  void stop() {
    tokens.close();
    issuer.close();
  }

  private OidcSettings settings(String claim) {
    return settings(issuer, claim, null);
  }

  private static OidcSettings settings(Issuer issuer, String claim, @Nullable Path authorities) {
    return new OidcSettings(
        issuer.uri(),
        "kith",
        claim,
        List.of("staff"),
        List.of("ops"),
        List.of("kith-admins"),
        authorities);
  }

  private OidcTokens tokens(Patience patience) {
    return new OidcTokens(settings("groups"), Clock.systemUTC(), patience);
  }

  private String token(JWTClaimsSet.Builder claims) throws Exception {
    return Issuer.sign(claims, JWSAlgorithm.RS256, RSA);
  }

  private void refused(String token, String why) {
    assertThat(tokens.verify(token)).isEqualTo(new Refused(why));
  }

  @Test
  void verify_goodToken_isItsSubjectWithTheHighestRole() throws Exception {
    assertThat(
            tokens.verify(
                token(
                    issuer
                        .claims()
                        .claim("groups", List.of("staff", "ops", "sales"))
                        .claim("preferred_username", "ada"))))
        .isEqualTo(new Accepted("4711", "ada", AdminRole.OPERATOR));
    assertThat(tokens.verify(token(issuer.claims().claim("groups", "kith-admins"))))
        .isEqualTo(new Accepted("4711", null, AdminRole.ADMIN));
    assertThat(tokens.verify(token(issuer.claims()))).isEqualTo(new Accepted("4711", null, null));
  }

  /** A key with a certificate of its own for loopback, and that certificate as a file. */
  private static SSLContext certified(Path folder, String name) throws Exception {
    var store = folder.resolve(name + ".p12");
    keytool(
        "-genkeypair -keyalg EC -alias own -dname CN=%s -ext san=ip:127.0.0.1 -keystore %s"
            .formatted(name, store));
    keytool(
        "-exportcert -rfc -alias own -keystore %s -file %s"
            .formatted(store, folder.resolve(name + ".pem")));
    var keys = KeyStore.getInstance(store.toFile(), "secret".toCharArray());
    var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, "secret".toCharArray());
    var context = SSLContext.getInstance("TLS");
    context.init(managers.getKeyManagers(), null, null);
    return context;
  }

  private static void keytool(String words) throws Exception {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of(words.split(" ", -1)));
    command.addAll(List.of("-storepass", "secret"));
    var process = new ProcessBuilder(command).redirectErrorStream(true).start();
    var said = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
  }

  @Test
  void verify_issuerOfAPrivateAuthority_isAskedWithItsFileOnly(@TempDir Path folder)
      throws Exception {
    var tls = certified(folder, "id");
    var _ = certified(folder, "other");
    try (var secure = new Issuer(tls, RSA);
        var trusting = OidcTokens.of(settings(secure, "groups", Path.of("id.pem")), folder);
        var other = OidcTokens.of(settings(secure, "groups", Path.of("other.pem")), folder);
        var without = OidcTokens.of(settings(secure, "groups", null), folder)) {
      var token = token(secure.claims());

      assertThat(trusting.verify(token)).isEqualTo(new Accepted("4711", null, null));
      assertThat(other.verify(token)).isInstanceOf(Unavailable.class);
      assertThat(without.verify(token)).isInstanceOf(Unavailable.class);
    }
  }

  @Test
  void of_fileThatHasNoAuthorities_saysSo(@TempDir Path folder) throws Exception {
    Files.writeString(folder.resolve("empty.pem"), "");
    Files.writeString(folder.resolve("text.pem"), "not a certificate");
    for (var name : List.of("empty.pem", "text.pem")) {
      assertThatThrownBy(() -> OidcTokens.of(settings(issuer, "groups", Path.of(name)), folder))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "server.admin.oidc.caFile: '%s' has no certificates (expected: one or more, PEM)"
                  .formatted(folder.resolve(name)));
    }
    assertThatThrownBy(() -> OidcTokens.of(settings(issuer, "groups", Path.of("none")), folder))
        .hasMessageStartingWith("server.admin.oidc.caFile: '" + folder.resolve("none"))
        .hasMessageContaining("cannot be read");
  }

  @ParameterizedTest
  @CsvSource({
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
  })
  void verify_everyListedAlgorithm_isTaken(String name) throws Exception {
    var key =
        switch (name) {
          case "ES256" -> P256;
          case "ES384" -> P384;
          case "ES512" -> P521;
          default -> RSA;
        };

    var signed = Issuer.sign(issuer.claims(), JWSAlgorithm.parse(name), key);

    assertThat(tokens.verify(signed)).isInstanceOf(Accepted.class);
    var parts = signed.split("\\.", -1);
    var forged = Base64URL.from(parts[1]).decodeToString().replace("4711", "4712");
    refused(
        parts[0] + "." + Base64URL.encode(forged) + "." + parts[2],
        "it is not signed with a key of the issuer");
  }

  /** Signed by the JDK, so that our own verifier is not its own oracle. */
  @ParameterizedTest
  @CsvSource({"EdDSA", "Ed25519"})
  void verify_edwardsCurve_isTaken(String name) throws Exception {
    var pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    var encoded = ((EdECPublicKey) pair.getPublic()).getEncoded();
    var key =
        new OctetKeyPair.Builder(
                Curve.Ed25519,
                Base64URL.encode(Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length)))
            .keyID("ed-1")
            .build();
    issuer.rotateTo(key);
    var unsigned =
        new SignedJWT(
            new JWSHeader.Builder(JWSAlgorithm.parse(name)).keyID("ed-1").build(),
            issuer.claims().build());
    var signer = Signature.getInstance("Ed25519");
    signer.initSign(pair.getPrivate());
    signer.update(unsigned.getSigningInput());
    var signature = signer.sign();
    var input = new String(unsigned.getSigningInput(), US_ASCII);

    assertThat(tokens.verify(input + "." + Base64URL.encode(signature)))
        .isInstanceOf(Accepted.class);
    signature[0] ^= 1;
    refused(input + "." + Base64URL.encode(signature), "it is not signed with a key of the issuer");
  }

  @Test
  void verify_unsignedOrSignedWithAPublicKey_isRefused() throws Exception {
    refused(new PlainJWT(issuer.claims().build()).serialize(), "it is not a signed JWT");

    var hmac =
        new SignedJWT(
            new JWSHeader.Builder(JWSAlgorithm.HS256).keyID(RSA.getKeyID()).build(),
            issuer.claims().build());
    hmac.sign(new MACSigner(RSA.toRSAPublicKey().getEncoded()));
    refused(hmac.serialize(), "its algorithm is not one of RS, PS, ES and EdDSA");
  }

  @Test
  void verify_signedBySomebodyElse_isRefused() throws Exception {
    var posing = new RSAKey.Builder(OTHER).keyID(RSA.getKeyID()).build();

    refused(
        Issuer.sign(issuer.claims(), JWSAlgorithm.RS256, posing),
        "it is not signed with a key of the issuer");
  }

  @Test
  void verify_shortRsaKeyOrKeyForEncryption_doesNotCount() throws Exception {
    var weak = rsa("weak", 1_024);
    var forSecrets =
        new RSAKey.Builder(OTHER)
            .keyUse(com.nimbusds.jose.jwk.KeyUse.ENCRYPTION)
            .keyID("enc")
            .build();
    issuer.rotateTo(weak, forSecrets);

    var signer = new RSASSASigner(weak.toPrivateKey(), Set.of(AllowWeakRSAKey.getInstance()));
    var signed =
        new SignedJWT(
            new JWSHeader.Builder(JWSAlgorithm.RS256).keyID("weak").build(),
            issuer.claims().build());
    signed.sign(signer);
    refused(signed.serialize(), "it is not signed with a key of the issuer");
    assertThat(
            tokens.verify(
                Issuer.sign(
                    issuer.claims(),
                    JWSAlgorithm.RS256,
                    new RSAKey.Builder(OTHER).keyID("enc").build())))
        .isInstanceOf(Refused.class);
  }

  @Test
  void verify_claimsThatDoNotFit_areRefusedInWords() throws Exception {
    var now = Instant.now();
    refused(token(issuer.claims().issuer("https://evil.example")), "it is of another issuer");
    refused(token(issuer.claims().issuer(null)), "it is of another issuer");
    refused(token(issuer.claims().audience("grafana")), "it is for another audience");
    refused(token(issuer.claims().audience((String) null)), "it is for another audience");
    refused(token(issuer.claims().expirationTime(null)), "it never expires");
    refused(
        token(issuer.claims().expirationTime(Date.from(now.minusSeconds(31)))), "it has expired");
    refused(
        token(issuer.claims().notBeforeTime(Date.from(now.plusSeconds(3_600)))),
        "it does not count yet");
    refused(
        token(issuer.claims().issueTime(Date.from(now.plusSeconds(3_600)))),
        "it does not count yet");
    for (var subject : Arrays.asList(null, "", "ada\" by=\"root", "a b", "x".repeat(256))) {
      refused(
          token(issuer.claims().subject(subject)),
          "its subject is missing, or no record could hold it");
    }
  }

  /** It is over whether or not the issuer can be asked; it was taken for one that may count. */
  @Test
  void verify_expiredToken_whileNoKeysCanBeHad_isRefused() throws Exception {
    var claims = issuer.claims();
    issuer.close();

    refused(
        token(claims.expirationTime(Date.from(Instant.now().minusSeconds(31)))), "it has expired");
    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Unavailable.class);
  }

  @Test
  void verify_timesThatAreOffByLittle_areTaken() throws Exception {
    var noon = Instant.parse("2026-11-26T12:00:00Z");
    try (var atNoon =
        new OidcTokens(
            settings("groups"), Clock.fixed(noon, java.time.ZoneOffset.UTC), Patience.DEFAULT)) {
      var claims = issuer.claims().issueTime(Date.from(noon.plusSeconds(29)));
      assertThat(atNoon.verify(token(claims.expirationTime(Date.from(noon.minusSeconds(29))))))
          .isInstanceOf(Accepted.class);
      assertThat(atNoon.verify(token(claims.expirationTime(Date.from(noon.minusSeconds(30))))))
          .isEqualTo(new Refused("it has expired"));
    }
  }

  @Test
  void verify_whatIsNoToken_isRefused() {
    for (var text : List.of("", "x", "a.b.c", "e30.e30.e30", "....", "ü.ü.ü")) {
      assertThat(tokens.verify(text)).as(text).isInstanceOf(Refused.class);
    }
    refused("a".repeat(20_000), "it is longer than 16384 characters");
    assertThat(issuer.questions()).isZero();
  }

  @Test
  void verify_typeOrCriticalHeader_thatIsNotKnown_isRefused() throws Exception {
    for (var header :
        Map.of(
                new JWSHeader.Builder(JWSAlgorithm.RS256)
                    .type(new com.nimbusds.jose.JOSEObjectType("logout+jwt"))
                    .build(),
                "its type is not JWT or at+jwt",
                new JWSHeader.Builder(JWSAlgorithm.RS256).criticalParams(Set.of("b64")).build(),
                "it has critical headers, which are not known here")
            .entrySet()) {
      refused(
          header.getKey().toBase64URL() + "." + Base64URL.encode("{}") + "." + "AAAA",
          header.getValue());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "realm_access.roles|{\"realm_access\": {\"roles\": [\"ops\"]}}|OPERATOR",
        "https://kith.example/roles|{\"https://kith.example/roles\": [\"ops\"]}|OPERATOR",
        "scope|{\"scope\": \"openid ops\"}|OPERATOR",
        "roles|{\"roles\": \"openid ops\"}|",
        "roles|{\"roles\": {\"ops\": true}}|",
        "roles|{\"roles\": [1, null, [\"ops\"]]}|",
        "roles.ops|{\"roles\": [\"ops\"]}|",
      })
  void verify_role_isThatOfTheClaim(String claim, String json, AdminRole role) throws Exception {
    try (var others = new OidcTokens(settings(claim), Clock.systemUTC(), Patience.DEFAULT)) {
      var claims = issuer.claims();
      JWTClaimsSet.parse(json).getClaims().forEach(claims::claim);

      assertThat(others.verify(token(claims))).isEqualTo(new Accepted("4711", null, role));
    }
  }

  // the issuer's keys

  @Test
  void keys_areAskedForOnce() throws Exception {
    for (var i = 0; i < 5; i++) {
      assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Accepted.class);
    }
    assertThat(issuer.questions()).isEqualTo(1);
  }

  @Test
  void keys_rotated_areKnownAtTheFirstTokenOfTheNewOne() throws Exception {
    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Accepted.class);

    issuer.rotateTo(OTHER);

    assertThat(tokens.verify(Issuer.sign(issuer.claims(), JWSAlgorithm.RS256, OTHER)))
        .isInstanceOf(Accepted.class);
    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Refused.class);
  }

  /** Whoever makes up key ids must not make us ask the issuer for each. */
  @Test
  void keys_floodOfUnknownIds_asksTheIssuerSeldom_andHarmsNobody() throws Exception {
    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Accepted.class);

    for (var i = 0; i < 200; i++) {
      var madeUp = new RSAKey.Builder(OTHER).keyID("made-up-" + i).build();
      assertThat(tokens.verify(Issuer.sign(issuer.claims(), JWSAlgorithm.RS256, madeUp)))
          .isInstanceOf(Refused.class);
    }

    assertThat(issuer.questions()).isLessThan(20);
    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Accepted.class);
  }

  @Test
  void issuer_gone_knownKeysGoOn_andUnknownOnesAreNotRefusedButUnavailable() throws Exception {
    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Accepted.class);

    issuer.close();

    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Accepted.class);
    for (var i = 0; i < 3; i++) { // the second is not even asked for
      assertThat(tokens.verify(Issuer.sign(issuer.claims(), JWSAlgorithm.RS256, OTHER)))
          .isInstanceOf(Unavailable.class);
    }
    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Accepted.class);
  }

  @Test
  void issuer_gone_longerThanKeysAreKept_isUnavailable_andNeverAllowed() throws Exception {
    try (var forgetful = tokens(new Patience(Duration.ofMillis(500), Duration.ofMillis(50)))) {
      var good = token(issuer.claims());
      assertThat(forgetful.verify(good)).isInstanceOf(Accepted.class);

      issuer.close();

      Await.until("the keys are forgotten", () -> forgetful.verify(good) instanceof Unavailable);
      for (var i = 0; i < 20; i++) {
        assertThat(forgetful.verify(good)).isInstanceOf(Unavailable.class);
      }
    }
  }

  /** Who waits for the keys of such an issuer holds the lock that all others wait for. */
  @Test
  @Timeout(60)
  void issuer_thatTrickles_isUnavailable_andHoldsNobody() throws Exception {
    var good = token(issuer.claims());
    issuer.trickle(Duration.ofSeconds(1));

    try (var callers = Executors.newVirtualThreadPerTaskExecutor()) {
      var verdicts = callers.invokeAll(Collections.nCopies(3, () -> tokens.verify(good)));
      for (var verdict : verdicts) {
        assertThat(verdict.get()).isInstanceOf(Unavailable.class);
      }
    }
  }

  @Test
  void issuer_thatSendsMoreThanKeysNeed_isUnavailable() throws Exception {
    issuer.pad(512 << 10);

    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Unavailable.class);
  }

  @Test
  void issuer_neverThere_orOfAnotherName_isUnavailable() throws Exception {
    issuer.announce("https://evil.example");
    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Unavailable.class);

    issuer.close();
    try (var late = tokens(Patience.DEFAULT)) {
      assertThat(late.verify(token(issuer.claims()))).isInstanceOf(Unavailable.class);
    }
  }

  private static JWK[] none() {
    return new JWK[0];
  }

  @Test
  void issuer_withoutKeys_acceptsNobody() throws Exception {
    issuer.rotateTo(none());

    assertThat(tokens.verify(token(issuer.claims()))).isInstanceOf(Refused.class);
  }
}
