package io.kith.server.kubernetes.directory;

import static io.kith.server.kubernetes.directory.Cluster.at;
import static io.kith.server.kubernetes.directory.Cluster.endpoints;
import static io.kith.server.kubernetes.directory.Cluster.entry;
import static io.kith.server.kubernetes.directory.Cluster.id;
import static io.kith.server.kubernetes.directory.Cluster.ip;
import static io.kith.server.kubernetes.directory.Cluster.labelled;
import static io.kith.server.kubernetes.directory.Cluster.machine;
import static io.kith.server.kubernetes.directory.Cluster.name;
import static io.kith.server.kubernetes.directory.Cluster.named;
import static io.kith.server.kubernetes.directory.Cluster.onNode;
import static io.kith.server.kubernetes.directory.Cluster.pod;
import static io.kith.server.kubernetes.directory.Cluster.selecting;
import static io.kith.server.kubernetes.directory.Cluster.service;
import static io.kith.server.kubernetes.directory.Cluster.slice;
import static io.kith.server.kubernetes.directory.Cluster.speaking;
import static io.kith.server.kubernetes.directory.Cluster.statefulSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What WorkloadEntries name and may not, and what ServiceEntries select by labels. */
class WorkloadEntriesTest {
  private static final Map<String, String> VM = Map.of("app", "vm");
  private static final String DB = "shop/statefulset/db";

  private final ClusterIndex index = Cluster.index();

  private void deployDb() {
    index.put(pod("shop/db-0", "db", statefulSet("db"), 1, "10.0.0.2"));
  }

  // ---- machines

  @Test
  void workloadEntry_isAWorkload_byAddressAndById() {
    var told = new ArrayList<String>();
    index.tell(workload -> told.add(workload.owner() + " " + workload.spiffeIds()));

    index.put(machine("shop/vm-1", "10.7.0.1"));

    assertThat(at(index, "10.7.0.1")).isEqualTo("shop/workloadentry/vm-1");
    assertThat(speaking(index, "shop/vm", "10.7.0.1")).isEqualTo("shop/workloadentry/vm-1");
    assertThat(told)
        .containsExactly("shop/workloadentry/vm-1 [spiffe://mesh.example/ns/shop/sa/vm]");
    assertThat(index.all()).hasSize(1);
    assertThat(index.counts().workloadEntries()).isEqualTo(Map.of("yes", 1L, "no", 0L));

    index.removeWorkloadEntry(name("shop/vm-1"));
    index.removeWorkloadEntry(name("shop/vm-1"));

    assertThat(at(index, "10.7.0.1")).isEqualTo("nobody");
    assertThat(speaking(index, "shop/vm", "10.7.0.1")).isEqualTo("nobody");
    assertThat(index.all()).isEmpty();
    assertThat(index.counts().workloads()).isZero();
  }

  @Test
  void workloadEntriesOfAGroup_areOneWorkload_alsoAtOneAddress() {
    index.put(machine("shop/vm-1", "vms", "vm", "10.7.0.1"));
    index.put(machine("shop/vm-2", "vms", "vm", "10.7.0.1"));
    index.put(machine("shop/vm-3", "vms", "vm", "10.7.0.3"));

    assertThat(at(index, "10.7.0.1")).isEqualTo("shop/workloadgroup/vms");
    assertThat(at(index, "10.7.0.3")).isEqualTo("shop/workloadgroup/vms");

    index.removeWorkloadEntry(name("shop/vm-1"));
    assertThat(at(index, "10.7.0.1")).isEqualTo("shop/workloadgroup/vms");
  }

  @Test
  void workloadEntryWithoutAccount_isReached_andMayNotSpeak() {
    index.put(machine("shop/vm-1", null, null, "10.7.0.1"));

    assertThat(at(index, "10.7.0.1")).isEqualTo("shop/workloadentry/vm-1");
    assertThat(speaking(index, "shop/default", "10.7.0.1")).isEqualTo("nobody");
    assertThat(index.all()).isEmpty();
  }

  @Test
  void workloadEntry_thatMoves_leavesItsOldAddress() {
    index.put(machine("shop/vm-1", "10.7.0.1"));
    index.put(machine("shop/vm-1", "10.7.0.2"));

    assertThat(at(index, "10.7.0.1")).isEqualTo("nobody");
    assertThat(at(index, "10.7.0.2")).isEqualTo("shop/workloadentry/vm-1");
  }

