package io.kith.spiffe;

import io.kith.spiffe.der.Der;
import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;

/** Certificates and keys as they arrive: DER from the Workload API, PEM from files. */
final class Encoded {
  private static final Pattern PEM_BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\\s]*)-----END \\1-----");

  private Encoded() {}

  /**
   * Reads DER certificates, one after the other, or PEM certificates.
   *
   * @return at least one
   */
  static List<X509Certificate> certificates(byte[] encoded) throws CertificateException {
    var certificates = new ArrayList<X509Certificate>();
    for (var certificate :
        CertificateFactory.getInstance("X.509")
            .generateCertificates(new ByteArrayInputStream(encoded))) {
      certificates.add((X509Certificate) certificate);
    }
    if (certificates.isEmpty()) {
      throw new CertificateException("no certificate (expected: at least one)");
    }
    return certificates;
  }

  /** Reads a DER PKCS#8 key of the kind that the leaf has. */
  static PrivateKey key(byte[] pkcs8, X509Certificate leaf) throws GeneralSecurityException {
    return KeyFactory.getInstance(leaf.getPublicKey().getAlgorithm())
        .generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
  }

  /**
   * Reads a PEM key: {@code PRIVATE KEY} (PKCS#8), {@code RSA PRIVATE KEY} or {@code EC PRIVATE
   * KEY} (Istio writes these two).
   */
  static PrivateKey keyOfPem(String pem, X509Certificate leaf) throws GeneralSecurityException {
    var blocks = PEM_BLOCK.matcher(pem);
    while (blocks.find()) {
      var body = blocks.group(2);
      switch (blocks.group(1)) {
        case "PRIVATE KEY" -> {
          return key(Base64.getMimeDecoder().decode(body), leaf);
        }
        case "RSA PRIVATE KEY", "EC PRIVATE KEY" -> {
          return key(pkcs8(Base64.getMimeDecoder().decode(body), leaf), leaf);
        }
        default -> {} // EC PARAMETERS, or certificates in the same file
      }
    }
    throw new GeneralSecurityException(
        "no private key (expected: a PEM block 'PRIVATE KEY', 'RSA PRIVATE KEY' or 'EC PRIVATE"
            + " KEY', not encrypted)");
  }

  /** Wraps a bare key: version, the algorithm as the leaf's public key names it, the key. */
  private static byte[] pkcs8(byte[] bare, X509Certificate leaf) {
    return Der.sequence(
        Der.integer(0), algorithmOf(leaf.getPublicKey().getEncoded()), Der.octets(bare));
  }

  /** The first value inside a SubjectPublicKeyInfo; shorter than 128 bytes for RSA and EC. */
  private static byte[] algorithmOf(byte[] publicKey) {
    int first = publicKey[1] < 0 ? 2 + (publicKey[1] & 0x7f) : 2;
    return Arrays.copyOfRange(publicKey, first, first + 2 + publicKey[first + 1]);
  }
}
