package io.kith.baselines.allow;

import static io.kith.baselines.allow.AllowListsTest.accepted;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.DestinationPattern;
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
import io.kith.baselines.process.Script;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Effective = allowed by hand + baseline − denied by hand. */
class HandRuleDecisionTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final SpiffeId ID = SpiffeId.parse("spiffe://prod.example/ns/shop/sa/checkout");
  private static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  private static final String HASH = "a".repeat(64);
  private static final Destination DB =
      new Destination(
          "shop/statefulset/db", Evidence.OWNER, IpAddress.parse("10.1.2.3"), 5432, Protocol.TCP);
  private static final Destination API = external("api.example.com", Evidence.DNS);
  private static final ProcessFingerprint APP =
      process("/app/checkout", Origin.IMAGE, null, "/init");

  private static final String ALLOW_API =
      "{action: allow, by: ada, why: x, process: {path: /app/checkout}, destination: {host:"
          + " api.example.com, port: 443}}";

  @Test
  void decide_whatTheBaselineKnows_isStillAllowedBesideRules() {
    assertThat(decide(APP, DB, ALLOW_API)).isInstanceOf(Allow.class);
  }

  @Test
  void decide_whatARuleAllows_isAllowedByItsEdge() {
    assertThat(decide(APP, API)).isInstanceOf(Deny.class);
    assertThat(decide(APP, API, ALLOW_API))
        .isInstanceOfSatisfying(
            Allow.class, allow -> assertThat(allow.edge()).asString().contains("by=ada"));
  }

  @Test
  void decide_aProgramThatNobodyHasSeen_isAllowedByARule() {
    var tool = process("/usr/bin/tool", Origin.IMAGE, null, "/bin/sh");

    assertThat(decide(tool, API, ALLOW_API.replace("/app/checkout", "/usr/bin/tool")))
        .isInstanceOf(Allow.class);
  }

  @Test
  void decide_aProgramFromElsewhere_isNotAllowedByAnythingWeakerThanItsHash() {
    var dropped = process("/app/checkout", Origin.WRITABLE_LAYER, null, "/init");

    for (var strictness : List.of("class", "path")) {
      assertThat(
              decide(
                  dropped, API, ALLOW_API.replace("why: x", "why: x, strictness: " + strictness)))
          .isInstanceOfSatisfying(
              Deny.class,
              deny -> assertThat(deny.reason()).isInstanceOf(Reason.OriginNotInImage.class));
    }
    assertThat(
            decide(
                dropped, API, ALLOW_API.replace("/app/checkout", "/app/checkout, sha256: " + HASH)))
        .isInstanceOf(Allow.class);
  }

  @Test
  void decide_aScriptThatTheRuleDoesNotName_isDenied_exceptUnderPath() {
    var script = new Script("/srv/other.py", null, Origin.IMAGE, false);
    var python = process("/app/checkout", Origin.IMAGE, script, "/init");

    assertThat(decide(python, API, ALLOW_API)).isInstanceOf(Deny.class);
    assertThat(decide(python, API, ALLOW_API.replace("why: x", "why: x, strictness: path")))
        .isInstanceOf(Allow.class);
  }

  @Test
  void decide_otherAncestorsThanTheRuleDemands_isALineageMismatch() {
    var rule =
        ALLOW_API
            .replace("/app/checkout", "/app/checkout, lineage: [/usr/sbin/crond]")
            .replace("why: x", "why: x, strictness: lineage");

    assertThat(decide(APP, API, rule))
        .isInstanceOfSatisfying(
            Deny.class,
            deny ->
                assertThat(deny.reason())
                    .isEqualTo(new Reason.LineageMismatch(List.of("/usr/sbin/crond"))));
    assertThat(decide(process("/app/checkout", Origin.IMAGE, null, "/usr/sbin/crond"), API, rule))
        .isInstanceOf(Allow.class);
  }

  @Test
  void decide_anEndedRule_isExpired() {
    assertThat(decide(APP, API, ALLOW_API.replace("why: x", "why: x, until: 2026-11-24")))
        .isInstanceOfSatisfying(
            Deny.class, deny -> assertThat(deny.reason()).isInstanceOf(Reason.Expired.class));
  }

  @Test
  void decide_aNameOfTheMeshThatTheClientMadeUp_isNotAllowedByTheRuleForIt() {
    var rule = ALLOW_API.replace("api.example.com", "catalog.shop.svc.cluster.local");

    assertThat(decide(APP, external("catalog.shop.svc.cluster.local", Evidence.CLIENT_NAME), rule))
        .isInstanceOf(Deny.class);
    assertThat(decide(APP, external("catalog.shop.svc.cluster.local", Evidence.MESH_SERVICE), rule))
        .isInstanceOf(Allow.class);
  }

  @Test
  void decide_aVirtualAddressInsideAnAllowedBlock_isNotAllowedByIt_butMayBeDeniedByIt() {
    var block =
        "{action: allow, by: ada, why: x, process: {path: /app/checkout}, destination: {cidr: 203.0.113.0/24, port: 443}}";
    var routed = external("other.shop.svc.cluster.local", Evidence.MESH_SERVICE);

    assertThat(decide(APP, routed, block)).isInstanceOf(Deny.class);
    assertThat(decide(APP, API, block)).isInstanceOf(Allow.class);
    assertThat(
            decide(
                APP,
                routed,
                "{action: deny, by: ada, why: x, destination: {cidr: 203.0.113.0/24}}"))
        .isInstanceOfSatisfying(
            Deny.class, deny -> assertThat(deny.reason().code()).isEqualTo("denied_by_hand"));
  }

  // ---- denied by hand

  @Test
  void decide_deniedByHand_winsOverBaselineRuleAndHash() {
    var deny = "{action: deny, by: grace, why: incident 7, destination: {host: api.example.com}}";
    var hash = ALLOW_API.replace("/app/checkout", "/app/checkout, sha256: " + HASH);

    assertThat(decide(APP, API, ALLOW_API, hash, deny))
        .isEqualTo(
            new Deny(
                null,
                new Reason.DeniedByHand("any process → api.example.com:*: incident 7 (grace)")));
    assertThat(decide(APP, DB, "{action: deny, by: grace, why: x, process: {path: /app/checkout}}"))
        .isInstanceOfSatisfying(
            Deny.class, denied -> assertThat(denied.reason().code()).isEqualTo("denied_by_hand"));
  }

  @Test
  void decide_deniedUntilYesterday_isAllowedAgain() {
    assertThat(
            decide(
                APP,
                DB,
                "{action: deny, by: g, why: x, until: 2026-11-24, process: {path: /app/checkout}}"))
        .isInstanceOf(Allow.class);
  }

  @Test
  void decide_anUnknownProcess_whereThoseMayPass_isStoppedByARuleForEveryProcessOnly() {
    var nobody = new Attribution.Unattributed(Rung.NONE, List.of("no owner"));

    assertThat(
            decide(
                nobody, API, "{action: deny, by: g, why: x, destination: {host: api.example.com}}"))
        .isInstanceOfSatisfying(
            Deny.class, denied -> assertThat(denied.reason().code()).isEqualTo("denied_by_hand"));
    assertThat(decide(nobody, API, "{action: deny, by: g, why: x, process: {path: /usr/bin/curl}}"))
        .isInstanceOf(Allow.class);
  }

  private static Verdict decide(ProcessFingerprint process, Destination to, String... rules) {
    return decide(
        new Attribution.Attributed(List.of(candidate(process)), Rung.KERNEL_EXACT, List.of()),
        to,
        rules);
  }

  private static Verdict decide(Attribution process, Destination to, String... rules) {
    var lists =
        accepted(
            AllowLists.none(AllowListsTest.SUFFIXES)
                .replace("a.yaml", AllowListsTest.document("a", rules)));
    var baseline =
        Baseline.of(
            CHECKOUT,
            null,
            List.of(Edge.learned(ProcessClass.of(APP), DestinationPattern.Exact.of(DB))));
    var snapshot =
        new Snapshot(
            Mode.ENFORCE, true, Snapshot.Rules.of(baseline, List.of(), lists.of(CHECKOUT)), null);
    var flow = new Flow(ID, process, new DestinationFacts.Resolved(to, null));
    return Decider.decide(snapshot, flow, NOON).applied();
  }

  private static Destination external(String name, Evidence evidence) {
    return new Destination(name, evidence, IpAddress.parse("203.0.113.7"), 443, Protocol.TCP);
  }

  private static Candidate candidate(ProcessFingerprint process) {
    return new Candidate("fp:1", process, ProcessClass.of(process), Quality.EXACT, Set.of(ID));
  }

  private static ProcessFingerprint process(
      String path, Origin origin, @Nullable Script script, String parent) {
    return new ProcessFingerprint(
        path,
        HASH,
        origin,
        1000,
        script == null ? EntryKind.NATIVE : EntryKind.SCRIPT,
        path.substring(path.lastIndexOf('/') + 1),
        script,
        List.of(parent),
        "app",
        null,
        List.of(),
        false);
  }
}