  /** They share the account, so only an address tells them apart. */
  @Test
  void workloadEntry_withTheAccountOfPods_isToldApartByAddress_andElsewhereNobody() {
    deployDb();
    index.put(machine("shop/vm-1", null, "db", "10.7.0.1"));

    assertThat(speaking(index, "shop/db", "10.0.0.2")).isEqualTo(DB);
    assertThat(speaking(index, "shop/db", "10.7.0.1")).isEqualTo("shop/workloadentry/vm-1");
    assertThat(speaking(index, "shop/db", "10.9.9.9")).isEqualTo("nobody");
  }

  // ---- what one that a tenant writes cannot do

  @Test
  void addressOfAPod_isThePods_whicheverComesFirst() {
    index.put(machine("evil/vm", "10.0.0.2"));
    assertThat(at(index, "10.0.0.2")).isEqualTo("evil/workloadentry/vm");

    deployDb();
    assertThat(at(index, "10.0.0.2")).isEqualTo(DB);
    assertThat(speaking(index, "shop/db", "10.0.0.2")).isEqualTo(DB);
    assertThat(speaking(index, "evil/vm", "10.0.0.2")).isEqualTo("nobody");
    assertThat(index.unusedWorkloadEntries()).containsExactly("evil/vm: '10.0.0.2' is a pod's");

    index.put(machine("evil/late", null, "late", "10.0.0.2"));
    assertThat(at(index, "10.0.0.2")).isEqualTo(DB);
    assertThat(index.unusedWorkloadEntries()).hasSize(2);

    index.removeWorkloadEntry(name("evil/late"));
    index.removePod(name("shop/db-0"));
    assertThat(at(index, "10.0.0.2")).isEqualTo("evil/workloadentry/vm");
  }

  @Test
  void addressOfPodsThatContestIt_isNobodysAllTheSame() {
    index.put(pod("shop/a", statefulSet("a"), 1, "10.0.0.2"));
    index.put(pod("shop/b", statefulSet("b"), 1, "10.0.0.2"));
    index.put(machine("evil/vm", "10.0.0.2"));

    assertThat(at(index, "10.0.0.2")).isEqualTo("nobody");
  }

  @Test
  void addressOfANode_isNobodys_asLongAsAPodRunsThere() {
    index.put(onNode(pod("shop/db-0", statefulSet("db"), 1), "192.168.0.9", "fd00::9"));
    index.put(onNode(pod("shop/db-1", statefulSet("db"), 1), "192.168.0.9", "fd00::9"));
    index.put(machine("evil/vm-4", "192.168.0.9"));
    index.put(machine("evil/vm-6", "fd00::9"));

    assertThat(at(index, "192.168.0.9")).isEqualTo("nobody");
    assertThat(at(index, "fd00::9")).isEqualTo("nobody");
    assertThat(index.unusedWorkloadEntries())
        .containsExactly(
            "evil/vm-4: '192.168.0.9' is a node's", "evil/vm-6: 'fd00::9' is a node's");

    index.removePod(name("shop/db-0"));
    assertThat(at(index, "fd00::9")).isEqualTo("nobody");
    index.removePod(name("shop/db-1"));
    assertThat(at(index, "fd00::9")).isEqualTo("evil/workloadentry/vm-6");
  }

  @Test
  void addressOfAService_isTheServices_alsoWhereThatLeadsNowhere() {
    index.put(machine("evil/vm", "10.96.0.1"));
    index.put(service("shop/front", "10.96.0.1"));

    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
    assertThat(named(index, "front.shop")).isEqualTo("nobody");

    index.removeService(name("shop/front"));
    assertThat(at(index, "10.96.0.1")).isEqualTo("evil/workloadentry/vm");
  }

  /** As the API server's own, behind {@code default/kubernetes}. */
  @Test
  void addressThatAServiceOfAnotherNamespaceLeadsTo_isNobodys_andNeitherIsTheServiceTheEntrys() {
    index.put(machine("evil/vm", "10.1.1.1"));
    index.put(service("default/kubernetes", "10.96.0.1"));
    index.put(slice("default/kubernetes", "default/kubernetes", "10.1.1.1"));

    assertThat(at(index, "10.1.1.1")).isEqualTo("nobody");
    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
    assertThat(named(index, "kubernetes.default.svc")).isEqualTo("nobody");

    index.removeSlice(name("default/kubernetes"));
    assertThat(at(index, "10.1.1.1")).isEqualTo("evil/workloadentry/vm");
  }

