package io.kith.server.check;

import static io.kith.server.check.Samples.APP;
import static io.kith.server.check.Samples.CHECKOUT;
import static io.kith.server.check.Samples.CURL;
import static io.kith.server.check.Samples.OWNER;
import static io.kith.server.check.Samples.POD;
import static io.kith.server.check.Samples.address;
import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.config.core.v3.HeaderValueOption.HeaderAppendAction;
import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Rung;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.provenance.Proof;
import java.io.IOException;
import java.time.Instant;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ProvenanceHeadersTest {
  static final Owner CATALOG = Owner.parse("shop/deployment/catalog");
  static final SpiffeId CATALOG_ID = SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/catalog");
  static final String CATALOG_POD = "10.88.1.11";
  private static final String LEDGER_POD = "10.88.1.12";
  private static final String OUTSIDE = "203.0.113.7";
  private static final String ROUTED = "outbound|8080||catalog.shop.svc.cluster.local";
  static final Instant NOON = Instant.parse("2026-03-01T12:00:00Z");

  private volatile Instant now = NOON;
  private ServiceUnderTest kith;

  static StaticWorkloadDirectory directory() {
    return new StaticWorkloadDirectory(
        List.of(
            entry(OWNER, CHECKOUT, POD),
            entry(CATALOG, CATALOG_ID, CATALOG_POD, "catalog", "catalog.shop.svc.cluster.local"),
            entry(
                Owner.parse("shop/deployment/ledger"),
                SpiffeId.parse("spiffe://dev.kith.local/ns/shop/sa/ledger"),
                LEDGER_POD,
                "ledger"),
            new StaticWorkloadDirectory.Entry(
                Owner.parse("shop/statefulset/orders-db"),
                null,
                "prod",
                List.of(IpAddress.parse(Samples.DATABASE)),
                List.of())));
  }

  private static StaticWorkloadDirectory.Entry entry(
      Owner owner, SpiffeId id, String address, String... names) {
    return new StaticWorkloadDirectory.Entry(
        owner, id, "prod", List.of(IpAddress.parse(address)), List.of(names));
  }

  @BeforeEach
  void start() throws IOException {
    start(directory(), MeshKeys.fresh());
  }

  private void start(WorkloadDirectory directory, MeshKeys keys) throws IOException {
    kith =
        new ServiceUnderTest(
            ServiceUnderTest.settings(), directory, keys, CheckObserver.none(), () -> now);
    kith.policy.decideBy(Samples.snapshot(Mode.OBSERVE));
  }

  @AfterEach
  void stop() {
    kith.close();
  }

  private static CheckRequest request(String to, String host) {
    var request = Samples.l4(address(POD, 1234), address(to, 8080)).toBuilder();
    request
        .getAttributesBuilder()
        .getRequestBuilder()
        .getHttpBuilder()
        .setMethod("GET")
        .setHost(host)
        .setPath("/");
    return request.build();
  }

  private CheckResponse check(String to, String host, String cluster) {
    return kith.check(
        request(to, host),
        Samples.headers(
            "x-kith-direction", "outbound", "x-kith-node", "node-1", "x-kith-cluster", cluster));
  }

  /** The token of an answer; empty when it has none, and then the application's is removed. */
  private static String token(CheckResponse response) {
    assertThat(response.getStatus().getCode()).isZero();
    var ok = response.getOkResponse();
    if (ok.getHeadersCount() == 0) {
      assertThat(ok.getHeadersToRemoveList()).containsExactly("x-kith-provenance");
      return "";
    }
    assertThat(ok.getHeadersToRemoveList()).isEmpty();
    var header = ok.getHeadersList().getFirst();
    assertThat(header.getHeader().getKey()).isEqualTo("x-kith-provenance");
    assertThat(header.getAppendAction()).isEqualTo(HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD);
    return header.getHeader().getValue();
  }

  private Proof proof(String token) {
    return kith.keys.check(token, CHECKOUT, CATALOG, now);
  }

  @Test
  void check_allowedRequestInsideTheMesh_carriesProof() {
    var proof = proof(token(check(CATALOG_POD, "catalog:8080", "kith_passthrough")));

    assertThat(proof)
        .isInstanceOfSatisfying(
            Proof.Good.class,
            good -> {
              assertThat(good.token().workload()).isEqualTo(OWNER);
              assertThat(good.token().processClass()).isEqualTo(APP.processClass().id());
              assertThat(good.token().expires()).isEqualTo(NOON.plusSeconds(60));
            });
  }

  /** In a sidecar of Istio, or where the workload dials Envoy on loopback. */
  @ParameterizedTest
  @ValueSource(strings = {ROUTED, "catalog", "CATALOG"})
  void check_routedByName_carriesProofForWhoseNameItIs(String cluster) {
    assertThat(proof(token(check("127.0.0.1", "anything", cluster))))
        .isInstanceOf(Proof.Good.class);
  }

  @Test
  void check_outsideTheMesh_carriesNone() {
    assertThat(token(check(OUTSIDE, "catalog", "kith_passthrough"))).isEmpty();
    assertThat(token(check(OUTSIDE, "api.example.com", "outbound|443||api.example.com"))).isEmpty();
    assertThat(token(check(OUTSIDE, "catalog", "outbound|443||*.example.com"))).isEmpty();
  }

  /** Envoy routes by host, whatever was dialled: neither of the two gets a token of the other. */
  @Test
  void check_routedElsewhereThanDialled_carriesNone() {
    assertThat(token(check(LEDGER_POD, "catalog", ROUTED))).isEmpty();
    assertThat(token(check(CATALOG_POD, "api.example.com", "outbound|443||api.example.com")))
        .isEmpty();
  }

  /** Where Envoy sends by the host itself, who was dialled gets no token of whom it leads to. */
  @Test
  void check_sentByItsHost_carriesProofOnlyForWhoWasDialled() {
    var byHost = "AllowAnyDynamicDNSCluster;";

    assertThat(proof(token(check(CATALOG_POD, CATALOG_POD + ":8080", byHost))))
        .isInstanceOf(Proof.Good.class);
    assertThat(token(check(LEDGER_POD, CATALOG_POD + ":8080", byHost))).isEmpty();
    assertThat(token(check(CATALOG_POD, LEDGER_POD + ":8080", byHost))).isEmpty();
    assertThat(token(check(CATALOG_POD, "api.example.com", byHost))).isEmpty();
  }

  /** What a headless Service's cluster sends to is what was dialled, whoever's name it has. */
  @Test
  void check_passedThroughToAnAddressOfNobody_carriesNone() throws IOException {
    kith.close();
    start(passingThrough(), MeshKeys.fresh());

    assertThat(token(check(OUTSIDE, "anything", ROUTED))).isEmpty();
    assertThat(proof(token(check(CATALOG_POD, "catalog", ROUTED)))).isInstanceOf(Proof.Good.class);
  }

  @Test
  void check_byAServerThatSharesNoSecret_carriesNone() throws IOException {
    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isNotEmpty();
    kith.close();
    start(directory(), MeshKeys.none());

    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isEmpty();
  }

  /** A mesh whose services lead to the catalog's pod alone. */
  private static WorkloadDirectory passingThrough() {
    var known = directory();
    return new WorkloadDirectory() {
      @Override
      public boolean leadsTo(String service, IpAddress dialled) {
        return dialled.toString().equals(CATALOG_POD);
      }

      @Override
      public @Nullable Workload speaking(SpiffeId id, IpAddress address) {
        return known.speaking(id, address);
      }

      @Override
      public @Nullable Workload at(IpAddress address) {
        return known.at(address);
      }

      @Override
      public @Nullable Workload named(String name) {
        return known.named(name);
      }

      @Override
      public Collection<Workload> all() {
        return known.all();
      }
    };
  }

  /** Who has no identity has no proxy that would look at it. */
  @Test
  void check_toAWorkloadWithoutIdentity_carriesNone() {
    assertThat(token(check(Samples.DATABASE, "db", "kith_passthrough"))).isEmpty();
  }

  @Test
  void check_notWitnessed_carriesNone() {
    kith.processes.answer(new Attribution.Unattributed(Rung.NONE, List.of("no owner")));
    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isEmpty();

    kith.processes.answer(new Attribution.BridgeUnavailable("no bridge"));
    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isEmpty();

    kith.processes.answer(Samples.attributed(Samples.candidate(""))); // as of another workload
    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isEmpty();
  }

  @Test
  void check_failedInside_carriesNone() {
    kith.processes.answer(
        _ -> {
          throw new IllegalStateException("a bug");
        });

    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isEmpty();
  }

  @Test
  void check_ofAConnection_isAnsweredWithoutHeaders() {
    var response = kith.check(Samples.l4(address(POD, 1), address(CATALOG_POD, 8080)));

    assertThat(response.getStatus().getCode()).isZero();
    assertThat(response.hasOkResponse()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(
      value = Mode.class,
      names = {"ENFORCE"})
  void check_denied_carriesNone(Mode mode) {
    kith.policy.decideBy(Samples.snapshot(mode));
    kith.processes.answer(Samples.attributed(CURL));

    var response = check(CATALOG_POD, "catalog", ROUTED);

    assertThat(response.getStatus().getCode()).isEqualTo(7);
    assertThat(response.toString()).doesNotContain("x-kith-provenance");
  }

  /** However often it is asked for, what is given out counts for forty seconds at least. */
  @Test
  void check_asTimeGoesOn_tokenIsRepeatedAndAlwaysFresh() {
    var random = new Random(31);
    var tokens = new HashSet<String>();
    var asked = 0;
    for (; now.isBefore(NOON.plusSeconds(600)); asked++) {
      var token = token(check(CATALOG_POD, "catalog", ROUTED));
      tokens.add(token);
      assertThat(kith.keys.check(token, CHECKOUT, CATALOG, now.plusSeconds(40)))
          .as("%s at %s, seed 31", token, now)
          .isInstanceOfSatisfying(
              Proof.Good.class,
              good -> assertThat(good.token().expires()).isAfter(now.plusSeconds(40)));
      now = now.plusMillis(random.nextInt(3_000));
    }
    assertThat(tokens).hasSizeBetween(20, 32).hasSizeLessThan(asked / 5);
  }

  @Test
  void check_afterTheClockWasSetBack_tokenIsOfNow() {
    check(CATALOG_POD, "catalog", ROUTED);
    now = NOON.minusSeconds(3_600);

    assertThat(proof(token(check(CATALOG_POD, "catalog", ROUTED)))).isInstanceOf(Proof.Good.class);
  }

  /** The bridge's answer about a connection is reused, and so is what its requests carry. */
  @Test
  void check_onAConnectionThatIsKnown_isAsOnAnyOther() {
    kith.processes.remember(Samples.attributed(APP));

    var first = token(check(CATALOG_POD, "catalog", ROUTED));
    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isEqualTo(first);
    assertThat(token(check(CATALOG_POD, "api.example.com", "outbound|443||api.example.com")))
        .isEmpty();
    assertThat(token(check(LEDGER_POD, "ledger", "kith_passthrough"))).isNotEmpty();
    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isEqualTo(first);
    now = NOON.plusSeconds(20);
    assertThat(token(check(CATALOG_POD, "catalog", ROUTED))).isNotEmpty().isNotEqualTo(first);
    now = NOON.minusSeconds(1);
    assertThat(proof(token(check(CATALOG_POD, "catalog", ROUTED)))).isInstanceOf(Proof.Good.class);
  }

  /** One token for all the requests of a way, another for every other way. */
  @Test
  void check_anotherProcessOrDestination_hasATokenOfItsOwn() {
    var app = token(check(CATALOG_POD, "catalog", ROUTED));
    var ledger = token(check(LEDGER_POD, "ledger", "kith_passthrough"));
    kith.processes.answer(Samples.attributed(CURL));
    var curl = token(check(CATALOG_POD, "catalog", ROUTED));

    assertThat(List.of(app, ledger, curl)).doesNotHaveDuplicates().doesNotContain("");
    assertThat(token(check(CATALOG_POD, "catalog:8080", "kith_passthrough"))).isEqualTo(curl);
  }
}
