package io.kith.baselines.decision;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Circumstances.Ports;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Rung;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What a rollout and a server's new port may do, and what they may not. */
class CircumstancesTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final SpiffeId ID = SpiffeId.parse("spiffe://prod.example/ns/shop/sa/checkout");
  private static final Owner OWNER = Owner.parse("shop/deployment/checkout");
  private static final Destination DB = service("db.shop.svc.cluster.local", 5432);
  private static final Circumstances ROLLOUT =
      new Circumstances(Map.of("sha256:2", NOON.plusSeconds(60)), Map.of());

  @Test
  void decide_programThatMoved_inGrace_doesWhatItDid() {
    var moved = candidate("/opt/app", "sha256:2", 1_000, "/bin/dash");

    var decision = decide(ROLLOUT, moved, DB, NOON);

    assertThat(decision.applied().word()).isEqualTo("allow");
    assertThat(decision.flagged()).isTrue();
  }

  @Test
  void decide_programThatMoved_outsideItsGrace_isNew() {
    var moved = candidate("/opt/app", "sha256:2", 1_000, "/bin/dash");
    var oldImage = candidate("/opt/app", "sha256:1", 1_000, "/bin/dash");

    assertThat(reason(decide(ROLLOUT, moved, DB, NOON.plusSeconds(60)))).isEqualTo("new_process");
    assertThat(reason(decide(ROLLOUT, oldImage, DB, NOON))).isEqualTo("new_process");
  }

  @Test
  void decide_programThatMoved_hasNoMoreRightsAndNoNewDoors() {
    var root = candidate("/opt/app", "sha256:2", 0, "/bin/dash");
    var other = candidate("/opt/shell", "sha256:2", 1_000, "/bin/dash");
    var moved = candidate("/opt/app", "sha256:2", 1_000, "/bin/dash");

    assertThat(reason(decide(ROLLOUT, root, DB, NOON))).isEqualTo("new_process");
    assertThat(reason(decide(ROLLOUT, other, DB, NOON))).isEqualTo("new_process");
    assertThat(reason(decide(ROLLOUT, moved, service("cache.shop.svc.cluster.local", 1), NOON)))
        .isEqualTo("new_process");
  }

  @Test
  void decide_codeFromOutsideTheImage_hasNoGrace() {
    var dropped =
        new Candidate(
            "fp:x",
            fingerprint("/app", Origin.WRITABLE_LAYER, "sha256:2", 1_000, "/bin/sh"),
            candidate("/app", "sha256:2", 1_000, "/bin/sh").processClass(),
            Quality.EXACT,
            Set.of());

    assertThat(reason(decide(ROLLOUT, dropped, DB, NOON))).isEqualTo("origin_not_in_image");
  }

  @Test
  void decide_dynamicPort_onlyForAStartThatHasNone() {
    var range =
        new PortRange(
            "jmx.shop.svc.cluster.local", Evidence.MESH_SERVICE, 32_768, 65_535, Protocol.TCP);
    var app = candidate("/app", "sha256:1", 1_000, "/bin/sh");
    var edge = Edge.learned(app.processClass(), range);
    var full = new Circumstances(Map.of(), Map.of(edge.id(), new Ports(Set.of(40_000), 0)));
    var open = new Circumstances(Map.of(), Map.of(edge.id(), new Ports(Set.of(40_000), 1)));
    var known = service("jmx.shop.svc.cluster.local", 40_000);
    var fresh = service("jmx.shop.svc.cluster.local", 41_000);

    assertThat(decide(edge, full, app, known).applied().word()).isEqualTo("allow");
    assertThat(reason(decide(edge, full, app, fresh))).isEqualTo("new_destination");
    assertThat(decide(edge, open, app, fresh).applied().word()).isEqualTo("allow");
    assertThat(decide(edge, Circumstances.NONE, app, fresh).applied().word()).isEqualTo("allow");
  }

  private static Decision decide(
      Circumstances circumstances, Candidate candidate, Destination destination, Instant now) {
    DestinationPattern toDb = Exact.of(DB);
    var app = candidate("/app", "sha256:1", 1_000, "/bin/sh");
    var edge = Edge.learned(app.processClass(), toDb);
    return decide(edge, circumstances, candidate, destination, now);
  }

  private static Decision decide(
      Edge edge, Circumstances circumstances, Candidate candidate, Destination destination) {
    return decide(edge, circumstances, candidate, destination, NOON);
  }

  private static Decision decide(
      Edge edge,
      Circumstances circumstances,
      Candidate candidate,
      Destination destination,
      Instant now) {
    var rules = Snapshot.Rules.of(Baseline.of(OWNER, null, List.of(edge)), List.of());
    var attribution = new Attribution.Attributed(List.of(candidate), Rung.KERNEL_EXACT, List.of());
    return Decider.decide(
        new Snapshot(Mode.ENFORCE, false, rules, null, circumstances),
        new Flow(ID, attribution, new Resolved(destination, null)),
        now);
  }

  private static String reason(Decision decision) {
    return decision.applied() instanceof Verdict.Deny(_, var reason) ? reason.code() : "allowed";
  }

  private static Destination service(String name, int port) {
    return new Destination(
        name, Evidence.MESH_SERVICE, IpAddress.parse("10.43.0.1"), port, Protocol.TCP);
  }

  private static Candidate candidate(String path, String digest, int uid, String parent) {
    var fingerprint = fingerprint(path, Origin.IMAGE, digest, uid, parent);
    return new Candidate(
        "fp:1", fingerprint, ProcessClass.of(fingerprint), Quality.EXACT, Set.of());
  }

  private static ProcessFingerprint fingerprint(
      String path, Origin origin, String digest, int uid, String parent) {
    return new ProcessFingerprint(
        path,
        null,
        origin,
        uid,
        EntryKind.NATIVE,
        path.substring(path.lastIndexOf('/') + 1),
        null,
        List.of(parent),
        null,
        digest,
        List.of(),
        false);
  }
}
