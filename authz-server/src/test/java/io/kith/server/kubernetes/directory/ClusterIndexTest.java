package io.kith.server.kubernetes.directory;

import static io.kith.server.kubernetes.directory.Cluster.alias;
import static io.kith.server.kubernetes.directory.Cluster.at;
import static io.kith.server.kubernetes.directory.Cluster.deployed;
import static io.kith.server.kubernetes.directory.Cluster.endpoints;
import static io.kith.server.kubernetes.directory.Cluster.entry;
import static io.kith.server.kubernetes.directory.Cluster.id;
import static io.kith.server.kubernetes.directory.Cluster.ip;
import static io.kith.server.kubernetes.directory.Cluster.leaving;
import static io.kith.server.kubernetes.directory.Cluster.lookedUp;
import static io.kith.server.kubernetes.directory.Cluster.name;
import static io.kith.server.kubernetes.directory.Cluster.named;
import static io.kith.server.kubernetes.directory.Cluster.onNode;
import static io.kith.server.kubernetes.directory.Cluster.passing;
import static io.kith.server.kubernetes.directory.Cluster.pod;
import static io.kith.server.kubernetes.directory.Cluster.replicaSet;
import static io.kith.server.kubernetes.directory.Cluster.service;
import static io.kith.server.kubernetes.directory.Cluster.slice;
import static io.kith.server.kubernetes.directory.Cluster.speaking;
import static io.kith.server.kubernetes.directory.Cluster.statefulSet;
import static io.kith.server.kubernetes.directory.Cluster.withoutSidecar;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.server.kubernetes.ClusterPods.MeshedPod;
import io.kith.server.kubernetes.ClusterServices;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterIndexTest {
  private static final String WEB = "shop/deployment/web";
  private static final String DB = "shop/statefulset/db";

  private final ClusterIndex index = Cluster.index();

  private Workload workload(String address) {
    return requireNonNull(index.at(ip(address)));
  }

  private void deployWeb() {
    index.put(deployed("shop/web-1", "web"));
    index.put(pod("shop/web-1-a", "web", replicaSet("web-1"), 10, "10.0.0.1", "fd00::1"));
  }

  // ---- pods and their owners

  @Test
  void pod_isItsDeployments_byAddressAndById() {
    deployWeb();

    assertThat(at(index, "10.0.0.1")).isEqualTo(WEB);
    assertThat(at(index, "fd00::1")).isEqualTo(WEB);
    assertThat(speaking(index, "shop/web", "10.0.0.1")).isEqualTo(WEB);
    assertThat(index.at(ip("10.0.0.1")))
        .isEqualTo(new Workload(Owner.parse(WEB), "default", Set.of(id("shop/web"))));
    assertThat(index.tells(id("shop/main"), ip("10.0.0.1"))).isTrue();
    assertThat(index.tells(id("shop/main"), ip("10.0.0.2"))).isFalse();
  }

  @Test
  void meshed_areThoseThatRunWithASidecar() {
    deployWeb();
    index.put(pod("shop/web-1-b", "web", replicaSet("web-1"), 20, "10.0.0.2"));
    index.put(withoutSidecar(pod("shop/web-1-c", replicaSet("web-1"), 20, "10.0.0.3")));
    index.put(leaving(pod("shop/web-1-d", "web", replicaSet("web-1"), 20, "10.0.0.4")));
    index.put(pod("shop/web-1-e", "web", replicaSet("web-1"), 20));
    index.put(pod("shop/db-0", statefulSet("db"), 20, "10.0.0.5"));
    var web = Owner.parse(WEB);

    assertThat(index.meshed(web::equals))
        .containsExactlyInAnyOrder(
            new MeshedPod(
                web,
                "shop/web-1-a",
                List.of(ip("10.0.0.1"), ip("fd00::1")),
                Instant.ofEpochSecond(10)),
            new MeshedPod(web, "shop/web-1-b", List.of(ip("10.0.0.2")), Instant.ofEpochSecond(20)));
    assertThat(index.ownerOf("shop", "web-1-e")).isEqualTo(web);
    assertThat(index.ownerOf("pay", "web-1-e")).isNull();
  }

  /** An address that two claim is nobody's alone, and of several hosts it is not known whose. */
  @Test
  void nodeOf_isThatOfTheOnlyPodThatStays() {
    index.put(onNode(pod("shop/db-0", statefulSet("db"), 20, "10.0.0.5"), "192.0.2.1", "fd00::9"));
    index.put(onNode(pod("shop/db-1", statefulSet("db"), 20, "10.0.0.6"), "192.0.2.2"));
    index.put(pod("shop/db-2", statefulSet("db"), 20, "10.0.0.7"));

    assertThat(index.nodeOf(ip("10.0.0.5"))).isEqualTo("192.0.2.1");
    assertThat(index.nodeOf(ip("10.0.0.7"))).isNull();
    assertThat(index.nodeOf(ip("10.0.0.8"))).isNull();
    assertThat(index.nodeOf(ip("192.0.2.1"))).isNull();
    assertThat(index.nodeAt(ip("fd00::9"))).isEqualTo("192.0.2.1");
    assertThat(index.nodeAt(ip("10.0.0.5"))).isNull();

    index.put(onNode(pod("shop/db-3", statefulSet("db"), 30, "10.0.0.5"), "192.0.2.2"));
    index.put(leaving(onNode(pod("shop/db-1", statefulSet("db"), 20, "10.0.0.6"), "192.0.2.2")));

    assertThat(index.nodeOf(ip("10.0.0.5"))).isNull();
    assertThat(index.nodeOf(ip("10.0.0.6"))).isNull();
  }

  @Test
  void services_haveTheirNames_andTheAddressesThatAreTheirsAlone() {
    deployWeb();
    index.put(service("shop/web", "10.96.0.1"));
    index.put(slice("shop/web-x", "shop/web", "10.0.0.1"));
    index.put(slice("shop/unknown-x", "shop/unknown", "10.0.0.1"));
    index.put(entry("evil/one", List.of("a.example"), List.of(ip("10.96.0.1")), List.of()));
    index.put(
        entry("evil/two", List.of("web.shop", "b.example"), List.of(ip("240.0.0.1")), List.of()));
    index.put(entry("shop/se", List.of("c.example"), List.of(ip("240.0.0.2")), List.of()));

    assertThat(index.services())
        .containsExactlyInAnyOrder(
            new ClusterServices.Known(
                "shop",
                List.of("web", "web.shop", "web.shop.svc", "web.shop.svc." + Cluster.DOMAIN),
                List.of(ip("10.96.0.1")),
                List.of(80),
                Owner.parse(WEB)),
            new ClusterServices.Known("evil", List.of("a.example"), List.of(), List.of(443), null),
            new ClusterServices.Known("evil", List.of("b.example"), List.of(), List.of(443), null),
            new ClusterServices.Known(
                "shop", List.of("c.example"), List.of(ip("240.0.0.2")), List.of(443), null));

    index.removeService(name("shop/web"));
    index.removeEntry(name("shop/se"));
    assertThat(index.services()).hasSize(2);
  }

  /** istiod has Envoy send to whatever was dialled, by a cluster that is called as the Service. */
  @Test
  void headlessService_leadsToItsEndpointsAlone() {
    index.put(service("shop/db"));
    index.put(slice("shop/db-1", "shop/db", "10.0.0.5", "192.0.2.7"));
    index.put(service("shop/web", "10.96.0.1"));
    index.put(alias("shop/other", "db.shop.svc." + Cluster.DOMAIN));
    // which anybody may write
    index.put(passed("evil/se", "web.shop.svc." + Cluster.DOMAIN));

    assertThat(leads("db.shop.svc." + Cluster.DOMAIN, "10.0.0.5", "192.0.2.7")).isTrue();
    assertThat(leads("db.shop.svc." + Cluster.DOMAIN, "203.0.113.9")).isFalse();
    assertThat(leads("web.shop.svc." + Cluster.DOMAIN, "203.0.113.9")).isTrue();
    assertThat(leads("other.shop.svc." + Cluster.DOMAIN, "203.0.113.9")).isTrue();
    assertThat(leads("unknown.example", "203.0.113.9")).isTrue();

    index.put(slice("shop/db-1", "shop/db", "10.0.0.5"));
    assertThat(leads("db.shop.svc." + Cluster.DOMAIN, "192.0.2.7")).isFalse();
  }

  @Test
  void serviceEntryWithoutResolution_leadsToItsAddressesAlone() {
    index.put(passed("shop/se", "api.example", "198.51.100.0/24"));
    index.put(entry("shop/resolved", List.of("dns.example"), List.of(), List.of()));

    assertThat(leads("api.example", "198.51.100.9")).isTrue();
    assertThat(leads("api.example", "203.0.113.9")).isFalse();
    assertThat(leads("dns.example", "203.0.113.9")).isTrue();

    // which of the two Envoy has is not known
    index.put(passed("evil/se", "dns.example"));
    assertThat(leads("dns.example", "203.0.113.9")).isFalse();
    index.removeEntry(name("evil/se"));
    assertThat(leads("dns.example", "203.0.113.9")).isTrue();

    index.put(entry("shop/se", List.of("api.example"), List.of(), List.of()));
    assertThat(leads("api.example", "203.0.113.9")).isTrue();
  }

  private boolean leads(String service, String... dialled) {
    return Stream.of(dialled).allMatch(one -> index.leadsTo(service, ip(one)));
  }

  private static Facts.Entry passed(String name, String host, String... blocks) {
    return new Facts.Entry(
        name(name),
        List.of(host),
        List.of(),
        Stream.of(blocks).map(Cidr::parse).toList(),
        List.of(),
        null,
        List.of(443),
        true,
        List.of());
  }

  @Test
  void wildcard_isLookedUp_asLongAsAServiceEntrySaysSo() {
    assertThat(index.looksUp("*.example.org")).isFalse();

    index.put(lookedUp("shop/one", "*.example.org"));
    index.put(lookedUp("shop/two", "*.example.org"));
    index.put(lookedUp("shop/two", "*.example.net"));
    assertThat(index.looksUp("*.example.org")).isTrue();
    assertThat(index.looksUp("*.example.net")).isTrue();

    index.removeEntry(name("shop/one"));
    assertThat(index.looksUp("*.example.org")).isFalse();
    assertThat(index.looksUp("*.example.net")).isTrue();
  }

  // ---- what DestinationRules pass through

  private static final String DB_HOST = "db.shop.svc." + Cluster.DOMAIN;
  private static final String ELSEWHERE = "203.0.113.9";

  /** Two Services, and a ServiceEntry by DNS. */
  private void serve() {
    index.put(service("shop/db", "10.96.0.5", "fd96::5"));
    index.put(slice("shop/db-1", "shop/db", "10.0.0.5", "192.0.2.7"));
    index.put(service("pay/db", "10.96.0.6"));
    index.put(entry("shop/se", List.of("api.example.org"), List.of(), List.of()));
  }

  /** istiod has Envoy send to whatever was dialled, by a cluster that is called as the Service. */
  @Test
  void serviceOfARuleThatPasses_leadsToItsAddressesAndEndpointsAlone() {
    serve();
    assertThat(leads(DB_HOST, ELSEWHERE)).isTrue();

    index.put(passing("shop/dr", "db"));

    assertThat(leads(DB_HOST, "10.96.0.5", "fd96::5", "10.0.0.5", "192.0.2.7")).isTrue();
    for (var name : List.of("db.shop", "db.shop.svc", DB_HOST)) {
      assertThat(leads(name, ELSEWHERE)).as(name).isFalse();
    }
    assertThat(leads(DB_HOST, "10.96.0.6")).as("of a namesake").isFalse();
    assertThat(leads("db.pay.svc." + Cluster.DOMAIN, ELSEWHERE)).isTrue();
    assertThat(leads("api.example.org", ELSEWHERE)).isTrue();

    index.put(slice("shop/db-1", "shop/db", "10.0.0.5"));
    assertThat(leads(DB_HOST, "192.0.2.7")).isFalse();
    index.put(service("shop/db"));
    assertThat(leads(DB_HOST, "10.96.0.5")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        DB_HOST,
        "db",
        "*",
        "*." + Cluster.DOMAIN,
        "*.shop.svc." + Cluster.DOMAIN,
        "*b.shop.svc." + Cluster.DOMAIN
      })
  void rule_isForTheServicesOfItsHost(String host) {
    serve();

    index.put(passing("shop/dr", host));

    assertThat(leads(DB_HOST, "10.96.0.5")).isTrue();
    assertThat(leads(DB_HOST, ELSEWHERE)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "web",
        "db.shop",
        "db.shop.svc",
        "db.pay.svc." + Cluster.DOMAIN,
        "*.pay.svc." + Cluster.DOMAIN,
        "*.db.shop.svc." + Cluster.DOMAIN,
        "*." + DB_HOST,
        "*.example.org",
        "a.*",
        ""
      })
  void rule_ofAnotherHost_isNotForIt(String host) {
    serve();

    index.put(passing("shop/dr", host));

    assertThat(leads(DB_HOST, ELSEWHERE)).isTrue();
  }

  /** Which of them Envoy has is istiod's to say. */
  @Test
  void rules_ofOtherNamespaces_passToo_untilAllAreGone() {
    serve();
    index.put(passing("pay/all", "*"));
    index.put(passing("istio-system/local", "*." + Cluster.DOMAIN));
    index.put(passing("shop/dr", DB_HOST));
    index.put(passing("pay/dr", DB_HOST));
    index.put(new Facts.Rule(name("shop/other"), DB_HOST, false));

    for (var rule : List.of("shop/dr", "pay/all", "istio-system/local", "pay/dr")) {
      assertThat(leads(DB_HOST, ELSEWHERE)).as("with " + rule).isFalse();
      index.removeRule(name(rule));
      index.removeRule(name(rule));
    }
    assertThat(leads(DB_HOST, ELSEWHERE)).isTrue();
  }

  @Test
  void rule_thatChanges_leavesNothingOfItsOldSelf() {
    serve();
    index.put(passing("shop/dr", "db"));
    index.put(passing("shop/dr", "db"));

    index.put(passing("shop/dr", "api.example.org"));
    assertThat(leads(DB_HOST, ELSEWHERE)).isTrue();
    assertThat(leads("api.example.org", ELSEWHERE)).isFalse();

    index.put(passing("shop/dr", "*.example.org"));
    assertThat(leads("api.example.org", ELSEWHERE)).isFalse();

    index.put(new Facts.Rule(name("shop/dr"), "*.example.org", false));
    assertThat(leads("api.example.org", ELSEWHERE)).isTrue();
  }

  @Test
  void serviceEntryOfARuleThatPasses_leadsToItsAddressesAndEndpointsAlone() {
    index.put(
        new Facts.Entry(
            name("shop/se"),
            List.of("api.example.org", "b.example.org"),
            List.of(ip("240.240.0.1")),
            List.of(Cidr.parse("198.51.100.0/24")),
            endpoints("192.0.2.8"),
            null,
            List.of(443),
            false,
            List.of()));
    index.put(entry("shop/dns", List.of("c.example.org"), List.of(), List.of()));

    index.put(passing("shop/dr", "api.example.org"));

    assertThat(leads("api.example.org", "240.240.0.1", "198.51.100.9", "192.0.2.8")).isTrue();
    assertThat(leads("api.example.org", ELSEWHERE)).isFalse();
    assertThat(leads("b.example.org", ELSEWHERE)).as("its other host").isTrue();

    index.put(passing("shop/all", "*.example.org"));
    assertThat(leads("b.example.org", ELSEWHERE)).isFalse();
    assertThat(leads("c.example.org", ELSEWHERE)).as("no address is its").isFalse();
  }

  /** A host that Envoy has a cluster for already, or still. */
  @Test
  void rule_forAHostThatIsNotKnown_passesIt_andForAnAliasToo() {
    index.put(alias("shop/other", DB_HOST));
    index.put(passing("shop/dr", "unknown.example"));
    index.put(passing("shop/alias", "other"));

    assertThat(leads("unknown.example", ELSEWHERE)).isFalse();
    assertThat(leads("other.example", ELSEWHERE)).isTrue();
    assertThat(leads("other.shop.svc." + Cluster.DOMAIN, ELSEWHERE)).isFalse();
    assertThat(leads(DB_HOST, ELSEWHERE)).isTrue();
  }

  @Test
  void pod_ofAReplicaSetThatIsNotKnownYet_isNobodysUntilItIs() {
    index.put(pod("shop/web-1-a", "web", replicaSet("web-1"), 10, "10.0.0.1"));

    assertThat(at(index, "10.0.0.1")).isEqualTo("nobody");
    assertThat(speaking(index, "shop/web", "10.0.0.1")).isEqualTo("nobody");
    assertThat(index.counts().unresolved()).isEqualTo(1);

    index.put(deployed("shop/web-1", "web"));

    assertThat(at(index, "10.0.0.1")).isEqualTo(WEB);
    assertThat(speaking(index, "shop/web", "10.0.0.1")).isEqualTo(WEB);
    assertThat(index.counts().unresolved()).isZero();
  }

  @Test
  void pod_thatNamesAnotherReplicaSetOfThatName_isNobodys() {
    index.put(deployed("shop/web-1", "web"));
    index.put(
        pod(
            "shop/web-1-a",
            "web",
            new Facts.Controller("apps", "ReplicaSet", "web-1", "another uid"),
            10,
            "10.0.0.1"));

    assertThat(at(index, "10.0.0.1")).isEqualTo("nobody");
  }

  @Test
  void pod_ownersOfEveryKind() {
    index.put(new Facts.Parent("ReplicaSet", name("shop/lone"), "uid-of-lone", null));
    index.put(
        new Facts.Parent(
            "Job",
            name("shop/report-77"),
            "j",
            new Facts.Controller("batch", "CronJob", "report", "c")));
    index.put(new Facts.Parent("Job", name("shop/import"), "i", null));
    index.put(pod("shop/a", replicaSet("lone"), 1, "10.0.0.1"));
    index.put(pod("shop/b", statefulSet("db"), 1, "10.0.0.2"));
    index.put(pod("shop/c", new Facts.Controller("batch", "Job", "report-77", "j"), 1, "10.0.0.3"));
    index.put(pod("shop/d", new Facts.Controller("batch", "Job", "import", "i"), 1, "10.0.0.4"));
    index.put(pod("shop/e", null, 1, "10.0.0.5"));
    index.put(pod("shop/f", new Facts.Controller("", "Node", "node-1", "n"), 1, "10.0.0.6"));
    index.put(pod("shop/g", new Facts.Controller("acme.example", "Job", "x", "x"), 1, "10.0.0.7"));

    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/replicaset/lone");
    assertThat(at(index, "10.0.0.2")).isEqualTo(DB);
    assertThat(at(index, "10.0.0.3")).isEqualTo("shop/cronjob/report");
    assertThat(at(index, "10.0.0.4")).isEqualTo("shop/job/import");
    assertThat(at(index, "10.0.0.5")).isEqualTo("shop/pod/e");
    assertThat(at(index, "10.0.0.6")).isEqualTo("shop/pod/f");
    assertThat(at(index, "10.0.0.7")).as("another kind of Job").isEqualTo("shop/job/x");
  }

  @Test
  void replicaSet_thatIsTakenFromItsDeployment_takesItsPodsAlong() {
    deployWeb();
    index.put(service("shop/web", "10.96.0.1"));
    index.put(slice("shop/web-s", "shop/web", "10.0.0.1"));

    index.put(new Facts.Parent("ReplicaSet", name("shop/web-1"), "uid-of-web-1", null));

    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/replicaset/web-1");
    assertThat(at(index, "10.96.0.1")).isEqualTo("shop/replicaset/web-1");
    assertThat(speaking(index, "shop/web", "10.9.9.9")).isEqualTo("shop/replicaset/web-1");
    assertThat(index.all())
        .extracting(one -> one.owner().toString())
        .containsExactly("shop/replicaset/web-1");
  }

  @Test
  void replicaSet_thatIsDeletedBeforeItsPods_leavesThemWhoseTheyWere() {
    deployWeb();

    index.removeParent("ReplicaSet", name("shop/web-1"));

    assertThat(at(index, "10.0.0.1")).isEqualTo(WEB);
  }

  @Test
  void podsOfOneAccount_areToldApartByAddress_andNotOtherwise() {
    index.put(pod("shop/a", "default", statefulSet("one"), 1, "10.0.0.1"));
    assertThat(speaking(index, "shop/default", "10.9.9.9")).isEqualTo("shop/statefulset/one");

    index.put(pod("shop/b", "default", statefulSet("two"), 1, "10.0.0.2"));

    assertThat(speaking(index, "shop/default", "10.0.0.1")).isEqualTo("shop/statefulset/one");
    assertThat(speaking(index, "shop/default", "10.0.0.2")).isEqualTo("shop/statefulset/two");
    assertThat(speaking(index, "shop/default", "10.9.9.9")).isEqualTo("nobody");
  }

  @Test
  void speaking_withTheIdOfAnother_fromAPodsAddress_isNobody() {
    deployWeb();
    index.put(pod("shop/db-0", "db", statefulSet("db"), 1, "10.0.0.2"));

    assertThat(speaking(index, "shop/web", "10.0.0.2")).isEqualTo("nobody");
    assertThat(speaking(index, "shop/db", "10.0.0.1")).isEqualTo("nobody");
    assertThat(speaking(index, "shop/none", "10.0.0.1")).isEqualTo("nobody");
  }

  @Test
  void podWithoutSidecar_isReached_andMayNotSpeak() {
    index.put(withoutSidecar(pod("shop/db-0", "db", statefulSet("db"), 1, "10.0.0.2")));

    assertThat(at(index, "10.0.0.2")).isEqualTo(DB);
    assertThat(speaking(index, "shop/db", "10.0.0.2")).isEqualTo("nobody");
    assertThat(speaking(index, "shop/db", "10.9.9.9")).isEqualTo("nobody");
    assertThat(index.all()).isEmpty();
  }

  @Test
  void pod_thatGetsAnotherAccount_speaksWithThatOnly() {
    index.put(pod("shop/db-0", "db", statefulSet("db"), 1, "10.0.0.2"));
    index.put(pod("shop/db-0", "other", statefulSet("db"), 2, "10.0.0.2"));

    assertThat(speaking(index, "shop/db", "10.0.0.2")).isEqualTo("nobody");
    assertThat(speaking(index, "shop/other", "10.0.0.2")).isEqualTo(DB);
    assertThat(workload("10.0.0.2").spiffeIds()).containsExactly(id("shop/other"));
  }

  @Test
  void pod_thatIsGone_leavesNothing() {
    deployWeb();
    index.removePod(name("shop/web-1-a"));
    index.removePod(name("shop/web-1-a"));
    index.removePod(name("shop/never"));

    assertThat(at(index, "10.0.0.1")).isEqualTo("nobody");
    assertThat(at(index, "fd00::1")).isEqualTo("nobody");
    assertThat(speaking(index, "shop/web", "10.0.0.1")).isEqualTo("nobody");
    assertThat(index.all()).isEmpty();
    assertThat(index.counts().workloads()).isZero();
    assertThat(index.counts().pods()).isZero();
  }

  @Test
  void tell_isCalledOnceForAWorkload_whenItsFirstPodComes() {
    var told = new ArrayList<String>();
    index.tell(workload -> told.add("1 " + workload.owner()));
    index.tell(workload -> told.add("2 " + workload.owner()));

    deployWeb();
    index.put(pod("shop/web-1-b", "web", replicaSet("web-1"), 11, "10.0.0.2"));
    index.put(withoutSidecar(pod("shop/db-0", "db", statefulSet("db"), 1, "10.0.0.3")));

    assertThat(told).containsExactly("1 " + WEB, "2 " + WEB);

    index.removePod(name("shop/web-1-a"));
    index.removePod(name("shop/web-1-b"));
    deployWeb();

    assertThat(told).containsExactly("1 " + WEB, "2 " + WEB, "1 " + WEB, "2 " + WEB);
  }

  @Test
  void environment_isThatOfTheNamespace_fromWheneverItIsSaid() {
    index.environment("shop", "qa");
    deployWeb();
    assertThat(workload("10.0.0.1").environment()).isEqualTo("qa");

    index.environment("shop", "prod");
    index.environment("other", "qa");
    assertThat(workload("10.0.0.1").environment()).isEqualTo("prod");
    assertThat(workload("10.0.0.1").spiffeIds()).containsExactly(id("shop/web"));

    index.environment("shop", null);
    assertThat(workload("10.0.0.1").environment()).isEqualTo("default");
  }

  @Test
  void trustDomain_thatIsNone_isRefused() {
    assertThatThrownBy(() -> new ClusterIndex("Not A Domain", "cluster.local"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Not A Domain");
  }

  // ---- addresses that go from one pod to another

  @Test
  void address_ofALaterPod_goesOverAtOnce_andNeverBack() {
    index.put(pod("shop/a", statefulSet("one"), 10, "10.0.0.1"));
    index.put(pod("shop/b", statefulSet("two"), 20, "10.0.0.1"));
    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/statefulset/two");

    index.put(pod("shop/a", "changed", statefulSet("one"), 10, "10.0.0.1"));
    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/statefulset/two");
    assertThat(speaking(index, "shop/changed", "10.0.0.1")).isEqualTo("nobody");

    index.removePod(name("shop/a"));
    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/statefulset/two");
  }

  @Test
  void address_ofTwoPodsThatStartedTogether_isNobodys_untilOneIsGone() {
    index.put(pod("shop/a", statefulSet("one"), 10, "10.0.0.1"));
    index.put(pod("shop/b", statefulSet("two"), 10, "10.0.0.1"));

    assertThat(at(index, "10.0.0.1")).isEqualTo("nobody");
    assertThat(speaking(index, "shop/main", "10.0.0.1")).isEqualTo("nobody");
    assertThat(index.tells(id("shop/main"), ip("10.0.0.1"))).isTrue();

    index.removePod(name("shop/a"));
    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/statefulset/two");
  }

  @Test
  void address_ofPodsOfOneController_isItsAllTheSame() {
    index.put(pod("shop/a", statefulSet("one"), 10, "10.0.0.1"));
    index.put(pod("shop/b", statefulSet("one"), 10, "10.0.0.1"));

    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/statefulset/one");
  }

  @Test
  void address_ofAPodThatIsToldToEnd_isItsOwn_untilAnotherClaimsIt() {
    index.put(leaving(pod("shop/a", statefulSet("one"), 30, "10.0.0.1")));
    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/statefulset/one");

    index.put(pod("shop/b", statefulSet("two"), 20, "10.0.0.1"));
    assertThat(at(index, "10.0.0.1")).isEqualTo("shop/statefulset/two");
  }

  @Test
  void podOfTheSameName_withAnotherAddress_leavesTheOld() {
    index.put(pod("shop/db-0", statefulSet("db"), 10, "10.0.0.1"));
    index.put(pod("shop/db-0", statefulSet("db"), 20, "10.0.0.2"));

    assertThat(at(index, "10.0.0.1")).isEqualTo("nobody");
    assertThat(at(index, "10.0.0.2")).isEqualTo(DB);
  }

  // ---- services

  @Test
  void service_leadsToTheWorkloadOfItsEndpoints_byAddressAndByName() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1", "fd96::1"));
    index.put(slice("shop/front-4", "shop/front", "10.0.0.1"));
    index.put(slice("shop/front-6", "shop/front", "fd00::1"));

    assertThat(at(index, "10.96.0.1")).isEqualTo(WEB);
    assertThat(at(index, "fd96::1")).isEqualTo(WEB);
    for (var name :
        List.of("front", "front.shop", "front.shop.svc", "front.shop.svc.cluster.example")) {
      assertThat(named(index, name)).as(name).isEqualTo(WEB);
    }
    assertThat(named(index, "front.shop.svc.cluster.local")).isEqualTo("nobody");
    assertThat(index.counts().services()).containsEntry("workload", 1L);
  }

  @Test
  void service_isKnownInEveryOrder() {
    index.put(slice("shop/front-4", "shop/front", "10.0.0.1"));
    index.put(service("shop/front", "10.96.0.1"));
    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");

    deployWeb();

    assertThat(at(index, "10.96.0.1")).isEqualTo(WEB);
  }

  @Test
  void service_ofTwoOwners_isNobodys_untilItIsOfOne() {
    deployWeb();
    index.put(pod("shop/db-0", statefulSet("db"), 1, "10.0.0.2"));
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    index.put(slice("shop/front-2", "shop/front", "10.0.0.2"));

    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
    assertThat(named(index, "front.shop")).isEqualTo("nobody");
    assertThat(index.counts().several()).containsExactly("shop/front");
    assertThat(index.counts().services())
        .isEqualTo(Map.of("workload", 0L, "several", 1L, "elsewhere", 0L, "nowhere", 0L));

    index.removeSlice(name("shop/front-2"));
    assertThat(at(index, "10.96.0.1")).isEqualTo(WEB);
  }

  @Test
  void service_withAnEndpointThatIsNoPod_isNobodys() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1", "203.0.113.1"));
    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
    assertThat(index.counts().services()).containsEntry("elsewhere", 1L);

    index.put(
        new Facts.Slice(
            name("shop/front-1"),
            name("shop/front"),
            List.of(new Facts.Endpoint(ip("10.0.0.1"), null), new Facts.Endpoint(null, null))));
    assertThat(at(index, "10.96.0.1")).as("a host name").isEqualTo("nobody");

    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    assertThat(at(index, "10.96.0.1")).isEqualTo(WEB);
  }

  @Test
  void service_withAPodsNameBesideAStrangersAddress_isNobodys() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1"));
    index.put(
        new Facts.Slice(
            name("shop/front-1"),
            name("shop/front"),
            List.of(new Facts.Endpoint(ip("203.0.113.1"), "web-1-a"))));

    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
  }

  @Test
  void service_knowsAnEndpoint_beforeItsPodsAddressIsTold_andAfterThePodIsGone() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    index.put(pod("shop/web-1-b", "web", replicaSet("web-1"), 20));

    index.put(
        new Facts.Slice(
            name("shop/front-1"),
            name("shop/front"),
            List.of(
                new Facts.Endpoint(ip("10.0.0.1"), "web-1-a"),
                new Facts.Endpoint(ip("10.0.0.2"), "web-1-b"))));
    assertThat(at(index, "10.96.0.1")).isEqualTo(WEB);
    index.put(pod("shop/web-1-b", "web", replicaSet("web-1"), 20, "10.0.0.2"));
    index.removePod(name("shop/web-1-a"));

    assertThat(at(index, "10.96.0.1")).isEqualTo(WEB);
  }

  @Test
  void service_whoseEndpointGoesToAnotherOwner_isNobodys() {
    deployWeb();
    index.put(pod("shop/web-1-b", "web", replicaSet("web-1"), 20, "10.0.0.2"));
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1", "10.0.0.2"));

    index.put(pod("shop/intruder", null, 99, "10.0.0.2"));

    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
  }

  @Test
  void service_withoutEndpoints_leadsWhereItLedLast() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    index.removePod(name("shop/web-1-a"));
    index.put(slice("shop/front-1", "shop/front"));

    assertThat(at(index, "10.96.0.1")).isEqualTo(WEB);
    assertThat(index.counts().services()).containsEntry("nowhere", 1L);

    index.put(pod("shop/web-1-b", "web", replicaSet("web-1"), 20, "10.0.0.9"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.9"));
    assertThat(workload("10.96.0.1").spiffeIds()).containsExactly(id("shop/web"));
  }

  @Test
  void service_thatIsGone_leavesNothing() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    index.removeService(name("shop/front"));

    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
    assertThat(named(index, "front.shop")).isEqualTo("nobody");

    index.removeSlice(name("shop/front-1"));
    index.removePod(name("shop/web-1-a"));
    assertThat(index.counts().workloads()).isZero();
    assertThat(index.counts().services().values()).containsOnly(0L);
  }

  @Test
  void service_withAnotherAddress_leavesTheOld() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    index.put(service("shop/front", "10.96.0.2"));

    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
    assertThat(at(index, "10.96.0.2")).isEqualTo(WEB);
  }

  @Test
  void shortName_thatTwoNamespacesHave_isNobodys() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    index.put(service("billing/front", "10.96.0.2"));

    assertThat(named(index, "front")).isEqualTo("nobody");
    assertThat(named(index, "front.shop")).isEqualTo(WEB);
    assertThat(named(index, "front.billing")).isEqualTo("nobody");
  }

  @Test
  void externalName_leadsWhereTheOtherNameDoes_once() {
    deployWeb();
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    index.put(alias("billing/shop", "front.shop.svc.cluster.example"));
    index.put(alias("billing/out", "payments.example.org"));
    index.put(alias("billing/loop", "loop.billing"));

    assertThat(named(index, "shop.billing.svc")).isEqualTo(WEB);
    assertThat(named(index, "out.billing.svc")).isEqualTo("nobody");
    assertThat(named(index, "loop.billing")).isEqualTo("nobody");
  }

  @Test
  void podsAddress_countsMoreThanAServices() {
    deployWeb();
    index.put(pod("shop/db-0", statefulSet("db"), 1, "10.0.0.2"));
    index.put(
        entry("evil/se", List.of("x.example"), List.of(ip("10.0.0.1")), endpoints("10.0.0.2")));

    assertThat(at(index, "10.0.0.1")).isEqualTo(WEB);
  }

  // ---- ServiceEntries

  @Test
  void serviceEntry_toPods_leadsToTheirWorkload() {
    deployWeb();
    index.put(
        entry(
            "shop/se",
            List.of("web.internal.example"),
            List.of(ip("240.0.0.1")),
            endpoints("10.0.0.1")));

    assertThat(at(index, "240.0.0.1")).isEqualTo(WEB);
    assertThat(named(index, "web.internal.example")).isEqualTo(WEB);

    index.removeEntry(name("shop/se"));
    assertThat(at(index, "240.0.0.1")).isEqualTo("nobody");
    assertThat(named(index, "web.internal.example")).isEqualTo("nobody");
  }

  @Test
  void serviceEntry_toTheOutside_isNobodys() {
    index.put(entry("shop/pay", List.of("payments.example.org"), List.of(), List.of()));

    assertThat(named(index, "payments.example.org")).isEqualTo("nobody");
  }

  @Test
  void serviceEntries_thatContradictEachOther_areNobodys_andServicesComeFirst() {
    deployWeb();
    index.put(pod("evil/x", null, 1, "10.0.0.2"));
    index.put(service("shop/front", "10.96.0.1"));
    index.put(slice("shop/front-1", "shop/front", "10.0.0.1"));
    index.put(
        entry(
            "evil/se",
            List.of("front.shop.svc.cluster.example", "payments.example.org"),
            List.of(ip("10.96.0.1")),
            endpoints("10.0.0.2")));
    assertThat(at(index, "10.96.0.1")).isEqualTo(WEB);
    assertThat(named(index, "front.shop.svc.cluster.example")).isEqualTo(WEB);
    assertThat(named(index, "payments.example.org")).isEqualTo("evil/pod/x");

    index.put(entry("shop/pay", List.of("payments.example.org"), List.of(), List.of()));
    assertThat(named(index, "payments.example.org")).isEqualTo("nobody");
  }

  @Test
  void serviceEntry_thatChanges_leavesNothingOfItsOldSelf() {
    deployWeb();
    index.put(
        entry("shop/se", List.of("a.example"), List.of(ip("240.0.0.1")), endpoints("10.0.0.1")));
    index.put(entry("shop/se", List.of("b.example"), List.of(), endpoints("10.0.0.1")));
    index.removePod(name("shop/web-1-a"));

    assertThat(at(index, "240.0.0.1")).isEqualTo("nobody");
    assertThat(named(index, "a.example")).isEqualTo("nobody");
    assertThat(named(index, "b.example")).isEqualTo(WEB);

    index.removeEntry(name("shop/se"));
    assertThat(index.counts().workloads()).isZero();
  }
}
