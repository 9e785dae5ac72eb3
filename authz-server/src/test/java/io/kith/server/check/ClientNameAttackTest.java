package io.kith.server.check;

import static io.kith.server.check.Samples.APP;
import static io.kith.server.check.Samples.OWNER;
import static io.kith.server.check.Samples.POD;
import static io.kith.server.check.Samples.address;
import static io.kith.server.check.Samples.attributed;
import static io.kith.server.check.Samples.headers;
import static io.kith.server.check.Samples.l4;
import static io.kith.server.check.ServiceUnderTest.said;
import static io.kith.server.check.ServiceUnderTest.settings;
import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Code inside an allowed process dials its own host and writes an approved name into the TLS hello
 * or the Host header (research: hazards, 1.3).
 *
 * <p>The application may reach {@code api.psp.example:443}, by whatever evidence. On passthrough
 * the proxy delivers to the address that was dialled, whatever name was said.
 */
class ClientNameAttackTest {
  private static final String APPROVED = "api.psp.example";
  private static final String THEIRS = "203.0.113.66";
  private static final Edge EDGE =
      Edge.learned(APP.processClass(), new Exact(APPROVED, Evidence.ADDRESS, 443, Protocol.TCP));

  private ServiceUnderTest kith;

  @BeforeEach
  void start() throws IOException {
    kith = new ServiceUnderTest(settings());
    var rules = Snapshot.Rules.of(Baseline.of(OWNER, null, List.of(EDGE)), List.of());
    kith.policy.decideBy(new Snapshot(Mode.ENFORCE, false, rules, null));
  }

  @AfterEach
  void stop() {
    kith.close();
  }

  private static CheckRequest tls(String to, String sni) {
    var request = l4(address(POD, 1_234), address(to, 443)).toBuilder();
    request.getAttributesBuilder().getTlsSessionBuilder().setSni(sni);
    return request.build();
  }

  private static CheckRequest http(String to, String host) {
    var request = l4(address(POD, 1_234), address(to, 443)).toBuilder();
    request
        .getAttributesBuilder()
        .getRequestBuilder()
        .getHttpBuilder()
        .setMethod("POST")
        .setHost(host)
        .setPath("/");
    return request.build();
  }

  private CheckResponse check(CheckRequest request, String cluster) {
    return kith.check(request, headers("x-kith-direction", "outbound", "x-kith-cluster", cluster));
  }

