package io.kith.spiffe.dev;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.Svid;
import io.kith.spiffe.der.Der;
import java.io.ByteArrayInputStream;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;

/**
 * A certificate authority for one trust domain, EC P-256, whose key exists only in memory.
 *
 * <p>Source: RFC 5280; X509-SVID standard, sections 2 to 4.
 */
final class DevCertificateAuthority {
  private static final Duration CLOCK_SKEW = Duration.ofSeconds(10);
  private static final Duration LIFE = Duration.ofDays(3650);
  private static final SecureRandom RANDOM = new SecureRandom();

  private static final byte[] ECDSA_WITH_SHA256 = Der.sequence(Der.oid("1.2.840.10045.4.3.2"));
  private static final String COMMON_NAME = "2.5.4.3";
  private static final String SUBJECT_KEY_ID = "2.5.29.14";
  private static final String KEY_USAGE = "2.5.29.15";
  private static final String SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
  private static final String BASIC_CONSTRAINTS = "2.5.29.19";
  private static final String AUTHORITY_KEY_ID = "2.5.29.35";
  private static final String EXTENDED_KEY_USAGE = "2.5.29.37";
  private static final String SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
  private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
  private static final int DIGITAL_SIGNATURE = 0;
  private static final int KEY_CERT_SIGN = 5;
  private static final int CRL_SIGN = 6;
  private static final int KEY_ID_TAG = 0;
  private static final int URI_TAG = 6;
  private static final int KEY_ID_LENGTH = 20;

  private final byte[] name;
  private final PrivateKey key;
  private final byte[] keyId;
  private final X509Certificate certificate;

  DevCertificateAuthority(String trustDomain, Instant now) throws GeneralSecurityException {
    var pair = newKeyPair();
    this.name = commonName("Kith development identity");
    this.key = pair.getPrivate();
    this.keyId = keyId(pair);
    this.certificate =
        sign(
            name,
            pair,
            now.minus(CLOCK_SKEW),
            now.plus(LIFE),
            critical(BASIC_CONSTRAINTS, Der.sequence(Der.bool(true))),
            critical(KEY_USAGE, Der.namedBits(KEY_CERT_SIGN, CRL_SIGN)),
            extension(SUBJECT_KEY_ID, Der.octets(keyId)),
            uriName("spiffe://" + trustDomain));
  }

  X509Certificate certificate() {
    return certificate;
  }

  /** Issues an SVID with a new key, valid for at least that time. */
  Svid issue(SpiffeId id, Instant now, Duration ttl) throws GeneralSecurityException {
    var pair = newKeyPair();
    var leaf =
        sign(
            commonName("Kith development SVID"),
            pair,
            now.minus(CLOCK_SKEW),
            wholeSecondAfter(now.plus(ttl)),
            critical(BASIC_CONSTRAINTS, Der.sequence()),
            critical(KEY_USAGE, Der.namedBits(DIGITAL_SIGNATURE)),
            extension(EXTENDED_KEY_USAGE, Der.sequence(Der.oid(SERVER_AUTH), Der.oid(CLIENT_AUTH))),
            extension(SUBJECT_KEY_ID, Der.octets(keyId(pair))),
            extension(AUTHORITY_KEY_ID, Der.sequence(Der.implicit(KEY_ID_TAG, keyId))),
            uriName(id.toString()));
    return Svid.of(List.of(leaf), pair.getPrivate());
  }

  private X509Certificate sign(
      byte[] subject, KeyPair pair, Instant from, Instant until, byte[]... extensions)
      throws GeneralSecurityException {
    var body =
        Der.sequence(
            Der.explicit(0, Der.integer(2)), // version 3
            Der.integer(new BigInteger(127, RANDOM).setBit(126)),
            ECDSA_WITH_SHA256,
            name,
            Der.sequence(Der.time(from), Der.time(until)),
            subject,
            pair.getPublic().getEncoded(),
            Der.explicit(3, Der.sequence(extensions)));
    var signature = Signature.getInstance("SHA256withECDSA");
    signature.initSign(key);
    signature.update(body);
    var encoded = Der.sequence(body, ECDSA_WITH_SHA256, Der.bits(signature.sign()));
    return (X509Certificate)
        CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(encoded));
  }

  /** Certificates count in seconds; cutting one off would matter for a life of a few. */
  private static Instant wholeSecondAfter(Instant instant) {
    return instant.plusNanos(999_999_999).truncatedTo(ChronoUnit.SECONDS);
  }

  private static KeyPair newKeyPair() throws GeneralSecurityException {
    var generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    return generator.generateKeyPair();
  }

  /** As RFC 7093, section 2, method 1, over the whole public key. */
  private static byte[] keyId(KeyPair pair) throws GeneralSecurityException {
    var hash = MessageDigest.getInstance("SHA-256").digest(pair.getPublic().getEncoded());
    return Arrays.copyOf(hash, KEY_ID_LENGTH);
  }

  private static byte[] commonName(String text) {
    return Der.sequence(Der.setOf(Der.sequence(Der.oid(COMMON_NAME), Der.utf8(text))));
  }

  private static byte[] uriName(String uri) {
    return extension(
        SUBJECT_ALTERNATIVE_NAME, Der.sequence(Der.implicit(URI_TAG, uri.getBytes(US_ASCII))));
  }

  private static byte[] critical(String oid, byte[] content) {
    return Der.sequence(Der.oid(oid), Der.bool(true), Der.octets(content));
  }

  private static byte[] extension(String oid, byte[] content) {
    return Der.sequence(Der.oid(oid), Der.octets(content));
  }
}