  /** Whoever may write ServiceEntries of any namespace cannot take it away. */
  @Test
  void addressThatAServiceEntryOfAnotherNamespaceLeadsTo_staysItsOwn() {
    index.put(machine("shop/vm", "10.7.0.1"));
    index.put(entry("evil/se", List.of("x.example"), List.of(), endpoints("10.7.0.1")));

    assertThat(at(index, "10.7.0.1")).isEqualTo("shop/workloadentry/vm");
    assertThat(named(index, "x.example")).as("not selected").isEqualTo("nobody");
  }

  @Test
  void addressThatAServiceEntryClaims_isNobodys_unlessItIsTheSameWorkload() {
    index.put(machine("shop/vm", "10.7.0.1"));
    index.put(
        new Facts.Entry(
            name("shop/se"),
            List.of("vm.example"),
            List.of(ip("10.7.0.1")),
            List.of(),
            List.of(),
            VM,
            List.of(),
            false,
            List.of()));
    assertThat(at(index, "10.7.0.1")).isEqualTo("shop/workloadentry/vm");
    assertThat(named(index, "vm.example")).isEqualTo("shop/workloadentry/vm");

    index.removeEntry(name("shop/se"));
    index.put(pod("evil/x", null, 1, "10.0.0.9"));
    index.put(
        entry("evil/se", List.of("x.example"), List.of(ip("10.7.0.1")), endpoints("10.0.0.9")));
    assertThat(at(index, "10.7.0.1")).isEqualTo("nobody");
  }

  @Test
  void addressOfTwoWorkloads_isNobodys() {
    index.put(machine("shop/vm", "10.7.0.1"));
    index.put(machine("evil/vm", "10.7.0.1"));

    assertThat(at(index, "10.7.0.1")).isEqualTo("nobody");
    assertThat(index.unusedWorkloadEntries())
        .containsExactly(
            "evil/vm: '10.7.0.1' is claimed by several WorkloadEntries that are not of one"
                + " workload",
            "shop/vm: '10.7.0.1' is claimed by several WorkloadEntries that are not of one"
                + " workload");
    assertThat(speaking(index, "shop/vm", "10.7.0.1"))
        .as("its ID says who it is")
        .isEqualTo("shop/workloadentry/vm");

    index.removeWorkloadEntry(name("evil/vm"));
    assertThat(at(index, "10.7.0.1")).isEqualTo("shop/workloadentry/vm");
  }

