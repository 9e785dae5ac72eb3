package io.kith.baselines.decision;

import static io.kith.baselines.decision.Flows.CACHE;
import static io.kith.baselines.decision.Flows.CHECKOUT;
import static io.kith.baselines.decision.Flows.DB;
import static io.kith.baselines.decision.Flows.HASH;
import static io.kith.baselines.decision.Flows.NOON;
import static io.kith.baselines.decision.Flows.OTHER_HASH;
import static io.kith.baselines.decision.Flows.byHand;
import static io.kith.baselines.decision.Flows.enforcing;
import static io.kith.baselines.decision.Flows.learned;
import static io.kith.baselines.decision.Flows.program;
import static io.kith.baselines.decision.Flows.service;
import static io.kith.baselines.decision.Flows.verdict;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.edge.ProcessPattern.ScriptPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Quality;
import io.kith.baselines.process.Script;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Which of several edges decides, and which one speaks when none allows. */
class EdgesOfAClassTest {
  private static final Candidate APP = program("/app");
  private static final Instant PAST = NOON.minusSeconds(1);
  private static final Reason EXPIRED = new Reason.Expired(PAST);

  @Test
  void decide_theStrictestEdgeThatAllows_isNamed() {
    var pinned = byHand(APP, DB, HASH, null, null);

    assertThat(verdict(enforcing(List.of(pinned), learned(APP, DB)), APP, DB))
        .isEqualTo(new Allow(pinned));
    assertThat(verdict(withRules(List.of(cronOnly("/sbin/init")), learned(APP, DB)), APP, DB))
        .isInstanceOfSatisfying(
            Allow.class,
            allow ->
                assertThat(allow.edge()).extracting("strictness").isEqualTo(Strictness.LINEAGE));
  }

  @Test
  void decide_anotherBinaryThanTheStrictEdgeAsks_mayPassByAWeakerOne() {
    var pinned = byHand(APP, DB, OTHER_HASH, null, null);

    assertThat(verdict(enforcing(List.of(pinned), learned(APP, DB)), APP, DB))
        .isEqualTo(new Allow(learned(APP, DB)));
  }

  @Test
  void decide_edgesThatAllRefuse_theStrictestSpeaks_unlessItHasOnlyEnded() {
    var pinned = byHand(APP, DB, OTHER_HASH, null, null);
    var pinnedOnce = byHand(APP, DB, HASH, null, PAST);
    var once = byHand(APP, DB, null, null, PAST);
    var cron = cronOnly("/usr/sbin/crond");
    var byCron = cron.edgeOf(APP.processClass());

    assertThat(verdict(enforcing(List.of(pinned, once)), APP, DB))
        .isEqualTo(new Deny(pinned, new Reason.HashChanged(OTHER_HASH, HASH)));
    assertThat(verdict(enforcing(List.of(once, pinnedOnce)), APP, DB))
        .isEqualTo(new Deny(once, EXPIRED));
    assertThat(verdict(withRules(List.of(cron), List.of(pinnedOnce)), APP, DB))
        .isEqualTo(new Deny(byCron, new Reason.LineageMismatch(List.of("/usr/sbin/crond"))));
    assertThat(verdict(withRules(List.of(cron), List.of(once)), APP, DB))
        .isEqualTo(new Deny(byCron, new Reason.LineageMismatch(List.of("/usr/sbin/crond"))));
  }

  @Test
  void decide_aKnownProgramElsewhere_isShownItsEdgeToThatHost_elseAnyOfIts() {
    var snapshot = enforcing(learned(APP, DB), learned(APP, CACHE));

    assertThat(verdict(snapshot, APP, service(DB.name(), 22)))
        .isEqualTo(new Deny(learned(APP, DB), new Reason.NewDestination()));
    assertThat(verdict(snapshot, APP, service(CACHE.name(), 22)))
        .isEqualTo(new Deny(learned(APP, CACHE), new Reason.NewDestination()));
    assertThat(verdict(snapshot, APP, service("mail.shop.svc.cluster.local", 25)))
        .isInstanceOfSatisfying(Deny.class, deny -> assertThat(deny.nearest()).isNotNull());
  }

  @Test
  void decide_anUnknownProgram_isShownWhoGoesThere_ifAnybodyDoes() {
    var helper = program("/helper");
    var snapshot = enforcing(learned(APP, DB), learned(helper, CACHE));
    var curl = program("/usr/bin/curl");

    assertThat(verdict(snapshot, curl, DB))
        .isEqualTo(new Deny(learned(APP, DB), new Reason.NewProcess()));
    assertThat(verdict(snapshot, curl, CACHE))
        .isEqualTo(new Deny(learned(helper, CACHE), new Reason.NewProcess()));
    assertThat(verdict(snapshot, curl, service("mail.shop.svc.cluster.local", 25)))
        .isEqualTo(new Deny(null, new Reason.NewProcess()));
  }

  // ---- this very binary

