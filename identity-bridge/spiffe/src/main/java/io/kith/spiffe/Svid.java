package io.kith.spiffe;

import io.kith.baselines.identity.SpiffeId;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.List;

/**
 * An identity that Kith can prove: an X509-SVID with its private key.
 *
 * @param chain the leaf first, then intermediates; never empty
 * @param key the private key of the leaf; never printed
 * @param id the SPIFFE ID of the leaf
 * @param expires the end of the validity of the leaf
 */
public record Svid(List<X509Certificate> chain, PrivateKey key, SpiffeId id, Instant expires) {
  private static final byte[] PROBE = {'k', 'i', 't', 'h'};

  public Svid {
    chain = List.copyOf(chain);
  }

  /**
   * Checks that chain and key are one SVID. Validity and trust are not checked here.
   *
   * @throws CertificateException when the leaf is not an SVID
   * @throws GeneralSecurityException when the key is not the key of the leaf
   */
  public static Svid of(List<X509Certificate> chain, PrivateKey key)
      throws GeneralSecurityException {
    if (chain.isEmpty()) {
      throw new CertificateException("no certificate (expected: the SVID, then intermediates)");
    }
    var leaf = chain.getFirst();
    var id = SvidTrust.idOf(leaf);
    requirePair(leaf, key);
    return new Svid(chain, key, id, leaf.getNotAfter().toInstant());
  }

  public X509Certificate leaf() {
    return chain.getFirst();
  }

  private static void requirePair(X509Certificate leaf, PrivateKey key)
      throws GeneralSecurityException {
    var algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm();
        };
    var signature = Signature.getInstance(algorithm);
    signature.initSign(key);
    signature.update(PROBE);
    var signed = signature.sign();
    signature.initVerify(leaf.getPublicKey());
    signature.update(PROBE);
    if (!signature.verify(signed)) {
      throw new GeneralSecurityException(
          "the private key does not belong to the certificate (expected: a pair)");
    }
  }

  /** Without key and certificates. */
  @Override
  public String toString() {
    return "Svid[" + id + ", expires " + expires + "]";
  }
}
