package io.kith.spiffe;

import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.bouncycastle.asn1.x509.KeyUsage;

/** A CA that signs whatever it is told to. */
public record TestAuthority(String name, KeyPair keys, X509Certificate certificate) {

  public static TestAuthority create(String name) {
    var now = Instant.now();
    return create(name, now.minus(Duration.ofDays(1)), now.plus(Duration.ofDays(1)));
  }

  static TestAuthority create(String name, Instant from, Instant until) {
    var keys = newKeys("EC", 256);
    return new TestAuthority(name, keys, ca(name, keys).valid(from, until).signedBy(name, keys));
  }

  /** A CA below this one. */
  TestAuthority intermediate(String name) {
    var below = newKeys("EC", 256);
    return new TestAuthority(name, below, ca(name, below).signedBy(this.name, keys));
  }

  private static CertificateForm ca(String name, KeyPair keys) {
    return new CertificateForm()
        .subject(name)
        .keys(keys)
        .ca(true)
        .keyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign)
        .extendedKeyUsage();
  }

  X509Certificate sign(CertificateForm form) {
    return form.signedBy(name, keys);
  }

  /** A good SVID. */
  public Svid svid(String id) {
    var form = new CertificateForm().uri(id);
    return svid(form);
  }

  Svid svid(CertificateForm form) {
    try {
      return Svid.of(List.of(sign(form)), form.keys().getPrivate());
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException(e);
    }
  }

  static KeyPair newKeys(String algorithm, int size) {
    try {
      var generator = KeyPairGenerator.getInstance(algorithm);
      generator.initialize(size);
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