  @Test
  void decide_codeFromElsewhere_isAllowedByAPersonsHashOnly_neverByALearnedOne() {
    var dropped = program("/tmp/tool", Origin.WRITABLE_LAYER, null, null);
    var notByHand =
        new Edge(
            "e:0",
            dropped.processClass(),
            Exact.of(DB),
            Strictness.HASH,
            HASH,
            null,
            new Provenance.Learned());

    assertThat(verdict(enforcing(notByHand), dropped, DB))
        .isEqualTo(new Deny(notByHand, new Reason.OriginNotInImage(Origin.WRITABLE_LAYER)));
    assertThat(verdict(enforcing(List.of(byHand(dropped, DB, null, null, null))), dropped, DB))
        .isInstanceOf(Deny.class);
    assertThat(verdict(enforcing(List.of(byHand(dropped, DB, HASH, null, PAST))), dropped, DB))
        .isInstanceOf(Deny.class);
    assertThat(verdict(enforcing(List.of(byHand(dropped, DB, HASH, null, null))), dropped, DB))
        .isInstanceOf(Allow.class);
  }

  @Test
  void decide_aBinaryByHash_withAScriptThatNobodyNamed_isDenied() {
    var python = script("/srv/a.py", OTHER_HASH, Origin.IMAGE, EntryKind.SCRIPT);
    var bare = byHand(python, DB, HASH, null, null);

    assertThat(verdict(enforcing(List.of(bare)), python, DB))
        .isEqualTo(new Deny(bare, new Reason.HashChanged("no script", OTHER_HASH)));
  }

  @Test
  void decide_aBinaryByHash_withAScriptWhoseHashIsNotKnown_isDenied() {
    var python = script("/srv/a.py", null, Origin.IMAGE, EntryKind.SCRIPT);
    var both = byHand(python, DB, HASH, OTHER_HASH, null);

    assertThat(verdict(enforcing(List.of(both)), python, DB))
        .isEqualTo(new Deny(both, new Reason.HashChanged(OTHER_HASH, null)));
  }

  /** Once a rule for an interpreter and its script also let the interpreter pass without one. */
  @Test
  void decide_aBinaryAndItsScriptByHash_withoutTheScript_isDenied() {
    var rule =
        HandRule.of(
            new ProcessPattern("/opt/lua", null, new ScriptPattern.AnyOrNone(), null),
            Exact.of(DB),
            Strictness.HASH,
            HASH,
            OTHER_HASH,
            new Provenance.ByHand("ann", "one script", null));
    var bare = program("/opt/lua");

    assertThat(verdict(withRules(List.of(rule)), bare, DB))
        .isInstanceOfSatisfying(
            Deny.class,
            deny -> assertThat(deny.reason()).isEqualTo(new Reason.HashChanged(OTHER_HASH, null)));
  }

  @Test
  void decide_aNamedModule_hasNoFile_soItsOriginIsNotAsked() {
    var module = script("http.server", null, Origin.UNKNOWN, EntryKind.MODULE);
    var jar = script("/app/shop.jar", null, Origin.UNKNOWN, EntryKind.JVM_MAIN);

    assertThat(verdict(enforcing(learned(module, DB)), module, DB))
        .isEqualTo(new Allow(learned(module, DB)));
    assertThat(verdict(enforcing(learned(jar, DB)), jar, DB))
        .isEqualTo(new Deny(learned(jar, DB), new Reason.OriginNotInImage(Origin.UNKNOWN)));
  }

  @Test
  void decide_aProcessAttestedAsOthers_saysWhoAndWho() {
    var stranger =
        new Candidate(
            "fp:1",
            APP.fingerprint(),
            APP.processClass(),
            Quality.EXACT,
            Set.of(SpiffeId.parse("spiffe://td/b"), SpiffeId.parse("spiffe://td/a")));

    assertThat(verdict(enforcing(learned(APP, DB)), stranger, DB))
        .isEqualTo(
            new Deny(
                null,
                new Reason.IdentityMismatch(
                    "the process is attested as [spiffe://td/a, spiffe://td/b], the proxy is "
                        + Flows.ID)));
  }

  /** A rule for the program whoever its user is, if that parent started it. */
  private static HandRule cronOnly(String parent) {
    return HandRule.of(
        new ProcessPattern("/app", null, new ScriptPattern.None(), List.of(parent)),
        Exact.of(DB),
        Strictness.LINEAGE,
        null,
        null,
        new Provenance.ByHand("ann", "cron only", null));
  }

  private static Snapshot withRules(List<HandRule> rules, Edge... edges) {
    return withRules(rules, List.of(), edges);
  }

  private static Snapshot withRules(List<HandRule> rules, List<Edge> byHand, Edge... edges) {
    var baseline = Baseline.of(CHECKOUT, null, List.of(edges));
    return new Snapshot(
        Mode.ENFORCE,
        false,
        Snapshot.Rules.of(baseline, byHand, new HandRules(rules, List.of())),
        null);
  }

  private static Candidate script(
      String path, @Nullable String sha256, Origin origin, EntryKind kind) {
    return Flows.candidate(
        new ProcessFingerprint(
            "/usr/bin/python3",
            HASH,
            Origin.IMAGE,
            1_000,
            kind,
            "python3",
            new Script(path, sha256, origin, false),
            List.of("/sbin/init"),
            "checkout",
            null,
            List.of(),
            false));
  }
}
