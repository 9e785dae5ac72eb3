package io.kith.baselines.learning;

import static io.kith.baselines.learning.Sights.START;
import static io.kith.baselines.learning.Sights.after;
import static io.kith.baselines.learning.Sights.program;
import static io.kith.baselines.learning.Sights.seen;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Circumstances;
import io.kith.baselines.decision.Circumstances.Ports;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Origin;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Servers that take a free port when they start: how many ports are one pattern, and how many more.
 */
class PortsTest {
  private static final Candidate APP = program("/app", "sha256:1");
  private static final String CARTS = "carts.shop.svc.cluster.local";
  private static final String OTHER = "other.shop.svc.cluster.local";
  private static final PortRange RANGE = range(CARTS);

  private final Map<String, Integer> starts = new HashMap<>();
  private final Learner learner =
      new Learner(
          Sights.SHOP,
          Origin.IMAGE,
          LearningSettings.defaults(),
          Sights.SUFFIXES,
          Vouchers.NONE,
          name -> starts.getOrDefault(name, -1));

  /**
   * Ports seen and starts when the range was approved, starts now, and ports that may still be new.
   */
  @ParameterizedTest
  @CsvSource({
    "4, 4, 4, 0",
    "4, 4, 6, 2",
    "4, 2, 2, 0",
    "4, 2, 3, 2",
    "5, 2, 3, 4",
    "4, 8, 8, 4",
    "0, 3, 3, 3",
    "4, 0, 4, 0",
    "4, 0, 6, 2",
    "4, 4, 1, 0"
  })
  void circumstances_anApprovedRange_hasAsManyPortsAsStartsCanHaveOpened(
      int seen, int startsThen, int startsNow, int openings) {
    see(CARTS, seen);
    starts.put(CARTS, startsThen);
    learner.approve(APP.processClass(), RANGE);
    starts.put(CARTS, startsNow);

    var ports = learner.circumstances(after("1H")).ports();

    var id = Edge.learned(APP.processClass(), RANGE).id();
    assertThat(ports).containsOnlyKeys(id);
    var counted = requireNonNull(ports.get(id));
    assertThat(counted.openings()).isEqualTo(openings);
    assertThat(counted.known()).hasSize(seen);
  }

  @Test
  void circumstances_aServerWhoseStartsAreNotKnown_isNotCounted() {
    see(CARTS, 4);
    learner.approve(APP.processClass(), RANGE);

    assertThat(learner.circumstances(after("1H"))).isEqualTo(Circumstances.NONE);
    assertThat(learner.observe(seen(APP, to(CARTS, 60_000), "a", after("1H")))).isTrue();
  }

  @Test
  void observe_onePortTooMany_isKeptApart_everythingElseIsLearned() {
    see(CARTS, 4);
    starts.put(CARTS, 4);
    starts.put(OTHER, 0);
    learner.approve(APP.processClass(), RANGE);
    var helper = program("/helper", "sha256:1");

    assertThat(learner.observe(seen(APP, to(CARTS, 50_000), "a", after("1H")))).isFalse();
    assertThat(quarantined()).hasSize(1);

    assertThat(learner.observe(seen(APP, to(CARTS, 40_000), "b", after("1H")))).isFalse(); // known
    assertThat(learner.observe(seen(APP, to(CARTS, 32_767), "a", after("1H")))).isTrue();
    assertThat(learner.observe(seen(APP, to(OTHER, 50_000), "a", after("1H")))).isTrue();
    assertThat(learner.observe(seen(helper, to(CARTS, 50_000), "a", after("1H")))).isTrue();
    assertThat(quarantined()).hasSize(1);

    starts.put(CARTS, 5);
    assertThat(learner.observe(seen(APP, to(CARTS, 50_001), "a", after("2H")))).isTrue();
    assertThat(learner.observe(seen(APP, to(CARTS, 50_002), "a", after("2H")))).isFalse();
    assertThat(quarantined()).hasSize(2);
  }

  @Test
  void observe_theFirstDynamicPort_counts() {
    starts.put(CARTS, 0);
    learner.approve(APP.processClass(), RANGE);

    assertThat(learner.observe(seen(APP, to(CARTS, 32_768), "a", after("1H")))).isFalse();
    assertThat(quarantined()).hasSize(1);
  }

  @Test
  void decided_elsewhere_countsForTheRangesOfThatBaseline() {
    see(CARTS, 4);
    starts.put(CARTS, 2);
    starts.put(OTHER, 3);
    learner.approve(APP.processClass(), RANGE);
    starts.put(CARTS, 4);
    var carts = Edge.learned(APP.processClass(), RANGE);
    var other = Edge.learned(APP.processClass(), range(OTHER));

    learner.decided(Baseline.of(Sights.SHOP, null, List.of(carts, other)));

    // two ports for each start, as they were counted before, and one of the other
    assertThat(learner.circumstances(after("1H")).ports())
        .isEqualTo(
            Map.of(
                carts.id(), new Ports(Set.of(40_000, 40_001, 40_002, 40_003), 4),
                other.id(), new Ports(Set.of(), 3)));

    learner.decided(Baseline.of(Sights.SHOP, null, List.of(other)));
    assertThat(learner.circumstances(after("1H")).ports()).containsOnlyKeys(other.id());
    learner.decided(null);
    assertThat(learner.circumstances(after("1H"))).isEqualTo(Circumstances.NONE);
  }

  // ---- ports that become one pattern

  /** The hours at which four ports are used, an hour each, and what they become. */
  @ParameterizedTest
  @CsvSource({
    "0, 10, 20, 30, carts.shop.svc.cluster.local:32768-65535",
    "0, 0, 20, 20, carts.shop.svc.cluster.local:32768-65535",
    "0, 0, 0, 20, carts.shop.svc.cluster.local:40000",
    "0, 1, 20, 30, carts.shop.svc.cluster.local:32768-65535",
    "0, 1, 1, 2, carts.shop.svc.cluster.local:40000"
  })
  void edgeOf_portsUsedInTurn_isARange_usedTogether_isEachPort(
      int first, int second, int third, int fourth, String words) {
    var port = 40_000;
    for (var hour : List.of(first, second, third, fourth)) {
      for (var end : List.of(hour, hour + 1)) {
        learner.observe(seen(APP, to(CARTS, port), "a", after(end + "H")));
      }
      port++;
    }

    var edge = learner.edgeOf(APP.processClass(), Exact.of(to(CARTS, 40_000)), after("40H"));

    assertThat(requireNonNull(edge).edge().words()).isEqualTo("/app → " + words);
  }

  @Test
  void edgeOf_portsOfAnAddress_stayApart() {
    for (var i = 0; i < 4; i++) {
      learner.observe(seen(APP, Sights.address("10.0.0.9", 40_000 + i), "a", after(10 * i + "H")));
    }

    assertThat(learner.edges()).hasSize(4);
  }

  private void see(String name, int ports) {
    for (var i = 0; i < ports; i++) {
      learner.observe(seen(APP, to(name, 40_000 + i), "a", START));
    }
  }

  private List<LearnedEdge> quarantined() {
    return learner.edges().stream()
        .filter(edge -> edge.why().equals("more dynamic ports than the destination had starts"))
        .toList();
  }

  private static PortRange range(String name) {
    return new PortRange(name, Evidence.MESH_SERVICE, 32_768, 65_535, Protocol.TCP);
  }

  private static Destination to(String name, int port) {
    return new Destination(
        name, Evidence.MESH_SERVICE, IpAddress.parse("10.43.0.8"), port, Protocol.TCP);
  }
}
