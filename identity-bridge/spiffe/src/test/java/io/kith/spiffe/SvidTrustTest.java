package io.kith.spiffe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.spiffe.SvidTrust.Role;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The matrix of certificates: every bad one is refused, every good one is believed. */
class SvidTrustTest {
  private static final TestAuthority MESH = TestAuthority.create("mesh.test");
  private static final TestAuthority OTHER = TestAuthority.create("other.test");
  private static final String ID = "spiffe://mesh.test/ns/shop/sa/checkout";

  private final Map<String, List<X509Certificate>> bundles =
      new HashMap<>(
          Map.of(
              "mesh.test", List.of(MESH.certificate()),
              "other.test", List.of(OTHER.certificate())));
  private final SvidTrust trust = new SvidTrust(() -> bundles, Clock.systemUTC());

  private static CertificateForm form() {
    return new CertificateForm();
  }

  static Stream<Arguments> good() {
    return Stream.of(
        Arguments.of("plain", form().uri(ID)),
        Arguments.of("with a DNS name", form().uri(ID).dns("checkout.shop.svc")),
        Arguments.of("with an other name", form().otherName("x").uri(ID)),
        Arguments.of("DNS name that looks like an ID", form().dns("spiffe.admin").uri(ID)),
        Arguments.of("no extended key usage", form().uri(ID).extendedKeyUsage()),
        Arguments.of(
            "any extended key usage",
            form().uri(ID).extendedKeyUsage(KeyPurposeId.anyExtendedKeyUsage)),
        Arguments.of(
            "key encipherment as well (Istio)",
            form().uri(ID).keyUsage(KeyUsage.digitalSignature | KeyUsage.keyEncipherment)),
        Arguments.of("RSA key", form().uri(ID).keys(TestAuthority.newKeys("RSA", 2048))),
        Arguments.of("one segment", form().uri("spiffe://mesh.test/a")),
        Arguments.of("dots inside a segment", form().uri("spiffe://mesh.test/a..b/...")),
        Arguments.of("2048 characters", form().uri(idOfLength(2048))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("good")
  void verify_goodCertificate_isBelievedInBothRoles(String name, CertificateForm form)
      throws CertificateException {
    var chain = new X509Certificate[] {MESH.sign(form)};

    assertThat(trust.verify(chain, Role.CLIENT)).isEqualTo(trust.verify(chain, Role.SERVER));
  }

  static Stream<Arguments> bad() {
    var signs = KeyUsage.digitalSignature;
    var hourAgo = Instant.now().minus(Duration.ofHours(1));
    return Stream.of(
        bad("no name", form(), "0 URI names"),
        bad("two SPIFFE IDs", form().uri(ID).uri("spiffe://mesh.test/b"), "2 URI names"),
        bad("the same ID twice", form().uri(ID).uri(ID), "2 URI names"),
        bad("SPIFFE ID, then https", form().uri(ID).uri("https://a.test/"), "2 URI names"),
        bad("https, then SPIFFE ID", form().uri("https://a.test/").uri(ID), "2 URI names"),
        bad("https only", form().uri("https://a.test/"), "not a SPIFFE ID"),
        bad("ID as a DNS name", form().dns("spiffe://mesh.test/admin"), "0 URI names"),
        bad("ID as an other name", form().otherName(ID), "0 URI names"),
        bad("CA as leaf", form().uri(ID).ca(true), "is a CA"),
        bad(
            "may sign certificates",
            form().uri(ID).keyUsage(signs | KeyUsage.keyCertSign),
            "keyCertSign"),
        bad(
            "may sign revocation lists",
            form().uri(ID).keyUsage(signs | KeyUsage.cRLSign),
            "cRLSign"),
        bad("no key usage", form().uri(ID).keyUsage(0), "may not sign"),
        bad(
            "key usage without signature",
            form().uri(ID).keyUsage(KeyUsage.keyEncipherment),
            "may not sign"),
        bad("no path", form().uri("spiffe://mesh.test"), "names a trust domain"),
        bad("dot segments", form().uri("spiffe://mesh.test/a/../x"), "'..'"),
        bad("dot segment", form().uri("spiffe://mesh.test/a/./x"), "'.'"),
        bad("percent sign", form().uri("spiffe://mesh.test/a%2fb"), "not a SPIFFE ID"),
        bad("query", form().uri("spiffe://mesh.test/a?x=1"), "not a SPIFFE ID"),
        bad("fragment", form().uri("spiffe://mesh.test/a#x"), "not a SPIFFE ID"),
        bad("trailing slash", form().uri("spiffe://mesh.test/a/"), "not a SPIFFE ID"),
        bad("empty segment", form().uri("spiffe://mesh.test/a//b"), "not a SPIFFE ID"),
        bad("space", form().uri("spiffe://mesh.test/a b"), ""),
        bad("2049 characters", form().uri(idOfLength(2049)), "2049 characters"),
        bad(
            "trust domain of 256",
            form().uri("spiffe://" + "a".repeat(256) + "/x"),
            "not a SPIFFE ID"),
        bad("upper-case trust domain", form().uri("spiffe://Mesh.test/a"), "not a SPIFFE ID"),
        bad("upper-case scheme", form().uri("SPIFFE://mesh.test/a"), "not a SPIFFE ID"),
        bad("port", form().uri("spiffe://mesh.test:8443/a"), "not a SPIFFE ID"),
        bad("user", form().uri("spiffe://me@mesh.test/a"), "not a SPIFFE ID"),
        bad(
            "trust domain of another CA",
            form().uri("spiffe://other.test/a"),
            "not signed by trust domain 'other.test'"),
        bad("unknown trust domain", form().uri("spiffe://third.test/a"), "no usable CA"),
        bad("expired", form().uri(ID).valid(hourAgo, Instant.now().minusSeconds(2)), "expired"),
        bad(
            "not yet valid",
            form().uri(ID).valid(Instant.now().plusSeconds(60), Instant.now().plusSeconds(600)),
            "valid only from"));
  }

  private static Arguments bad(String name, CertificateForm form, String reason) {
    return Arguments.of(name, form, reason);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bad")
  void verify_badCertificate_isRefusedWithTheReason(
      String name, CertificateForm form, String reason) {
    var chain = new X509Certificate[] {MESH.sign(form)};

    for (var role : Role.values()) {
      assertThatThrownBy(() -> trust.verify(chain, role))
          .isInstanceOf(CertificateException.class)
          .hasMessageContaining(reason);
    }
  }

  @Test
  void verify_extendedKeyUsageOfTheOtherRole_isRefusedInThisOneOnly() throws CertificateException {
    var server = MESH.sign(form().uri(ID).extendedKeyUsage(KeyPurposeId.id_kp_serverAuth));
    var chain = new X509Certificate[] {server};

    assertThat(trust.verify(chain, Role.SERVER)).hasToString(ID);
    assertThatThrownBy(() -> trust.verify(chain, Role.CLIENT))
        .isInstanceOf(CertificateException.class)
        .hasMessageContaining("may not be used as TLS CLIENT");
  }

  @Test
  void verify_otherAuthorityOfTheSameName_isRefused() {
    var impostor = TestAuthority.create("mesh.test");

    assertThatThrownBy(
            () -> trust.verify(new X509Certificate[] {impostor.sign(form().uri(ID))}, Role.CLIENT))
        .isInstanceOf(CertificateException.class)
        .hasMessageContaining("not signed by trust domain 'mesh.test'");
  }

  @Test
  void verify_twoAuthoritiesOfTheSameName_believesBoth() throws CertificateException {
    var next = TestAuthority.create("mesh.test");
    bundles.put("mesh.test", List.of(MESH.certificate(), next.certificate()));

    for (var authority : List.of(MESH, next)) {
      var chain = new X509Certificate[] {authority.sign(form().uri(ID))};
      assertThat(trust.verify(chain, Role.CLIENT)).hasToString(ID);
    }
  }

  @Test
  void verify_intermediate_isBelievedWithAndWithoutTheRootInTheChain() throws CertificateException {
    var intermediate = MESH.intermediate("mesh.test intermediate");
    var leaf = intermediate.sign(form().uri(ID));

    assertThat(trust.verify(new X509Certificate[] {leaf, intermediate.certificate()}, Role.CLIENT))
        .hasToString(ID);
    assertThat(
            trust.verify(
                new X509Certificate[] {leaf, intermediate.certificate(), MESH.certificate()},
                Role.CLIENT))
        .hasToString(ID);
  }

  @Test
  void verify_leafUnderAnotherLeaf_isRefused() {
    var form = form().uri(ID);
    var leaf = MESH.sign(form.subject("leaf"));
    var below = form().uri("spiffe://mesh.test/admin").signedBy("leaf", form.keys());

    assertThatThrownBy(() -> trust.verify(new X509Certificate[] {below, leaf}, Role.CLIENT))
        .isInstanceOf(CertificateException.class)
        .hasMessageContaining("not signed by trust domain");
  }

  @Test
  void verify_emptiedBundle_refusesThatTrustDomainOnly() throws CertificateException {
    bundles.put("mesh.test", List.of());

    assertThatThrownBy(
            () -> trust.verify(new X509Certificate[] {MESH.sign(form().uri(ID))}, Role.CLIENT))
        .hasMessageContaining("no usable CA is known for trust domain 'mesh.test'");
    assertThat(
            trust.verify(
                new X509Certificate[] {OTHER.sign(form().uri("spiffe://other.test/a"))},
                Role.CLIENT))
        .hasToString("spiffe://other.test/a");
  }

  @Test
  void verify_anchorThatExpiredOrIsNoCa_isNotUsed() {
    var old =
        TestAuthority.create(
            "mesh.test",
            Instant.now().minus(Duration.ofDays(2)),
            Instant.now().minus(Duration.ofDays(1)));
    var leaf = MESH.sign(form().uri(ID));
    bundles.put("mesh.test", List.of(old.certificate(), leaf));

    for (var certificate : List.of(old.sign(form().uri(ID)), leaf)) {
      assertThatThrownBy(() -> trust.verify(new X509Certificate[] {certificate}, Role.CLIENT))
          .hasMessageContaining("no usable CA");
    }
  }

  /** A mistake in a bundle, beside a CA: who has it still has to be signed. */
  @Test
  void verify_certificateThatIsInTheBundleItself_isRefused() {
    var stranger = TestAuthority.create("mesh.test").sign(form().uri(ID));
    bundles.put("mesh.test", List.of(MESH.certificate(), stranger));

    assertThatThrownBy(() -> trust.verify(new X509Certificate[] {stranger}, Role.CLIENT))
        .hasMessageContaining("is not signed by trust domain");
  }

  @Test
  void verify_clockPastTheEnd_isRefused() {
    var later = Clock.fixed(Instant.now().plus(Duration.ofHours(2)), ZoneOffset.UTC);
    var chain = new X509Certificate[] {MESH.sign(form().uri(ID))};

    assertThatThrownBy(() -> new SvidTrust(() -> bundles, later).verify(chain, Role.CLIENT))
        .hasMessageContaining("expired at");
  }

  @Test
  void verify_nothing_isRefused() {
    assertThatThrownBy(() -> trust.verify(new X509Certificate[0], Role.CLIENT))
        .hasMessageContaining("sent no certificate");
  }

  private static String idOfLength(int length) {
    var start = "spiffe://mesh.test/";
    return start + "a".repeat(length - start.length());
  }
}
