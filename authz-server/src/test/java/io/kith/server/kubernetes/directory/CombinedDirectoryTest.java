package io.kith.server.kubernetes.directory;

import static io.kith.server.kubernetes.directory.Cluster.id;
import static io.kith.server.kubernetes.directory.Cluster.ip;
import static io.kith.server.kubernetes.directory.Cluster.lookedUp;
import static io.kith.server.kubernetes.directory.Cluster.pod;
import static io.kith.server.kubernetes.directory.Cluster.service;
import static io.kith.server.kubernetes.directory.Cluster.slice;
import static io.kith.server.kubernetes.directory.Cluster.statefulSet;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory.Entry;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class CombinedDirectoryTest {
  private static final SpiffeId OTHER = SpiffeId.parse("spiffe://spire.example/till");

  private final ClusterIndex cluster = Cluster.index();

  @BeforeEach
  void fill() {
    cluster.put(pod("shop/db-0", "db", statefulSet("db"), 1, "10.0.0.1"));
    cluster.put(service("shop/db", "10.96.0.1"));
    cluster.put(slice("shop/db-1", "shop/db", "10.0.0.1"));
  }

  private CombinedDirectory with(Entry... entries) {
    return new CombinedDirectory(List.of(entries), cluster);
  }

  private static Entry entry(String owner, @Nullable SpiffeId id, String... addresses) {
    return new Entry(
        Owner.parse(owner),
        id,
        "prod",
        Stream.of(addresses).map(Cluster::ip).toList(),
        List.of(),
        true);
  }

  private static String speaking(WorkloadDirectory directory, SpiffeId id, String address) {
    var workload = directory.speaking(id, ip(address));
    return workload == null ? "nobody" : workload.owner().toString();
  }

  private static String at(WorkloadDirectory directory, String address) {
    var workload = directory.at(IpAddress.parse(address));
    return workload == null ? "nobody" : workload.owner().toString();
  }

  @Test
  void nothingByHand_isTheCluster() {
    var all = with();

    assertThat(at(all, "10.0.0.1")).isEqualTo("shop/statefulset/db");
    assertThat(all.named("db.shop")).isEqualTo(cluster.named("db.shop")).isNotNull();
    assertThat(speaking(all, id("shop/db"), "10.0.0.1")).isEqualTo("shop/statefulset/db");
    assertThat(all.all()).containsExactlyElementsOf(cluster.all());
    assertThat(all.contradictions()).isEmpty();
  }

  @Test
  void entry_winsForItsAddresses_andOnlyForThose() {
    var all = with(entry("shop/deployment/mine", OTHER, "10.0.0.1"));

    assertThat(at(all, "10.0.0.1")).isEqualTo("shop/deployment/mine");
    assertThat(speaking(all, OTHER, "10.0.0.1")).isEqualTo("shop/deployment/mine");
    assertThat(speaking(all, id("shop/db"), "10.0.0.1"))
        .as("its ID is another")
        .isEqualTo("nobody");
    assertThat(at(all, "10.96.0.1")).isEqualTo("shop/statefulset/db");
    assertThat(all.contradictions())
        .containsExactly(
            "workloads: 10.0.0.1 is of shop/deployment/mine, and in the cluster of"
                + " shop/statefulset/db");
  }

  @Test
  void entry_winsForItsNames() {
    var all =
        with(
            new Entry(
                Owner.parse("shop/deployment/mine"), null, "prod", List.of(), List.of("db.shop")));

    assertThat(requireNonNull(all.named("db.shop")).owner())
        .isEqualTo(Owner.parse("shop/deployment/mine"));
    assertThat(requireNonNull(all.named("db.shop.svc")).owner())
        .isEqualTo(Owner.parse("shop/statefulset/db"));
    assertThat(all.contradictions()).hasSize(1).first().asString().contains("db.shop is of");

    cluster.put(service("shop/db"));
    assertThat(all.leadsTo("db.shop", ip("203.0.113.9"))).as("headless").isFalse();
    cluster.put(lookedUp("shop/se", "*.example.org"));
    assertThat(all.looksUp("*.example.org")).isTrue();
  }

  @Test
  void entryOfAnOwnerThatTheClusterKnows_saysItsEnvironment_andAddsItsId() {
    var all = with(entry("shop/statefulset/db", OTHER));
    var whole =
        new Workload(
            Owner.parse("shop/statefulset/db"), "prod", Set.of(OTHER, id("shop/db")), true);

    assertThat(all.at(ip("10.0.0.1"))).isEqualTo(whole);
    assertThat(all.at(ip("10.96.0.1"))).isEqualTo(whole);
    assertThat(all.speaking(id("shop/db"), ip("10.0.0.1"))).isEqualTo(whole);
    assertThat(all.speaking(OTHER, ip("10.9.9.9"))).isEqualTo(whole);
    assertThat(List.copyOf(all.all())).containsExactly(whole);
    assertThat(all.contradictions()).isEmpty();
  }

  @Test
  void idOfBoth_fromAPodsAddress_isThePods_andFromNowhereNobodys() {
    var all = with(entry("shop/deployment/mine", id("shop/db")));

    assertThat(speaking(all, id("shop/db"), "10.0.0.1")).isEqualTo("shop/statefulset/db");
    assertThat(speaking(all, id("shop/db"), "10.9.9.9")).isEqualTo("nobody");
    assertThat(all.contradictions())
        .containsExactly(
            "workloads: spiffe://mesh.example/ns/shop/sa/db is of shop/deployment/mine, and the"
                + " pods that have it of [shop/statefulset/db]");
  }

  @Test
  void idByHandOnly_fromAnAddressThatNobodyHas_isItsOnlyOwners() {
    assertThat(speaking(with(entry("shop/deployment/mine", OTHER)), OTHER, "10.9.9.9"))
        .isEqualTo("shop/deployment/mine");
    assertThat(
            speaking(
                with(entry("shop/deployment/mine", OTHER), entry("shop/deployment/too", OTHER)),
                OTHER,
                "10.9.9.9"))
        .isEqualTo("nobody");
    assertThat(speaking(with(entry("shop/deployment/mine", OTHER)), OTHER, "10.0.0.1"))
        .as("a pod's address, which has another ID")
        .isEqualTo("nobody");
  }

  @Test
  void tell_isOfWhatTheClusterGetsToKnow_asItIsCombined() {
    var all = with(entry("shop/statefulset/late", OTHER));
    var told = new ArrayList<Workload>();
    all.tell(told::add);

    cluster.put(pod("shop/late-0", "late", statefulSet("late"), 1, "10.0.0.9"));

    assertThat(told)
        .containsExactly(
            new Workload(
                Owner.parse("shop/statefulset/late"),
                "prod",
                Set.of(OTHER, id("shop/late")),
                true));
  }
}
