package io.kith.spiffe;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.SpiffeId;
import io.kith.spiffe.SvidTrust.Role;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * A trust manager that asks who the peer is instead of what host it answers for.
 *
 * <p>Host names are never compared: the expected SPIFFE ID is. A refused peer sees a TLS alert
 * without words, so the reason is logged here, at most once a second.
 */
public final class SpiffeTrustManager extends X509ExtendedTrustManager {
  private static final Logger LOG = System.getLogger(SpiffeTrustManager.class.getName());
  private static final long LOG_INTERVAL_NANOS = 1_000_000_000L;

  private final SvidTrust trust;
  private final Predicate<SpiffeId> expected;
  private final AtomicLong nextLogNanos = new AtomicLong(System.nanoTime());
  private final AtomicLong unlogged = new AtomicLong();

  /**
   * @param expected which of the believed peers may pass
   */
  public SpiffeTrustManager(SvidTrust trust, Predicate<SpiffeId> expected) {
    this.trust = requireNonNull(trust, "trust");
    this.expected = requireNonNull(expected, "expected");
  }

  private void check(X509Certificate[] chain, Role role) throws CertificateException {
    try {
      var id = trust.verify(chain, role);
      if (!expected.test(id)) {
        throw new CertificateException(
            id + " is not among the SPIFFE IDs that are expected here as " + role);
      }
    } catch (CertificateException e) {
      log(role, e);
      throw e;
    }
  }

  private void log(Role role, CertificateException refusal) {
    long now = System.nanoTime();
    long next = nextLogNanos.get();
    if (now - next < 0 || !nextLogNanos.compareAndSet(next, now + LOG_INTERVAL_NANOS)) {
      unlogged.incrementAndGet();
      return;
    }
    LOG.log(
        Level.WARNING,
        "TLS peer refused: role={0} reason={1} unlogged={2}",
        role,
        refusal.getMessage(),
        unlogged.getAndSet(0));
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    check(chain, Role.CLIENT);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    check(chain, Role.CLIENT);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    check(chain, Role.CLIENT);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    check(chain, Role.SERVER);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    check(chain, Role.SERVER);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    check(chain, Role.SERVER);
  }

  /** None: the anchors change while the server runs, and no client needs the hint. */
  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return new X509Certificate[0];
  }
}