  private static void assertDenied(CheckResponse response, String reason) {
    assertThat(response.getStatus().getCode()).isEqualTo(7);
    assertThat(said(response, "reason")).isEqualTo(reason);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kith_passthrough", // the standalone recipes
        "kith_gate_passthrough",
        "PassthroughCluster", // Istio
        "outbound|443||*.psp.example", // a ServiceEntry with a wildcard: the name picks the cluster
        "" // a proxy that does not say
      })
  void approvedName_beforeTheirOwnAddress_onPassthrough_isDenied(String cluster) {
    assertDenied(check(tls(THEIRS, APPROVED), cluster), "new_destination");
    assertDenied(check(tls(THEIRS, "API.psp.example."), cluster), "new_destination");
    assertDenied(check(http(THEIRS, APPROVED), cluster), "new_destination");
    assertDenied(check(http(THEIRS, APPROVED + ":443"), cluster), "new_destination");
    assertThat(kith.answered.getLast().record().flow())
        .satisfies(
            flow ->
                assertThat(flow.resolved().destination().name())
                    .as("what is known is the address")
                    .isEqualTo(THEIRS));
  }

  /** The bridge tells a name before it answers a question, and it may not have told it before. */
  @Test
  void connectionOfAKnownProcess_beforeItsNameIsHeard_isAskedAbout() {
    kith.processes.rememberProcess(attributed(APP));
    kith.processes.answer(
        _ -> {
          kith.processes.told(Set.of(APPROVED));
          return CompletableFuture.completedFuture(attributed(APP));
        });

    assertThat(said(check(tls(THEIRS, APPROVED), "kith_passthrough"), "edge")).isEqualTo(EDGE.id());
    assertThat(kith.processes.asked()).hasSize(1);
    assertThat(kith.processes.used()).as("what was asked about all the same").isEmpty();

    check(tls(THEIRS, APPROVED), "kith_passthrough");
    check(l4To(THEIRS), "kith_passthrough");
    kith.processes.told(Set.of());
    check(http(THEIRS, THEIRS), "kith_passthrough");
    check(tls(THEIRS, APPROVED), "outbound|443||" + APPROVED);
    assertThat(kith.processes.asked()).as("what no name can change").hasSize(1);
    assertThat(kith.processes.used()).hasSize(4);
  }

  /** {@code outboundTrafficPolicy: ALLOW_ANY_DYNAMIC_DNS}: the dialled address is not looked at. */
  @Test
  void requestThatEnvoySendsByItsHost_isJudgedByTheHostAndItsPort() {
    var cluster = "AllowAnyDynamicDNSCluster;";

    assertThat(said(check(http(THEIRS, APPROVED + ":443"), cluster), "edge")).isEqualTo(EDGE.id());
    assertDenied(check(http(THEIRS, APPROVED), cluster), "new_destination");
    assertDenied(check(http(THEIRS, "drop.evil.example:443"), cluster), "new_destination");
    assertDenied(check(http(THEIRS, "169.254.169.254:443"), cluster), "new_destination");
    assertDenied(check(http(THEIRS, "2130706433:443"), cluster), "name_mismatch");
    assertDenied(check(l4To(THEIRS), cluster), "name_mismatch");
  }

  @Test
  void approvedName_thatEnvoyResolvedItself_isAllowed_whateverTheClientSays() {
    var routed = "outbound|443||" + APPROVED;

    for (var request : List.of(tls(THEIRS, APPROVED), tls(THEIRS, "x.example"), l4To(THEIRS))) {
      assertThat(said(check(request, routed), "edge")).isEqualTo(EDGE.id());
    }
  }

  private static CheckRequest l4To(String to) {
    return l4(address(POD, 1_234), address(to, 443));
  }

  @Test
  void approvedName_onPassthrough_countsOnlyWithADnsAnswerForThatAddress() {
    var answered = Set.of(APPROVED);

    assertThat(resolved(APPROVED, answered).name()).isEqualTo(APPROVED);
    assertThat(EDGE.destination().covers(resolved(APPROVED, answered))).isTrue();
    assertThat(EDGE.destination().covers(resolved(APPROVED, Set.of("drop.evil.example"))))
        .as("the address was given for another name")
        .isFalse();
    assertThat(EDGE.destination().covers(resolved(APPROVED, Set.of()))).isFalse();
    assertThat(EDGE.destination().covers(resolved("drop.evil.example", answered))).isFalse();
  }

  @Test
  void approvedName_onPassthrough_isAllowedWhereThePodWasToldThatAddress() {
    kith.processes.told(Set.of(APPROVED));
    assertThat(said(check(tls(THEIRS, APPROVED), "kith_passthrough"), "edge")).isEqualTo(EDGE.id());
    assertDenied(check(tls(THEIRS, "drop.evil.example"), "kith_passthrough"), "new_destination");

    kith.processes.told(Set.of("drop.evil.example"));
    assertDenied(check(tls(THEIRS, APPROVED), "kith_passthrough"), "new_destination");
  }

  /** Whoever answers for an approved name has the workload fetch its own credentials. */
  @Test
  void approvedName_whoseDnsAnswerIsTheMetadataService_isDenied() {
    kith.processes.told(Set.of(APPROVED, "metadata.google.internal"));

    assertDenied(check(tls("169.254.169.254", APPROVED), "kith_passthrough"), "new_destination");
    assertThat(name("169.254.169.254", APPROVED)).isEqualTo("169.254.169.254");
    assertThat(name("169.254.169.254", "metadata.google.internal"))
        .as("its own name")
        .isEqualTo("metadata.google.internal");
  }

  private static String name(String address, String sni) {
    return new DestinationFacts(
            IpAddress.parse(address), 80, Protocol.TCP, "kith_passthrough", sni, null, Set.of(sni))
        .resolve(Samples.directory())
        .destination()
        .name();
  }

  private static io.kith.baselines.destination.Destination resolved(
      String sni, Set<String> answered) {
    return new DestinationFacts(
            IpAddress.parse(THEIRS), 443, Protocol.TCP, "kith_passthrough", sni, null, answered)
        .resolve(Samples.directory())
        .destination();
  }

  @Test
  void pathThatIsMissing_isUnattributed_thoughTheProgramIsNamedLikeTheApproved() {
    var named = APP.fingerprint().program();
    var fingerprint =
        new ProcessFingerprint(
            "",
            null,
            Origin.UNKNOWN,
            1_000,
            EntryKind.NATIVE,
            named,
            null,
            List.of(),
            null,
            null,
            List.of(),
            false);
    kith.processes.answer(
        attributed(
            new Candidate(
                "fp:x", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of())));

    assertDenied(check(l4To(THEIRS), "outbound|443||" + APPROVED), "unattributed");
  }
}
