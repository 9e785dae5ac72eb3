package io.kith.server.check;

import static io.kith.server.check.ProvenanceHeadersTest.CATALOG;
import static io.kith.server.check.ProvenanceHeadersTest.CATALOG_ID;
import static io.kith.server.check.ProvenanceHeadersTest.CATALOG_POD;
import static io.kith.server.check.ProvenanceHeadersTest.NOON;
import static io.kith.server.check.Samples.APP;
import static io.kith.server.check.Samples.CHECKOUT;
import static io.kith.server.check.Samples.OWNER;
import static io.kith.server.check.Samples.STRANGER;
import static io.kith.server.check.Samples.address;
import static io.kith.server.check.Samples.headers;
import static io.kith.server.check.ServiceUnderTest.said;
import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.service.auth.v3.AttributeContext;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.identity.Owner;
import io.kith.server.provenance.MeshKeys;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class InboundChecksTest {
  private volatile Instant now = NOON;
  private ServiceUnderTest kith;

  @BeforeEach
  void start() throws IOException {
    start(MeshKeys.fresh());
  }

  private void start(MeshKeys keys) throws IOException {
    kith =
        new ServiceUnderTest(
            ServiceUnderTest.settings(),
            ProvenanceHeadersTest.directory(),
            keys,
            CheckObserver.none(),
            () -> now);
    kith.peer(Samples.peer(CATALOG_ID, CATALOG_POD));
    kith.policy.ask(Inbound.REQUIRE);
  }

  @AfterEach
  void stop() {
    kith.close();
  }

  private static CheckRequest request(String caller, String token) {
    return request(caller, token, "GET", "/price");
  }

  private static CheckRequest request(String caller, String token, String method, String path) {
    var request = CheckRequest.newBuilder();
    var attributes = request.getAttributesBuilder();
    attributes.setSource(
        AttributeContext.Peer.newBuilder()
            .setAddress(address("10.88.1.2", 40_000))
            .setPrincipal(caller));
    attributes.setDestination(
        AttributeContext.Peer.newBuilder()
            .setAddress(address(CATALOG_POD, 15_006))
            .setPrincipal(CATALOG_ID.toString()));
    var http =
        attributes
            .getRequestBuilder()
            .getHttpBuilder()
            .setMethod(method)
            .setPath(path)
            .setHost("x");
    if (!token.isEmpty()) {
      http.putHeaders("x-kith-provenance", token);
    }
    return request.build();
  }

  private CheckResponse check(CheckRequest request) {
    return kith.check(request, headers("x-kith-direction", "inbound"));
  }

  private String token(Owner audience) {
    return kith.keys.make(CHECKOUT, OWNER, APP.processClass().id(), audience, NOON);
  }

  private void assertPasses(CheckResponse response) {
    assertThat(response.getStatus().getCode()).isZero();
    assertThat(said(response, "decision")).isEqualTo("allow");
    assertThat(said(response, "workload")).isEqualTo(CATALOG.toString());
    assertThat(response.getDynamicMetadata().getFieldsMap()).doesNotContainKey("reason");
    assertThat(response.getOkResponse().getHeadersList()).isEmpty();
    assertThat(response.getOkResponse().getHeadersToRemoveList())
        .containsExactly("x-kith-provenance");
  }

  private void assertRefused(CheckResponse response, String why) {
    assertThat(response.getStatus().getCode()).isEqualTo(7);
    assertThat(said(response, "reason")).isEqualTo("bad_provenance");
    assertThat(kith.policy.records().getLast().decision().applied())
        .isEqualTo(new Verdict.Deny(null, new Reason.BadProvenance(why)));
  }

  @Test
  void check_letOutForThisWorkload_passesAndTheApplicationDoesNotSeeIt() {
    assertPasses(check(request(CHECKOUT.toString(), token(CATALOG))));
    assertThat(kith.policy.records().getLast().flow()).isNull();
    assertThat(kith.processes.asked()).isEmpty();
  }

  /** A borrowed certificate is not enough. */
  @Test
  void check_noToken_isRefused() {
    assertRefused(check(request(CHECKOUT.toString(), "")), CHECKOUT + " sent no token");
  }

  @Test
  void check_tokenOfAnother_isRefused() {
    assertRefused(
        check(request(STRANGER.toString(), token(CATALOG))),
        STRANGER + " sent a token that was given to " + CHECKOUT);
  }

  @Test
  void check_tokenRelayedByItsReceiver_isRefused() {
    var ledger = Owner.parse("shop/deployment/ledger");

    assertRefused(
        check(request(CHECKOUT.toString(), token(ledger))),
        CHECKOUT + " sent a token that is meant for " + ledger + ", not for " + CATALOG);
  }

  @Test
  void check_tokenOfOtherKeys_isRefused() {
    var forged = MeshKeys.fresh().make(CHECKOUT, OWNER, APP.processClass().id(), CATALOG, NOON);

    assertRefused(
        check(request(CHECKOUT.toString(), forged)),
        CHECKOUT + " sent a token that was made with no key of this mesh");
  }

  /** What others let out is as good as what it would let out itself: nobody can tell. */
  @Test
  void check_byAServerThatSharesNoSecret_looksAtNoTokenUnlessItIsAskedTo() throws IOException {
    var token = token(CATALOG);
    kith.close();
    start(MeshKeys.none());

    kith.policy.ask(Inbound.ACCEPT);
    assertPasses(check(request(CHECKOUT.toString(), token)));
    assertPasses(check(request(CHECKOUT.toString(), "")));

    kith.policy.ask(Inbound.REQUIRE);
    assertRefused(
        check(request(CHECKOUT.toString(), token)),
        CHECKOUT + " sent a token that this server cannot judge: it has no server.keys.provenance");
    assertRefused(
        check(request(CHECKOUT.toString(), "")),
        CHECKOUT + " sent no token: servers without server.keys.provenance make none");
  }

  @Test
  void check_tokenThatEnded_isRefused() {
    var token = token(CATALOG);
    now = NOON.plusSeconds(70);

    assertRefused(
        check(request(CHECKOUT.toString(), token)),
        CHECKOUT + " sent a token that ended at 2026-03-01T12:01:00Z");
  }

  /** By this server's clock, whichever made it. */
  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_tokenThatEnded_isBadInEveryMode(Mode mode) {
    kith.policy.decideBy(Samples.snapshot(mode));
    var token = token(CATALOG);

    for (var seconds : List.of(69, 70)) {
      now = NOON.plusSeconds(seconds);
      var response = check(request(CHECKOUT.toString(), token));

      var bad = seconds == 70;
      assertThat(response.getStatus().getCode()).isEqualTo(bad && mode == Mode.ENFORCE ? 7 : 0);
      assertThat(said(response, "reason")).isEqualTo(bad ? "bad_provenance" : "");
    }
  }

  /** As Envoy joins them when a request has two. */
  @Test
  void check_twoTokens_areRefused() {
    var token = token(CATALOG);

    assertRefused(
        check(request(CHECKOUT.toString(), token + "," + token)),
        CHECKOUT + " sent a token that is none of Kith's");
  }

  @Test
  void check_tokenWithoutCertificate_isRefused() {
    assertRefused(
        check(request("", token(CATALOG))), "10.88.1.2, which has no certificate, sent a token");
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void check_badInEveryMode_isRefusedUnderEnforceOnlyAndTold(Mode mode) {
    kith.policy.decideBy(Samples.snapshot(mode));

    for (var token : List.of("forged", "")) {
      var response = check(request(CHECKOUT.toString(), token));

      assertThat(response.getStatus().getCode()).isEqualTo(mode == Mode.ENFORCE ? 7 : 0);
      assertThat(said(response, "reason")).isEqualTo("bad_provenance");
      assertThat(said(response, "shadow_reason"))
          .isEqualTo(mode == Mode.SHADOW ? "bad_provenance" : "");
      if (mode != Mode.ENFORCE) {
        assertThat(response.getOkResponse().getHeadersToRemoveList())
            .containsExactly("x-kith-provenance");
      }
    }
  }

  /** Half of a mesh has no Kith yet. */
  @Test
  void check_underAccept_passesWithoutATokenAndNotWithABadOne() {
    kith.policy.ask(Inbound.ACCEPT);

    assertPasses(check(request(CHECKOUT.toString(), "")));
    assertPasses(check(request("", "")));
    assertPasses(check(request(CHECKOUT.toString(), token(CATALOG))));
    assertRefused(
        check(request(CHECKOUT.toString(), "x")),
        CHECKOUT + " sent a token that is none of Kith's");
  }

  private static CheckRequest connection(String caller) {
    var request = request(caller, "").toBuilder();
    request.getAttributesBuilder().clearRequest();
    return request.build();
  }

  /** A database is asked without HTTP. */
  @Test
  void check_connectionUnderAccept_passes() {
    kith.policy.ask(Inbound.ACCEPT);

    for (var caller : List.of(CHECKOUT.toString(), "")) {
      var response = check(connection(caller));

      assertThat(response.getStatus().getCode()).isZero();
      assertThat(said(response, "decision")).isEqualTo("allow");
      assertThat(response.hasOkResponse()).isFalse();
    }
  }

  /** Else whoever avoids HTTP's first line would get past the proof. */
  @Test
  void check_connectionUnderRequire_isRefused() {
    assertRefused(check(connection(CHECKOUT.toString())), CHECKOUT + " sent no token");
    assertRefused(check(connection("")), "10.88.1.2, which has no certificate, sent no token");
  }

  @ParameterizedTest
  @CsvSource({"GET,/healthz", "HEAD,/readyz", "GET,/metrics?name=x", "GET,/livez"})
  void check_probeWithoutCertificate_passes(String method, String path) {
    assertPasses(check(request("", "", method, path)));
  }

  @ParameterizedTest
  @CsvSource({
    "POST,/healthz",
    "GET,/healthz/../admin",
    "GET,//healthz",
    "GET,/healthz/",
    "GET,/HEALTHZ",
    "GET,/",
    "GET,''"
  })
  void check_somethingElseWithoutCertificate_isRefused(String method, String path) {
    assertRefused(
        check(request("", "", method, path)), "10.88.1.2, which has no certificate, sent no token");
  }

  /** Who has a certificate of the mesh has a sidecar. */
  @Test
  void check_probeWithACertificate_isRefused() {
    assertRefused(
        check(request(CHECKOUT.toString(), "", "GET", "/healthz")), CHECKOUT + " sent no token");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "spiffe://mesh/a/../admin",
        "spiffe://mesh/a?x=1",
        "checkout.shop",
        "spiffe://mesh/a,spiffe://mesh/b"
      })
  void check_certificateOfNoSpiffeId_isMalformed(String caller) {
    var response = check(request(caller, token(CATALOG)));

    assertThat(response.getStatus().getCode()).isEqualTo(7);
    assertThat(said(response, "reason")).isEqualTo("malformed");
  }

  /** The workload that is asked about is the one whose proxy asks. */
  @Test
  void check_aboutAnotherPod_isRefusedInEveryMode() {
    kith.policy.decideBy(Samples.snapshot(Mode.OBSERVE));
    kith.peer(Samples.peer(CATALOG_ID, "10.88.1.99"));

    var response = check(request(CHECKOUT.toString(), token(CATALOG)));

    assertThat(response.getStatus().getCode()).isEqualTo(7);
    assertThat(said(response, "reason")).isEqualTo("identity_mismatch");
  }
}
