package io.kith.baselines.decision;

import static io.kith.baselines.decision.Decider.decide;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DeciderTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final SpiffeId CHECKOUT_ID =
      SpiffeId.parse("spiffe://prod.example/ns/shop/sa/checkout");
  private static final SpiffeId OTHER_ID = SpiffeId.parse("spiffe://prod.example/ns/shop/sa/other");
  private static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  private static final String HASH = "a".repeat(64);
  private static final String OTHER_HASH = "b".repeat(64);
  private static final Destination DB = owned("shop/statefulset/orders-db", 5432);
  private static final Destination DB_SSH = owned("shop/statefulset/orders-db", 22);
  private static final Destination CACHE = owned("shop/statefulset/cache", 6379);

  private static final ProcessFingerprint CLIENT = binary("/app/payments", Origin.IMAGE, HASH);
  private static final Edge CLIENT_TO_DB =
      Edge.learned(ProcessClass.of(CLIENT), DestinationPattern.Exact.of(DB));

  // ---- enforce

  @Test
  void decide_knownFlow_underEnforce_isAllowedByItsEdge() {
    var decision = decide(enforcing(CLIENT_TO_DB), flow(CLIENT, DB), NOON);

    assertThat(decision.applied()).isEqualTo(new Allow(CLIENT_TO_DB));
    assertThat(decision.mode()).isEqualTo(Mode.ENFORCE);
    assertThat(decision.revision()).startsWith("bl:");
    assertThat(decision.subject()).isEqualTo(candidate(CLIENT));
  }

  @Test
  void decide_newDestination_underEnforce_isDeniedWithTheNearestEdge() {
    var decision = decide(enforcing(CLIENT_TO_DB), flow(CLIENT, CACHE), NOON);

    assertThat(decision.applied()).isEqualTo(new Deny(CLIENT_TO_DB, new Reason.NewDestination()));
  }

  @Test
  void decide_knownHostOnANewPort_underEnforce_isDenied() {
    var decision = decide(enforcing(CLIENT_TO_DB), flow(CLIENT, DB_SSH), NOON);

    assertThat(decision.applied()).isEqualTo(new Deny(CLIENT_TO_DB, new Reason.NewDestination()));
  }

  @Test
  void decide_anotherProgram_underEnforce_isDeniedWithTheEdgeToThatDestination() {
    var curl = binary("/usr/bin/curl", Origin.IMAGE, OTHER_HASH);

    var decision = decide(enforcing(CLIENT_TO_DB), flow(curl, DB), NOON);

    assertThat(decision.applied()).isEqualTo(new Deny(CLIENT_TO_DB, new Reason.NewProcess()));
    assertThat(decision.subject()).isEqualTo(candidate(curl));
  }

  @Test
  void decide_sameHashFromAnotherPlace_underEnforce_isDenied() {
    for (var origin : Origin.values()) {
      var copied = binary("/app/payments", origin, HASH);

      var applied = decide(enforcing(CLIENT_TO_DB), flow(copied, DB), NOON).applied();

      if (origin == Origin.IMAGE) {
        assertThat(applied).isInstanceOf(Allow.class);
      } else {
        assertThat(applied).isEqualTo(new Deny(CLIENT_TO_DB, new Reason.OriginNotInImage(origin)));
      }
    }
  }

  @Test
  void decide_anotherHashOfTheSameClassInTheImage_isAllowed() {
    var rebuilt = binary("/app/payments", Origin.IMAGE, OTHER_HASH);

    assertThat(decide(enforcing(CLIENT_TO_DB), flow(rebuilt, DB), NOON).applied())
        .isEqualTo(new Allow(CLIENT_TO_DB));
  }

  @Test
  void decide_anotherScriptOfTheSameInterpreter_isANewProcess() {
    var checkout = python("/srv/checkout.py", Origin.IMAGE);
    var edge = Edge.learned(ProcessClass.of(checkout), DestinationPattern.Exact.of(DB));

    var other = decide(enforcing(edge), flow(python("/tmp/x.py", Origin.WRITABLE_LAYER), DB), NOON);

    assertThat(other.applied()).isEqualTo(new Deny(edge, new Reason.NewProcess()));
  }

  @Test
  void decide_knownScriptThatWasOverwritten_isDenied() {
    var edge =
        Edge.learned(
            ProcessClass.of(python("/srv/checkout.py", Origin.IMAGE)),
            DestinationPattern.Exact.of(DB));

    for (var origin : List.of(Origin.WRITABLE_LAYER, Origin.DELETED, Origin.UNKNOWN)) {
      var tampered = python("/srv/checkout.py", origin);
      assertThat(decide(enforcing(edge), flow(tampered, DB), NOON).applied())
          .isEqualTo(new Deny(edge, new Reason.OriginNotInImage(origin)));
    }
  }

  @Test
  void decide_inlineCode_isDeniedEvenWhenItsClassWereKnown() {
    var inline =
        fingerprint(
            "/usr/bin/bash",
            Origin.IMAGE,
            HASH,
            EntryKind.INLINE,
            new Script("inline:" + HASH, HASH, Origin.UNKNOWN, false),
            List.of());
    var edge = Edge.learned(ProcessClass.of(inline), DestinationPattern.Exact.of(DB));

    assertThat(decide(enforcing(edge), flow(inline, DB), NOON).applied())
        .isEqualTo(new Deny(edge, new Reason.InterpreterInline()));
  }

  @Test
  void decide_injectedLibrary_isDenied() {
    var injected =
        fingerprint(
            "/app/payments", Origin.IMAGE, HASH, EntryKind.NATIVE, null, List.of("/tmp/evil.so"));

    assertThat(decide(enforcing(CLIENT_TO_DB), flow(injected, DB), NOON).applied())
        .isEqualTo(new Deny(CLIENT_TO_DB, new Reason.InjectedCode(List.of("/tmp/evil.so"))));
  }

  @Test
  void decide_twoCandidates_bothMustBeAllowed() {
    var curl = binary("/usr/bin/curl", Origin.IMAGE, OTHER_HASH);
    var both =
        new Attribution.Attributed(
            List.of(candidate(CLIENT), candidate(curl)), Rung.KERNEL_EXACT, List.of());

    var decision = decide(enforcing(CLIENT_TO_DB), flow(both, DB), NOON);

    assertThat(decision.applied()).isEqualTo(new Deny(CLIENT_TO_DB, new Reason.NewProcess()));
    assertThat(decision.subject()).isEqualTo(candidate(curl));
  }

  @Test
  void decide_processAttestedAsAnotherWorkload_isDenied() {
    var stranger =
        new Candidate("fp:1", CLIENT, ProcessClass.of(CLIENT), Quality.EXACT, Set.of(OTHER_ID));

    assertThat(decide(enforcing(CLIENT_TO_DB), flow(attributed(stranger), DB), NOON).applied())
        .isInstanceOfSatisfying(
            Deny.class, deny -> assertThat(deny.reason().code()).isEqualTo("identity_mismatch"));
  }

  @Test
  void decide_clientNamesAnotherWorkload_isDenied() {
    var flow =
        new Flow(
            CHECKOUT_ID,
            attributed(candidate(CLIENT)),
            new DestinationFacts.Resolved(DB, "says cache, connects to orders-db"));

    assertThat(decide(enforcing(CLIENT_TO_DB), flow, NOON).applied())
        .isEqualTo(new Deny(null, new Reason.NameMismatch("says cache, connects to orders-db")));
  }

  @Test
  void decide_processNotKnown_underEnforce_isDeniedUnlessARuleSaysOtherwise() {
    var unknown = new Attribution.Unattributed(Rung.DIAG, List.of("no such socket"));
    var silent = new Attribution.BridgeUnavailable("no bridge for 10.0.0.1");

    assertThat(decide(enforcing(CLIENT_TO_DB), flow(unknown, DB), NOON).applied())
        .isEqualTo(new Deny(null, new Reason.Unattributed("no such socket")));
    assertThat(decide(enforcing(CLIENT_TO_DB), flow(silent, DB), NOON).applied())
        .isEqualTo(new Deny(null, new Reason.BridgeUnavailable("no bridge for 10.0.0.1")));

    var tolerant = new Snapshot(Mode.ENFORCE, true, rules(CLIENT_TO_DB), null);
    assertThat(decide(tolerant, flow(unknown, DB), NOON).applied()).isEqualTo(new Allow(null));
    assertThat(decide(tolerant, flow(silent, DB), NOON).applied()).isEqualTo(new Allow(null));
  }

  @Test
  void decide_pathNotKnown_isUnattributedWhateverTheProgramName() {
    var nameless = binary("", Origin.UNKNOWN, null);

    assertThat(decide(enforcing(CLIENT_TO_DB), flow(nameless, DB), NOON).applied())
        .isInstanceOfSatisfying(
            Deny.class, deny -> assertThat(deny.reason().code()).isEqualTo("unattributed"));
  }

  // ---- allowed by hand

  @Test
  void decide_allowedByHand_passesUntilItsTimeIsOver() {
    var curl = binary("/usr/bin/curl", Origin.IMAGE, OTHER_HASH);
    var until = NOON.plusSeconds(60);
    var byHand =
        Edge.byHand(
            ProcessClass.of(curl),
            DestinationPattern.Exact.of(DB),
            null,
            null,
            new Provenance.ByHand("ann", "incident 7", until));
    var snapshot = enforcingWith(List.of(byHand), CLIENT_TO_DB);

    assertThat(decide(snapshot, flow(curl, DB), NOON).applied()).isEqualTo(new Allow(byHand));
    assertThat(decide(snapshot, flow(curl, DB), until).applied())
        .isEqualTo(new Deny(byHand, new Reason.Expired(until)));
  }

  @Test
  void decide_binaryAllowedByHandByItsHash_passesThoughNotInTheImage_anotherOneDoesNot() {
    var dropped = binary("/tmp/tool", Origin.WRITABLE_LAYER, OTHER_HASH);
    var byHand =
        Edge.byHand(
            ProcessClass.of(dropped),
            DestinationPattern.Exact.of(DB),
            OTHER_HASH,
            null,
            new Provenance.ByHand("ann", "debugging", null));
    var snapshot = enforcingWith(List.of(byHand), CLIENT_TO_DB);

    assertThat(decide(snapshot, flow(dropped, DB), NOON).applied()).isEqualTo(new Allow(byHand));
    assertThat(
            decide(snapshot, flow(binary("/tmp/tool", Origin.WRITABLE_LAYER, HASH), DB), NOON)
                .applied())
        .isEqualTo(new Deny(byHand, new Reason.OriginNotInImage(Origin.WRITABLE_LAYER)));
    assertThat(decide(snapshot, flow(dropped, CACHE), NOON).applied()).isInstanceOf(Deny.class);
  }

  @Test
  void decide_binaryOfTheImageAllowedByHash_anotherHash_isHashChanged() {
    var curl = binary("/usr/bin/curl", Origin.IMAGE, HASH);
    var byHand =
        Edge.byHand(
            ProcessClass.of(curl),
            DestinationPattern.Exact.of(DB),
            HASH,
            null,
            new Provenance.ByHand("ann", "pinned", null));

    assertThat(
            decide(
                    enforcingWith(List.of(byHand)),
                    flow(binary("/usr/bin/curl", Origin.IMAGE, OTHER_HASH), DB),
                    NOON)
                .applied())
        .isEqualTo(new Deny(byHand, new Reason.HashChanged(HASH, OTHER_HASH)));
  }

  @Test
  void decide_interpreterAllowedByHash_withAnotherScript_isNotAllowed() {
    var script = python("/tmp/a.py", Origin.WRITABLE_LAYER);
    var byHand =
        Edge.byHand(
            ProcessClass.of(script),
            DestinationPattern.Exact.of(DB),
            HASH,
            OTHER_HASH,
            new Provenance.ByHand("ann", "one script", null));
    var changed =
        fingerprint(
            "/usr/bin/python3",
            Origin.IMAGE,
            HASH,
            EntryKind.SCRIPT,
            new Script("/tmp/a.py", HASH, Origin.WRITABLE_LAYER, false),
            List.of());

    assertThat(decide(enforcingWith(List.of(byHand)), flow(script, DB), NOON).applied())
        .isEqualTo(new Allow(byHand));
    assertThat(decide(enforcingWith(List.of(byHand)), flow(changed, DB), NOON).applied())
        .isInstanceOf(Deny.class);
  }

  // ---- observe and shadow

  @Test
  void decide_anything_underObserve_isAllowed() {
    var unknown = new Attribution.Unattributed(Rung.DIAG, List.of("no such socket"));

    for (var flow : List.of(flow(CLIENT, CACHE), flow(unknown, DB))) {
      var decision = decide(Snapshot.observing(), flow, NOON);

      assertThat(decision.applied()).isInstanceOf(Allow.class);
      assertThat(decision.shadow()).isNull();
      assertThat(decision.mode()).isEqualTo(Mode.OBSERVE);
    }
  }

  @Test
  void decide_underShadow_isAllowedAndCarriesTheVerdictOfTheRevisionToCome() {
    var snapshot = new Snapshot(Mode.SHADOW, false, null, rules(CLIENT_TO_DB));

    var known = decide(snapshot, flow(CLIENT, DB), NOON);
    var unknown = decide(snapshot, flow(CLIENT, CACHE), NOON);

    assertThat(known.applied()).isEqualTo(new Allow(CLIENT_TO_DB));
    assertThat(known.shadow()).isEqualTo(new Allow(CLIENT_TO_DB));
    assertThat(unknown.applied()).isEqualTo(new Allow(null));
    assertThat(unknown.shadow()).isEqualTo(new Deny(CLIENT_TO_DB, new Reason.NewDestination()));
  }

  @Test
  void decide_underEnforce_theRevisionToComeSpeaksBesideTheOneThatDecides() {
    var toCache = Edge.learned(ProcessClass.of(CLIENT), DestinationPattern.Exact.of(CACHE));
    var snapshot = new Snapshot(Mode.ENFORCE, false, rules(CLIENT_TO_DB), rules(toCache));

    var decision = decide(snapshot, flow(CLIENT, CACHE), NOON);

    assertThat(decision.applied()).isInstanceOf(Deny.class);
    assertThat(decision.shadow()).isEqualTo(new Allow(toCache));
  }

  @Test
  void decide_emptyBaseline_underEnforce_deniesEverything() {
    assertThat(decide(enforcingWith(List.of()), flow(CLIENT, DB), NOON).applied())
        .isEqualTo(new Deny(null, new Reason.NewProcess()));
  }

  @ParameterizedTest
  @EnumSource(Origin.class)
  void decide_codeOfAWorkloadOnHosts_isAllowedFromTheHostOnly(Origin origin) {
    var snapshot = new Snapshot(Mode.ENFORCE, false, Origin.HOST, rules(CLIENT_TO_DB), null);
    var process = binary(CLIENT.path(), origin, HASH);

    var applied = decide(snapshot, flow(process, DB), NOON).applied();

    assertThat(applied)
        .isEqualTo(
            origin == Origin.HOST
                ? new Allow(CLIENT_TO_DB)
                : new Deny(CLIENT_TO_DB, new Reason.OriginNotInImage(origin)));
  }

  @ParameterizedTest
  @EnumSource(Origin.class)
  void decide_scriptOfAWorkloadOnHosts_isAllowedFromTheHostOnly(Origin origin) {
    var process =
        fingerprint(
            "/usr/bin/python3",
            Origin.HOST,
            HASH,
            EntryKind.SCRIPT,
            new Script("/srv/app.py", OTHER_HASH, origin, false),
            List.of());
    var edge = Edge.learned(ProcessClass.of(process), DestinationPattern.Exact.of(DB));
    var snapshot = new Snapshot(Mode.ENFORCE, false, Origin.HOST, rules(edge), null);

    var applied = decide(snapshot, flow(process, DB), NOON).applied();

    assertThat(applied)
        .isEqualTo(
            origin == Origin.HOST
                ? new Allow(edge)
                : new Deny(edge, new Reason.OriginNotInImage(origin)));
  }

  @Test
  void decide_codeOfTheHost_ofAWorkloadInContainers_isDenied() {
    var process = binary(CLIENT.path(), Origin.HOST, HASH);

    assertThat(decide(enforcing(CLIENT_TO_DB), flow(process, DB), NOON).applied())
        .isEqualTo(new Deny(CLIENT_TO_DB, new Reason.OriginNotInImage(Origin.HOST)));
  }

  @Test
  void explanation_namesWhoWhereAndTheNearestEdge() {
    var curl = binary("/usr/bin/curl", Origin.IMAGE, OTHER_HASH);
    var flow = flow(curl, DB);
    var decision = decide(enforcing(CLIENT_TO_DB), flow, NOON);

    assertThat(Explanation.of((Deny) decision.applied(), decision.subject(), DB))
        .isEqualTo(
            "/usr/bin/curl is not one of the programs that speak from here; nearest: /app/payments"
                + " ← /sbin/init → shop/statefulset/orders-db:5432");
  }

  // ---- what the tests are made of

  private static Destination owned(String name, int port) {
    return new Destination(name, Evidence.OWNER, IpAddress.parse("10.0.0.9"), port, Protocol.TCP);
  }

  private static ProcessFingerprint binary(
      String path, Origin origin, @org.jspecify.annotations.Nullable String sha256) {
    return fingerprint(path, origin, sha256, EntryKind.NATIVE, null, List.of());
  }

  private static ProcessFingerprint python(String script, Origin scriptOrigin) {
    return fingerprint(
        "/usr/bin/python3",
        Origin.IMAGE,
        HASH,
        EntryKind.SCRIPT,
        new Script(script, OTHER_HASH, scriptOrigin, false),
        List.of());
  }

  private static ProcessFingerprint fingerprint(
      String path,
      Origin origin,
      @org.jspecify.annotations.Nullable String sha256,
      EntryKind entryKind,
      @org.jspecify.annotations.Nullable Script script,
      List<String> injected) {
    return new ProcessFingerprint(
        path,
        sha256,
        origin,
        1000,
        entryKind,
        path.substring(path.lastIndexOf('/') + 1),
        script,
        List.of("/sbin/init"),
        "checkout",
        null,
        injected,
        false);
  }

  private static Candidate candidate(ProcessFingerprint fingerprint) {
    return new Candidate(
        "fp:" + fingerprint.hashCode(),
        fingerprint,
        ProcessClass.of(fingerprint),
        Quality.EXACT,
        Set.of(CHECKOUT_ID));
  }

  private static Attribution attributed(Candidate candidate) {
    return new Attribution.Attributed(List.of(candidate), Rung.KERNEL_EXACT, List.of());
  }

  private static Flow flow(ProcessFingerprint process, Destination destination) {
    return flow(attributed(candidate(process)), destination);
  }

  private static Flow flow(Attribution attribution, Destination destination) {
    return new Flow(CHECKOUT_ID, attribution, new DestinationFacts.Resolved(destination, null));
  }

  private static Rules rules(Edge... edges) {
    return Rules.of(Baseline.of(CHECKOUT, null, List.of(edges)), List.of());
  }

  private static Snapshot enforcing(Edge... edges) {
    return new Snapshot(Mode.ENFORCE, false, rules(edges), null);
  }

  private static Snapshot enforcingWith(List<Edge> byHand, Edge... edges) {
    return new Snapshot(
        Mode.ENFORCE, false, Rules.of(Baseline.of(CHECKOUT, null, List.of(edges)), byHand), null);
  }
}