  /** A way out of the mesh does not look like one within; nor does the metadata service. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "203.0.113.5",
        "2001:db8::5",
        "8.8.8.8",
        "127.0.0.1",
        "::1",
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",
        "224.0.0.1",
        "host.example",
        "unix:///run/x",
        "",
      })
  void addressThatIsNotOfAPrivateNetwork_isNotNamed_norWhatSelectsIt(String address) {
    index.put(machine("evil/vm", address));
    index.put(selecting("evil/se", "exfil.example", VM));

    if (address.matches("[0-9a-f.:]+")) {
      assertThat(at(index, address)).isEqualTo("nobody");
    }
    assertThat(named(index, "exfil.example")).isEqualTo("nobody");
    assertThat(index.unusedWorkloadEntries())
        .singleElement()
        .asString()
        .startsWith("evil/vm: '" + address + "' is ");
    assertThat(index.counts().workloadEntries()).isEqualTo(Map.of("yes", 0L, "no", 1L));
  }

  @Test
  void otherIds_speakFromItsAddress_asIfItWereNotThere() {
    index.put(pod("shop/web-0", "web", statefulSet("web"), 1, "10.0.0.1"));
    index.put(machine("evil/vm", "10.7.0.1"));

    assertThat(speaking(index, "shop/web", "10.7.0.1")).isEqualTo("shop/statefulset/web");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../../shop/sa/web", "a/sa/b", "A", "a b", "-"})
  void accountThatIsNone_isRefused_andLeavesNothing(String account) {
    assertThatThrownBy(() -> index.put(machine("evil/vm", null, account, "10.7.0.1")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("serviceAccount: '" + account + "' (expected: the name of a service account)");
    assertThat(index.counts().workloads()).isZero();
    assertThat(at(index, "10.7.0.1")).isEqualTo("nobody");
  }

  @Test
  void entryByHand_wins_andItsIdSpeaksFromElsewhereAsBefore() {
    index.put(machine("shop/vm", null, "web", "10.7.0.1"));
    index.put(machine("evil/vm", "10.7.0.2"));
    var byHand =
        new CombinedDirectory(
            List.of(
                new StaticWorkloadDirectory.Entry(
                    Owner.parse("shop/vm/mine"), null, "prod", List.of(ip("10.7.0.1")), List.of()),
                new StaticWorkloadDirectory.Entry(
                    Owner.parse("shop/vm/other"), id("shop/other"), "prod", List.of(), List.of())),
            index);

    assertThat(byHand.at(ip("10.7.0.1"))).extracting("owner").hasToString("shop/vm/mine");
    assertThat(byHand.speaking(id("shop/web"), ip("10.7.0.1"))).isNull();
    assertThat(byHand.speaking(id("shop/other"), ip("10.7.0.2")))
        .extracting("owner")
        .hasToString("shop/vm/other");
    assertThat(byHand.speaking(id("evil/vm"), ip("10.7.0.2")))
        .extracting("owner")
        .hasToString("evil/workloadentry/vm");
  }

  // ---- ServiceEntries that select

  @Test
  void serviceEntry_leadsToWhatItSelects_podsAndMachines_ofItsNamespaceOnly() {
    index.put(labelled(pod("shop/db-0", statefulSet("db"), 1, "10.0.0.2"), Map.of("app", "db")));
    index.put(machine("shop/vm", "10.7.0.1"));
    index.put(machine("other/vm", "10.7.0.2"));
    index.put(selecting("shop/vms", "vm.example", VM));
    index.put(selecting("shop/dbs", "db.example", Map.of("app", "db")));
    index.put(selecting("other/dbs", "db.other.example", Map.of("app", "db")));

    assertThat(named(index, "vm.example")).isEqualTo("shop/workloadentry/vm");
    assertThat(named(index, "db.example")).isEqualTo(DB);
    assertThat(named(index, "db.other.example")).isEqualTo("nobody");

    index.put(
        labelled(
            pod("shop/db-0", statefulSet("db"), 1, "10.0.0.2"), Map.of("app", "vm", "x", "y")));
    assertThat(named(index, "vm.example")).as("of two workloads").isEqualTo("nobody");
    assertThat(named(index, "db.example")).as("as it was last").isEqualTo(DB);

    index.removePod(name("shop/db-0"));
    assertThat(named(index, "vm.example")).isEqualTo("shop/workloadentry/vm");
  }

  @Test
  void serviceEntry_ofPods_leadsToThem_alsoInTheNodesNetwork() {
    index.put(selecting("shop/se", "agent.example", Map.of("app", "agent")));
    index.put(labelled(pod("shop/a", statefulSet("agent"), 1), Map.of("app", "agent")));
    assertThat(named(index, "agent.example")).isEqualTo("shop/statefulset/agent");

    index.put(labelled(pod("shop/b", statefulSet("other"), 1), Map.of("app", "agent")));
    assertThat(named(index, "agent.example")).isEqualTo("nobody");
    assertThat(index.counts().services()).containsEntry("several", 1L);
  }

  @Test
  void serviceEntry_ofAPodWhoseOwnerIsNotKnown_isNobodys_untilItIs() {
    var web = labelled(pod("shop/web-1-a", Cluster.replicaSet("web-1"), 1, "10.0.0.1"), VM);
    index.put(web);
    index.put(selecting("shop/se", "vm.example", VM));
    assertThat(named(index, "vm.example")).isEqualTo("nobody");

    index.put(Cluster.deployed("shop/web-1", "web"));
    assertThat(named(index, "vm.example")).isEqualTo("shop/deployment/web");
  }

  @Test
  void serviceEntry_ofAMachineThatLosesItsAddress_isNobodys() {
    index.put(machine("shop/vm", "10.7.0.1"));
    index.put(selecting("shop/se", "vm.example", VM));
    assertThat(named(index, "vm.example")).isEqualTo("shop/workloadentry/vm");

    index.put(machine("evil/vm", "10.7.0.1"));
    assertThat(named(index, "vm.example")).isEqualTo("nobody");

    index.removeWorkloadEntry(name("evil/vm"));
    assertThat(named(index, "vm.example")).isEqualTo("shop/workloadentry/vm");
  }

  @Test
  void serviceEntry_whoseSelectorChanges_leadsToWhatItSelectsNow() {
    deployDb();
    index.put(machine("shop/vm", "10.7.0.1"));
    index.put(selecting("shop/se", "a.example", VM));
    index.put(selecting("shop/se", "a.example", Map.of("app", "none")));
    assertThat(named(index, "a.example")).isEqualTo("nobody");

    index.put(selecting("shop/se", "a.example", Map.of()));
    assertThat(named(index, "a.example")).as("everything of the namespace").isEqualTo("nobody");

    index.removePod(name("shop/db-0"));
    assertThat(named(index, "a.example")).isEqualTo("shop/workloadentry/vm");

    index.removeEntry(name("shop/se"));
    index.removeWorkloadEntry(name("shop/vm"));
    assertThat(index.counts().workloads()).isZero();
  }

  /** istiod sends some of its traffic there: it is not the pods' alone. */
  @Test
  void service_whoseSelectorAWorkloadEntryMatches_isOfSeveral() {
    deployDb();
    index.put(new Facts.Service(name("shop/db"), List.of(ip("10.96.0.1")), null, VM, List.of()));
    index.put(slice("shop/db", "shop/db", "10.0.0.2"));
    assertThat(at(index, "10.96.0.1")).isEqualTo(DB);

    index.put(machine("shop/vm", "10.7.0.1"));
    assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
    assertThat(index.counts().several()).containsExactly("shop/db");

    index.removeWorkloadEntry(name("shop/vm"));
    assertThat(at(index, "10.96.0.1")).isEqualTo(DB);
    index.removeService(name("shop/db"));
    index.removeSlice(name("shop/db"));
    index.removePod(name("shop/db-0"));
    assertThat(index.counts().workloads()).isZero();
  }

