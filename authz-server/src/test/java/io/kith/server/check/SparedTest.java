package io.kith.server.check;

import static io.kith.server.check.Samples.APP;
import static io.kith.server.check.ServiceUnderTest.said;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.envoyproxy.envoy.service.auth.v3.CheckRequest;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.grpc.Metadata;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.WorkloadDirectory;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SparedTest {
  private static final String CLUSTER = "kith_passthrough";
  private ServiceUnderTest service;

  @BeforeEach
  void start() throws IOException {
    service = new ServiceUnderTest(ServiceUnderTest.settings());
    service.processes.answer(Samples.attributed(APP));
  }

  @AfterEach
  void stop() {
    service.close();
  }

  private static Metadata asking(String... more) {
    var headers = Samples.headers("x-kith-direction", "outbound", "x-kith-node", "node-1");
    headers.merge(Samples.headers(more));
    return headers;
  }

  private CheckResponse check(CheckRequest request) {
    return service.check(request, asking("x-kith-spare", CLUSTER));
  }

  private static void assertSparesNothing(CheckResponse response) {
    assertThat(response.getDynamicMetadata().getFieldsMap().keySet())
        .noneMatch(field -> field.startsWith("spare"));
  }

  @Test
  void check_allowedByALastingEdge_namesClusterAndHosts() {
    var response = check(Samples.l4());

    assertThat(said(response, "decision")).isEqualTo("allow");
    assertThat(said(response, "spare_cluster")).isEqualTo(CLUSTER);
    assertThat(said(response, "spare_host_1")).isEqualTo("10.88.2.10:5432");
    assertThat(response.getDynamicMetadata().getFieldsMap()).doesNotContainKey("spare_host_2");
  }

  /** The answer names the edge of one of them; that of the other may end. */
  @Test
  void check_ofSeveralCandidates_sparesNothing() {
    var edge =
        Edge.byHand(
            Samples.CURL.processClass(),
            Samples.EDGE.destination(),
            null,
            null,
            new Provenance.ByHand("ops", "for now", Instant.now().plusSeconds(3_600)));
    var rules =
        Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of(Samples.EDGE, edge)), List.of());
    service.policy.decideBy(new Snapshot(Mode.ENFORCE, false, rules, null));
    service.processes.answer(Samples.attributed(APP, Samples.CURL));

    var response = check(Samples.l4());

    assertThat(said(response, "decision")).isEqualTo("allow");
    assertSparesNothing(response);
  }

  /** The floor behind the check lets pass what was answered, and a spared request was not. */
  @Test
  void check_inFrontOfAFloor_sparesNothing() {
    var response =
        service.check(Samples.l4(), asking("x-kith-spare", CLUSTER, "x-kith-failure", "floor"));

    assertThat(said(response, "decision")).isEqualTo("allow");
    assertSparesNothing(response);
    assertThat(
            said(
                service.check(
                    Samples.l4(), asking("x-kith-spare", CLUSTER, "x-kith-failure", "closed")),
                "spare_cluster"))
        .isEqualTo(CLUSTER);
  }

  /** A spared request has no token, so its receiver would refuse it. */
  @Test
  void check_towardsWhoAsksForProof_sparesNothing() {
    service.policy.ask(Inbound.REQUIRE);

    assertSparesNothing(check(Samples.l4()));
  }

  @Test
  void check_ofARecipeWithoutTheShortCut_sparesNothing() {
    assertSparesNothing(service.check(Samples.l4(), asking()));
  }

  @Test
  void check_ofARequest_sparesNothing() {
    assertSparesNothing(check(Samples.l7("10.88.2.10:5432")));
  }

  @Test
  void check_denied_sparesNothing() {
    service.processes.answer(Samples.attributed(Samples.CURL));

    var response = check(Samples.l4());

    assertThat(said(response, "decision")).isEqualTo("deny");
    assertSparesNothing(response);
  }

  @ParameterizedTest
  @EnumSource(
      value = Mode.class,
      names = {"OBSERVE", "SHADOW"})
  void check_notUnderEnforce_sparesNothing(Mode mode) {
    service.policy.decideBy(Samples.snapshot(mode));

    var response = check(Samples.l4());

    assertThat(said(response, "decision")).isEqualTo("allow");
    assertSparesNothing(response);
  }

  @Test
  void check_allowedForAWhile_sparesNothing() {
    var edge =
        Edge.byHand(
            APP.processClass(),
            Samples.EDGE.destination(),
            null,
            null,
            new Provenance.ByHand("ops", "for now", Instant.now().plusSeconds(3_600)));
    var rules = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of(edge)), List.of());
    service.policy.decideBy(new Snapshot(Mode.ENFORCE, false, rules, null));

    var response = check(Samples.l4());

    assertThat(said(response, "decision")).isEqualTo("allow");
    assertSparesNothing(response);
  }

  @Test
  void check_refusedByTheNextRevision_sparesNothing() {
    var nothing = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of()), List.of());
    var now = Snapshot.Rules.of(Baseline.of(Samples.OWNER, null, List.of(Samples.EDGE)), List.of());
    service.policy.decideBy(new Snapshot(Mode.ENFORCE, false, now, nothing));

    var response = check(Samples.l4());

    assertThat(said(response, "shadow")).isEqualTo("deny");
    assertSparesNothing(response);
  }

  @Test
  void check_clusterOfAnyLength_isNotRepeatedWithoutBound() {
    assertSparesNothing(service.check(Samples.l4(), asking("x-kith-spare", "c".repeat(1_000))));
  }

  /** A sidecar does not know yet where requests of a connection will be routed. */
  @Test
  void check_ofASidecar_namesTheClusterOfTheServiceCalledAsTheOwner() {
    var response = service.check(Samples.l4(), asking("x-kith-spare", "istio"));

    assertThat(said(response, "spare_cluster"))
        .isEqualTo("outbound|5432||orders-db.shop.svc.cluster.local");
    assertThat(said(response, "spare_host_1")).isEqualTo("10.88.2.10:5432");
  }

  private static final String DATABASE = "orders-db.shop.svc.cluster.local";

  /** The database is a workload, and a person denied it by its service's name. */
  private void denyTheDatabaseByName() {
    var rule =
        HandRule.of(
            ProcessPattern.ANY,
            new Written(new Place.Named(DATABASE, Evidence.ADDRESS), Ports.ANY, null),
            Strictness.CLASS,
            null,
            null,
            new Provenance.ByHand("ann", "INC-1", null));
    var rules =
        Snapshot.Rules.of(
            Baseline.of(Samples.OWNER, null, List.of(Samples.EDGE)),
            List.of(),
            new HandRules(List.of(), List.of(rule), List.of()));
    service.policy.decideBy(new Snapshot(Mode.ENFORCE, false, rules, null));
  }

  @Test
  void check_routedToAServiceThatIsDeniedByItsName_isDenied() {
    denyTheDatabaseByName();
    var there = "outbound|5432||" + DATABASE;

    for (var request : List.of(Samples.l4(), Samples.l7(DATABASE))) {
      assertThat(said(service.check(request, asking("x-kith-cluster", there)), "reason"))
          .isEqualTo("denied_by_hand");
    }
    for (var other : List.of("outbound|5432||reports.shop.svc.cluster.local", CLUSTER)) {
      assertThat(said(service.check(Samples.l4(), asking("x-kith-cluster", other)), "decision"))
          .isEqualTo("allow");
    }
  }

  /** Its requests have a name that the connection's Check does not say. */
  @Test
  void check_ofASidecar_whereTheServiceIsDeniedByItsName_sparesNothing() {
    denyTheDatabaseByName();

    var response = service.check(Samples.l4(), asking("x-kith-spare", "istio"));

    assertThat(said(response, "decision")).isEqualTo("allow");
    assertSparesNothing(response);
  }

  /** So that the connection ends when the service is denied by its name later. */
  @Test
  void check_ofASidecar_isRememberedByTheNameOfItsRequestsToo() {
    var _ = service.check(Samples.l4(), asking("x-kith-spare", "istio"));

    var flow = requireNonNull(service.answered.getLast().record().flow());
    assertThat(requireNonNull(flow.resolved().also()).name()).isEqualTo(DATABASE);
    assertThat(flow.resolved().destination().name()).isEqualTo("shop/statefulset/orders-db");
  }

  @Test
  void cluster_ofASidecar_whereNobodyHasTheAddress_isNone() {
    var facts =
        CheckFacts.read(
            CheckMessage.read(
                Samples.l4(Samples.address(Samples.POD, 1), Samples.address("192.0.2.1", 80))
                    .toByteArray()),
            Samples.metadata());

    var connection = (CheckFacts.Connection) facts;

    assertThat(Spared.cluster("istio", connection, directory())).isNull();
    assertThat(Spared.cluster(CLUSTER, connection, directory())).isEqualTo(CLUSTER);
  }

  // ---- hosts

  private static WorkloadDirectory directory(String... names) {
    return new StaticWorkloadDirectory(
        List.of(
            entry("shop/deployment/catalog", "10.88.2.11", names),
            entry("shop/deployment/orders", "10.88.2.12", "orders", "catalog.shop.svc")));
  }

  private static StaticWorkloadDirectory.Entry entry(String owner, String at, String... names) {
    return new StaticWorkloadDirectory.Entry(
        Owner.parse(owner), null, "prod", List.of(IpAddress.parse(at)), List.of(names));
  }

  private static List<String> hosts(String address, int port, WorkloadDirectory directory) {
    return spared(address, port, CLUSTER, directory).hosts();
  }

  /** As the check of a connection comes to it, in front of an HTTP manager: without a cluster. */
  private static Spared spared(
      String address, int port, String cluster, WorkloadDirectory directory) {
    var facts =
        CheckFacts.read(
            CheckMessage.read(
                Samples.l4(Samples.address(Samples.POD, 1234), Samples.address(address, port))
                    .toByteArray()),
            Samples.metadata());
    var connection = (CheckFacts.Connection) facts;
    var flow =
        new Flow(
            Samples.CHECKOUT,
            Samples.attributed(APP),
            connection.destinationFacts(Set.of()).resolve(directory));
    return Spared.of(connection, cluster, flow, directory, _ -> true);
  }

  @Test
  void hosts_areTheNamesOfWhoeverHasTheAddress() {
    assertThat(hosts("10.88.2.11", 8080, directory("catalog", "catalog.shop.svc.cluster.local")))
        .containsExactly("10.88.2.11:8080", "catalog:8080", "catalog.shop.svc.cluster.local:8080");
  }

  @Test
  void hosts_nameThatLeadsElsewhere_isNone() {
    // catalog.shop.svc leads to orders in this directory
    assertThat(hosts("10.88.2.11", 8080, directory("catalog")))
        .containsExactly("10.88.2.11:8080", "catalog:8080");
  }

  @Test
  void hosts_onThePortOfHttp_areWithoutIt() {
    assertThat(hosts("10.88.2.11", 80, directory("catalog")))
        .containsExactly("10.88.2.11", "catalog");
  }

  @Test
  void hosts_ofAnAddressThatNobodyOwns_areTheAddress() {
    assertThat(hosts("192.0.2.1", 8080, directory())).containsExactly("192.0.2.1:8080");
    assertThat(hosts("2001:db8::1", 8080, directory())).isEmpty(); // has many spellings
  }

  @Test
  void hosts_clusterThatNamesAnotherDestination_isNotSpared() {
    assertThat(spared("192.0.2.1", 8080, "outbound|8080||orders.shop", directory()).hosts())
        .isEmpty();
  }
}
