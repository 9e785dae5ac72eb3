package io.kith.istio.doctor;

import io.kith.istio.doctor.SidecarConfig.Secret;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * What is wrong with a sidecar's certificates and clock.
 *
 * @param now when the sidecars were read
 */
record TimeRules(Instant now, Findings findings) {
  /** Proofs of the process hold for a minute; this is half of it. */
  private static final Duration SKEW = Duration.ofSeconds(30);

  private static final Duration LAST_OF_AUTHORITY = Duration.ofDays(30);

  void judge(MeshPod pod, SidecarConfig sidecar, @Nullable Instant clock, @Nullable Instant asked) {
    if (clock != null && asked != null) {
      var ahead = Duration.between(asked, clock);
      if (ahead.abs().compareTo(SKEW) > 0) {
        skew(
            pod,
            "its clock is "
                + ahead.abs().toSeconds()
                + " s "
                + (ahead.isNegative() ? "behind" : "ahead of")
                + " the one here");
      }
    }
    for (var secret : sidecar.secrets()) {
      var certificate = certificate(secret);
      if (certificate != null) {
        lifetime(pod, secret, certificate);
        issued(pod, secret, certificate);
      }
    }
  }

  private void skew(MeshPod pod, String seen) {
    findings.addOf(
        Rule.CLOCK_SKEW,
        "node " + pod.node(),
        pod.name(),
        seen,
        "chronyc tracking   # on that node: let it take its time from where the others do");
  }

  private static @Nullable X509Certificate certificate(Secret secret) {
    try {
      return (X509Certificate)
          CertificateFactory.getInstance("X.509")
              .generateCertificate(
                  new ByteArrayInputStream(secret.pem().getBytes(StandardCharsets.ISO_8859_1)));
    } catch (CertificateException _) {
      return null; // somebody took it out of the dump
    }
  }

  private void lifetime(MeshPod pod, Secret secret, X509Certificate certificate) {
    var begin = certificate.getNotBefore().toInstant();
    var end = certificate.getNotAfter().toInstant();
    var last = secret.isAuthority() ? LAST_OF_AUTHORITY : Duration.between(begin, end).dividedBy(4);
    var seen = secret.name() + " ends " + end.truncatedTo(ChronoUnit.SECONDS);
    var change =
        secret.isAuthority()
            ? "replace the authority's certificate while the old one holds: Istio's docs, 'Plug in"
                + " CA Certificates'"
            : Commands.restart(pod)
                + "   # now; then find out why pilot-agent gets no other: its log, istiod's log";
    if (!end.isAfter(now)) {
      findings.add(Rule.CERTIFICATE_EXPIRED, pod, seen, change);
    } else if (Duration.between(now, end).compareTo(last) < 0) {
      findings.add(Rule.CERTIFICATE_ENDING, pod, seen, change);
    }
  }

  /** Nobody gets a certificate before it begins, unless by a clock that is behind. */
  private void issued(MeshPod pod, Secret secret, X509Certificate certificate) {
    try {
      var updated = Instant.parse(secret.updated());
      var begin = certificate.getNotBefore().toInstant();
      if (Duration.between(updated, begin).compareTo(SKEW) > 0) {
        skew(pod, "it got a certificate before that begins: its clock is behind istiod's");
      }
    } catch (DateTimeParseException _) {
      // not told
    }
  }
}