  /** Streams of kinds are told in any order. */
  @Test
  void anyOrder_saysTheSame_andNothingStaysWhenAllIsGone() {
    var random = new Random(7);
    var puts = new ArrayList<Runnable>();
    puts.add(this::deployDb);
    puts.add(
        () ->
            index.put(
                onNode(
                    labelled(pod("shop/web-0", statefulSet("web"), 1, "10.0.0.3"), VM),
                    "192.168.0.9")));
    Stream.of("10.0.0.2", "10.7.0.1", "192.168.0.9", "10.96.0.1", "10.1.1.1")
        .forEach(one -> puts.add(() -> index.put(machine("evil/vm-" + one, one))));
    puts.add(() -> index.put(machine("shop/vm", "10.7.0.9")));
    var selecting = Map.of("app", "db");
    puts.add(
        () ->
            index.put(
                new Facts.Service(
                    name("shop/db"), List.of(ip("10.96.0.1")), null, selecting, List.of())));
    puts.add(() -> index.put(slice("shop/db", "shop/db", "10.0.0.2", "10.1.1.1")));
    puts.add(() -> index.put(selecting("shop/se", "vm.example", VM)));
    puts.add(() -> index.put(selecting("evil/se", "evil.example", VM)));

    for (var i = 0; i < 200; i++) {
      Collections.shuffle(puts, random);
      puts.forEach(Runnable::run);

      assertThat(at(index, "10.0.0.2")).isEqualTo(DB);
      assertThat(at(index, "10.7.0.1")).isEqualTo("evil/workloadentry/vm-10.7.0.1");
      assertThat(at(index, "192.168.0.9")).isEqualTo("nobody");
      assertThat(at(index, "10.96.0.1")).isEqualTo("nobody");
      assertThat(at(index, "10.1.1.1")).isEqualTo("nobody");
      assertThat(named(index, "vm.example")).isEqualTo("nobody");
      assertThat(index.counts().services())
          .containsEntry("several", 1L)
          .containsEntry("elsewhere", 2L);

      var removes = new ArrayList<Runnable>();
      List.of("shop/db-0", "shop/web-0").forEach(n -> removes.add(() -> index.removePod(name(n))));
      Stream.of("10.0.0.2", "10.7.0.1", "192.168.0.9", "10.96.0.1", "10.1.1.1")
          .forEach(one -> removes.add(() -> index.removeWorkloadEntry(name("evil/vm-" + one))));
      removes.add(() -> index.removeWorkloadEntry(name("shop/vm")));
      removes.add(() -> index.removeService(name("shop/db")));
      removes.add(() -> index.removeSlice(name("shop/db")));
      removes.add(() -> index.removeEntry(name("shop/se")));
      removes.add(() -> index.removeEntry(name("evil/se")));
      Collections.shuffle(removes, random);
      removes.forEach(Runnable::run);

      assertThat(index.counts().workloads()).isZero();
      assertThat(index.counts().pods()).isZero();
      assertThat(index.all()).isEmpty();
    }
  }
}
