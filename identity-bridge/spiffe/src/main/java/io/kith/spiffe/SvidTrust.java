package io.kith.spiffe;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.SpiffeId;
import java.security.GeneralSecurityException;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Which certificates are believed to be the SVID of a peer.
 *
 * <p>A leaf is believed when it has exactly one URI name, that is a SPIFFE ID with a path; is no
 * CA; may sign but neither certificates nor revocation lists; may be used in the role that it is
 * used in; is valid now; and chains up to an anchor of its own trust domain and of no other.
 *
 * <p>Source: X509-SVID standard, sections 2, 4 and 5; SPIFFE Federation, section 5.3 (bundles of
 * different trust domains are never merged). Thread-safe.
 */
public final class SvidTrust {
  private static final int URI_NAME = 6;
  private static final int DIGITAL_SIGNATURE = 0;
  private static final int KEY_CERT_SIGN = 5;
  private static final int CRL_SIGN = 6;
  private static final String ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0";

  /** The part that a peer plays in a TLS handshake. */
  public enum Role {
    CLIENT("1.3.6.1.5.5.7.3.2"),
    SERVER("1.3.6.1.5.5.7.3.1");

    private final String extendedKeyUsage;

    Role(String extendedKeyUsage) {
      this.extendedKeyUsage = extendedKeyUsage;
    }
  }

  private final Supplier<Map<String, List<X509Certificate>>> bundles;
  private final Clock clock;

  /**
   * @param bundles trust domain to its CA certificates, asked at every check
   */
  public SvidTrust(Supplier<Map<String, List<X509Certificate>>> bundles, Clock clock) {
    this.bundles = requireNonNull(bundles, "bundles");
    this.clock = requireNonNull(clock, "clock");
  }

  /**
   * Checks a peer.
   *
   * @param chain the leaf first, as sent by the peer
   * @return who the peer is
   * @throws CertificateException when it is not believed; the message says why
   */
  public SpiffeId verify(X509Certificate[] chain, Role role) throws CertificateException {
    if (chain.length == 0) {
      throw new CertificateException("the peer sent no certificate (expected: an X509-SVID)");
    }
    var leaf = chain[0];
    var id = idOf(leaf);
    requireUsage(leaf, id, role);
    var now = clock.instant();
    requireValid(leaf, id, now);
    requirePath(chain, id, now);
    return id;
  }

  /**
   * The SPIFFE ID of a certificate that has the form of a leaf SVID. Says nothing about trust.
   *
   * @throws CertificateException when it has another form; the message says which
   */
  public static SpiffeId idOf(X509Certificate leaf) throws CertificateException {
    var uris = uriNames(leaf);
    if (uris.size() != 1) {
      throw new CertificateException(
          "the certificate has " + uris.size() + " URI names (expected: one, the SPIFFE ID)");
    }
    SpiffeId id;
    try {
      id = SpiffeId.parse(uris.getFirst());
    } catch (IllegalArgumentException e) {
      throw new CertificateException(e.getMessage(), e);
    }
    if (id.path().isEmpty()) {
      throw new CertificateException(
          id + " names a trust domain (expected: a workload, that is a SPIFFE ID with a path)");
    }
    if (leaf.getBasicConstraints() != -1) {
      throw refused(id, "the certificate is a CA", "a leaf");
    }
    var keyUsage = leaf.getKeyUsage();
    if (keyUsage == null || !keyUsage[DIGITAL_SIGNATURE]) {
      throw refused(id, "the certificate may not sign", "key usage digitalSignature");
    }
    if (keyUsage[KEY_CERT_SIGN] || keyUsage[CRL_SIGN]) {
      throw refused(
          id,
          "the certificate may sign certificates or revocation lists",
          "key usage without keyCertSign and cRLSign");
    }
    return id;
  }

  /**
   * Refuses a leaf outside of its validity.
   *
   * @throws CertificateException when it is not valid at that time
   */
  static void requireValid(X509Certificate leaf, SpiffeId id, Instant now)
      throws CertificateException {
    if (now.isAfter(leaf.getNotAfter().toInstant())) {
      throw refused(id, "the certificate expired at " + leaf.getNotAfter().toInstant(), "renewed");
    }
    if (now.isBefore(leaf.getNotBefore().toInstant())) {
      throw refused(
          id,
          "the certificate is valid only from " + leaf.getNotBefore().toInstant(),
          "valid now; compare the clocks of the machines");
    }
  }

  private static List<String> uriNames(X509Certificate leaf) throws CertificateException {
    var names = leaf.getSubjectAlternativeNames();
    var uris = new ArrayList<String>();
    if (names != null) {
      for (var name : names) {
        if (name.get(0) instanceof Integer type && type == URI_NAME) {
          uris.add(String.valueOf(name.get(1)));
        }
      }
    }
    return uris;
  }

  private static void requireUsage(X509Certificate leaf, SpiffeId id, Role role)
      throws CertificateException {
    var usages = leaf.getExtendedKeyUsage();
    if (usages != null
        && !usages.contains(role.extendedKeyUsage)
        && !usages.contains(ANY_EXTENDED_KEY_USAGE)) {
      throw refused(
          id, "the certificate may not be used as TLS " + role, "extended key usage of that role");
    }
  }

  private void requirePath(X509Certificate[] chain, SpiffeId id, Instant now)
      throws CertificateException {
    var authorities = bundles.get().getOrDefault(id.trustDomain(), List.of());
    var anchors = new HashSet<TrustAnchor>();
    for (var authority : authorities) {
      // The JDK checks neither of the two on an anchor.
      if (authority.getBasicConstraints() != -1
          && !now.isAfter(authority.getNotAfter().toInstant())) {
        anchors.add(new TrustAnchor(authority, null));
      }
    }
    if (anchors.isEmpty()) {
      throw refused(
          id,
          "no usable CA is known for trust domain '" + id.trustDomain() + "'",
          "a trust bundle of it");
    }
    // A peer may send its root as well. The first is looked at whatever is in the bundle: without
    // any the JDK finds nothing wrong.
    var path = new ArrayList<X509Certificate>();
    for (var certificate : chain) {
      if (path.isEmpty() || !authorities.contains(certificate)) {
        path.add(certificate);
      }
    }
    try {
      var parameters = new PKIXParameters(anchors);
      parameters.setRevocationEnabled(false); // SVIDs are short-lived instead
      parameters.setDate(Date.from(now));
      CertPathValidator.getInstance("PKIX")
          .validate(CertificateFactory.getInstance("X.509").generateCertPath(path), parameters);
    } catch (GeneralSecurityException e) {
      var refusal =
          refused(
              id,
              "the certificate is not signed by trust domain '"
                  + id.trustDomain()
                  + "' ("
                  + e.getMessage()
                  + ")",
              "a chain up to its trust bundle");
      refusal.initCause(e);
      throw refusal;
    }
  }

  private static CertificateException refused(SpiffeId id, String why, String expected) {
    return new CertificateException(id + ": " + why + " (expected: " + expected + ")");
  }
}
