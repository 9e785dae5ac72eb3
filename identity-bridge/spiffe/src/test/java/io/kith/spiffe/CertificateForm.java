package io.kith.spiffe;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.asn1.x509.OtherName;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** What a certificate shall say; starts as a good leaf SVID without a name. */
final class CertificateForm {
  private static final AtomicLong SERIAL = new AtomicLong(1);

  private String subject = "leaf";
  private KeyPair keys = TestAuthority.newKeys("EC", 256);
  private Instant from = Instant.now().minus(Duration.ofMinutes(1));
  private Instant until = Instant.now().plus(Duration.ofHours(1));
  private boolean ca;
  private int keyUsage = KeyUsage.digitalSignature;
  private List<KeyPurposeId> purposes =
      List.of(KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth);
  private final List<GeneralName> names = new ArrayList<>();

  CertificateForm subject(String name) {
    this.subject = name;
    return this;
  }

  CertificateForm keys(KeyPair pair) {
    this.keys = pair;
    return this;
  }

  CertificateForm valid(Instant begin, Instant end) {
    this.from = begin;
    this.until = end;
    return this;
  }

  CertificateForm ca(boolean value) {
    this.ca = value;
    return this;
  }

  /** Zero for none. */
  CertificateForm keyUsage(int bits) {
    this.keyUsage = bits;
    return this;
  }

  /** Empty for none. */
  CertificateForm extendedKeyUsage(KeyPurposeId... ids) {
    this.purposes = List.of(ids);
    return this;
  }

  CertificateForm uri(String uri) {
    names.add(new GeneralName(GeneralName.uniformResourceIdentifier, uri));
    return this;
  }

  CertificateForm dns(String name) {
    names.add(new GeneralName(GeneralName.dNSName, name));
    return this;
  }

  CertificateForm otherName(String text) {
    var other = new OtherName(new ASN1ObjectIdentifier("1.2.3.4"), new DERUTF8String(text));
    names.add(new GeneralName(GeneralName.otherName, other));
    return this;
  }

  KeyPair keys() {
    return keys;
  }

  X509Certificate signedBy(String issuer, KeyPair issuerKeys) {
    try {
      var builder =
          new JcaX509v3CertificateBuilder(
              new X500Name("CN=" + issuer),
              BigInteger.valueOf(SERIAL.getAndIncrement()),
              Date.from(from),
              Date.from(until),
              new X500Name("CN=" + subject),
              keys.getPublic());
      if (ca) {
        builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(true));
      }
      if (keyUsage != 0) {
        builder.addExtension(Extension.keyUsage, true, new KeyUsage(keyUsage));
      }
      if (!purposes.isEmpty()) {
        builder.addExtension(
            Extension.extendedKeyUsage,
            false,
            new ExtendedKeyUsage(purposes.toArray(KeyPurposeId[]::new)));
      }
      if (!names.isEmpty()) {
        builder.addExtension(
            Extension.subjectAlternativeName,
            false,
            new GeneralNames(names.toArray(GeneralName[]::new)));
      }
      var signer = new JcaContentSignerBuilder("SHA256withECDSA").build(issuerKeys.getPrivate());
      return new JcaX509CertificateConverter().getCertificate(builder.build(signer));
    } catch (CertIOException | OperatorCreationException | GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
