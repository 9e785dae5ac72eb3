package io.kith.spiffe.dev;

import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.Svid;
import java.io.ByteArrayOutputStream;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** The current SVID of one workload, and the streams that want the next. Thread-safe. */
final class IssuedIdentity {
  /**
   * One issue of an SVID.
   *
   * @param version grows with every issue, from 1
   * @param bundle the CA certificates of the trust domain
   */
  record Issue(long version, Instant issued, Svid svid, List<X509Certificate> bundle) {}

  /** An open stream. */
  interface Listener {
    void issued(Issue issue);
  }

  private final SpiffeId id;
  private final DevCertificateAuthority authority;
  private final Duration ttl;
  private final Clock clock;
  private final List<Listener> listeners = new CopyOnWriteArrayList<>();
  private volatile Issue current;

  IssuedIdentity(SpiffeId id, DevCertificateAuthority authority, Duration ttl, Clock clock)
      throws GeneralSecurityException {
    this.id = id;
    this.authority = authority;
    this.ttl = ttl;
    this.clock = clock;
    this.current = issue(1);
  }

  SpiffeId id() {
    return id;
  }

  Issue current() {
    return current;
  }

  void addListener(Listener listener) {
    listeners.add(listener);
  }

  void removeListener(Listener listener) {
    listeners.remove(listener);
  }

  /** Issues the next SVID when half the life of this one has passed, and tells the streams. */
  synchronized void renewWhenDue() throws GeneralSecurityException {
    var now = clock.instant();
    if (now.isBefore(current.issued().plus(ttl.dividedBy(2)))) {
      return;
    }
    var next = issue(current.version() + 1);
    current = next;
    for (var listener : listeners) {
      listener.issued(next);
    }
  }

  private Issue issue(long version) throws GeneralSecurityException {
    var now = clock.instant();
    return new Issue(version, now, authority.issue(id, now, ttl), List.of(authority.certificate()));
  }

  /** DER certificates, one after the other. */
  static byte[] der(List<X509Certificate> certificates) {
    var out = new ByteArrayOutputStream();
    for (var certificate : certificates) {
      out.writeBytes(encoded(certificate));
    }
    return out.toByteArray();
  }

  /** PEM certificates, one after the other. */
  static String pem(List<X509Certificate> certificates) {
    var out = new StringBuilder();
    for (var certificate : certificates) {
      out.append(pem("CERTIFICATE", encoded(certificate)));
    }
    return out.toString();
  }

  static String pem(String label, byte[] der) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(label, Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der), label);
  }

  private static byte[] encoded(X509Certificate certificate) {
    try {
      return certificate.getEncoded();
    } catch (CertificateEncodingException e) {
      throw new IllegalStateException("a certificate that was just issued has no encoding", e);
    }
  }
}
