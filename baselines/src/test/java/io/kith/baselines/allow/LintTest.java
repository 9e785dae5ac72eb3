package io.kith.baselines.allow;

import static io.kith.baselines.allow.AllowListsTest.accepted;
import static io.kith.baselines.allow.AllowListsTest.documentFor;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.allow.Finding.Kind;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.ProcessClass;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LintTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  private static final ProcessClass PROGRAM =
      new ProcessClass("/a", "a", null, List.of("/init"), false);
  private static final String API =
      "action: allow, process: {path: /a}, destination: {host: a.com, port: 443}";

  @Test
  void of_aNarrowRule_findsNothing() {
    assertThat(lint(API)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          EXPIRING | action: deny, until: 2026-11-25T12:00:00Z, process: {path: /a} | ended at 2026-11-25T12:00:00Z (remove it, or set another until)
          EXPIRING | action: deny, until: 2026-12-02T12:00:00Z, process: {path: /a} | ends at 2026-12-02T12:00:00Z (let it, or set another until)
          EXPIRING | action: deny, until: 2026-12-01, process: {path: /a} | ends at 2026-12-02T00:00:00Z (let it, or set another until)
          PATH_ONLY | action: allow, strictness: path, process: {path: /a}, destination: {host: a.com, port: 1} | strictness path lets this executable run any script (name the script, or its sha256)
          OVER_BROAD | action: allow, process: {path: /a}, destination: {cidr: 10.0.0.0/8, port: 1} | 10.0.0.0/8 is a large part of a network (name a host)
          OVER_BROAD | action: allow, process: {path: /a}, destination: {cidr: 10.0.0.0/15, port: 1} | 10.0.0.0/15 is a large part of a network (name a host)
          OVER_BROAD | action: allow, process: {path: /a}, destination: {cidr: "fd00::/47", port: 1} | fd00:0:0:0:0:0:0:0/47 is a large part of a network (name a host)
          OVER_BROAD | action: allow, process: {path: /a}, destination: {cidr: "::/0", port: 1} | 0:0:0:0:0:0:0:0/0 is a large part of a network (name a host)
          OVER_BROAD | action: allow, process: {path: /a}, destination: {host: a.com, ports: 1-1025} | 1025 ports (name those in use)
          OVER_BROAD | action: allow, process: {path: /bin/busybox}, destination: {host: a.com, port: 1} | /bin/busybox is many programs (add program:)
          """)
  void of_oneThingToSay_saysItWithWhatToDo(Kind kind, String rule, String what) {
    var findings = lint(rule);

    assertThat(findings).extracting(Finding::kind).containsExactly(kind);
    assertThat(findings).extracting(Finding::what).containsExactly(what);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          action: deny, until: 2026-12-02T12:00:01Z, process: {path: /a}
          action: deny, destination: {cidr: 0.0.0.0/0}
          action: deny, process: {path: /bin/busybox}
          action: allow, process: {path: /a}, destination: {cidr: "fd00::/48", port: 1}
          action: allow, process: {path: /a}, destination: {cidr: 10.1.0.0/16, port: 1}
          action: allow, process: {path: /a}, destination: {host: a.com, ports: 1-1024}
          action: allow, process: {path: /bin/busybox, program: wget}, destination: {host: a.com, port: 1}
          """)
  void of_justWithinTheLimits_findsNothing(String rule) {
    assertThat(lint(rule)).isEmpty();
  }

  @Test
  void of_aRuleForEveryWorkload_isOverBroad() {
    var lists = accepted(none().replace("a.yaml", documentFor("*", "a", braces(API))));

    assertThat(Lint.of(lists, Map.of(), null, NOON))
        .extracting(Finding::toString)
        .containsExactly(
            "a.yaml:6:11: allow /a → a.com:443: holds for every workload (name a namespace or a"
                + " workload)");
  }

  @Test
  void of_aRuleThatADenialCovers_isShadowed() {
    var findings =
        lint(API, "action: deny, destination: {host: '*.com'}".replace("'*.com'", "a.com"));

    assertThat(findings).extracting(Finding::kind).containsExactly(Kind.SHADOWED);
    assertThat(findings.getFirst().what()).startsWith("never allows anything: a.yaml:6:");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          action: deny, process: {path: /b}
          action: deny, process: {path: /a, script: /s}
          action: deny, destination: {host: a.com, port: 80}
          action: deny, destination: {host: b.com}
          action: deny, destination: {host: a.com, protocol: udp}
          action: deny, until: 2026-11-01, destination: {host: a.com}
          action: deny, process: {path: /a, sha256: HASH}
          action: deny, process: {path: /a, scriptSha256: HASH}
          action: allow, process: {path: /a}, destination: {host: a.com, ports: 1-1000}
          """)
  void of_aDenialOfSomethingElse_shadowsNothing(String denial) {
    assertThat(lint(API, hashed(denial))).extracting(Finding::kind).doesNotContain(Kind.SHADOWED);
  }

  @Test
  void of_aDenialOfTheSameBinary_shadowsARuleForIt() {
    var findings =
        lint(
            hashed(
                "action: allow, process: {path: /a, sha256: HASH, scriptSha256: OTHER}, destination:"
                    + " {host: a.com, port: 443}"),
            hashed("action: deny, process: {path: /a, sha256: HASH, scriptSha256: OTHER}"));

    assertThat(findings).extracting(Finding::kind).containsExactly(Kind.SHADOWED);
  }

  /** The scope of a rule, that of another one, and which of the two says nothing new. */
  @ParameterizedTest
  @CsvSource({
    "shop/deployment/checkout, shop/deployment/checkout, b",
    "shop/deployment/checkout, shop/deployment/cart, ''",
    "shop/*, shop/deployment/checkout, b",
    "shop/deployment/checkout, shop/*, a",
    "shop/*, pay/deployment/checkout, ''",
    "shop/*, shop/*, b",
    "shop/*, pay/*, ''",
    "'*', shop/deployment/checkout, b",
    "shop/deployment/checkout, '*', a",
    "'*', shop/*, b",
    "shop/*, '*', a",
    "'*', '*', b"
  })
  void of_rulesOfTwoScopes_theOneInsideTheOtherIsRedundant(
      String one, String other, String redundant) {
    var denial = braces("action: deny, process: {path: /usr/bin/curl}");
    var first = accepted(none().replace("a.yaml", documentFor(one, "a", denial)));
    var lists = accepted(first.replace("b.yaml", documentFor(other, "b", denial)));

    assertThat(Lint.of(lists, Map.of(), null, NOON))
        .extracting(finding -> finding.where().substring(0, 1))
        .containsExactlyElementsOf(redundant.isEmpty() ? List.of() : List.of(redundant));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          action: deny, process: {path: /a}, destination: {host: a.com, port: 443}
          action: allow, process: {path: /a, sha256: HASH}, destination: {host: a.com, port: 443}
          action: allow, process: {path: /b}, destination: {host: a.com, port: 443}
          action: allow, process: {path: /a, script: /s}, destination: {host: a.com, port: 443}
          action: allow, process: {path: /a}, destination: {host: b.com, port: 443}
          action: allow, process: {path: /a}, destination: {host: a.com, port: 444}
          action: allow, process: {path: /a}, destination: {host: a.com, ports: 443-444}
          action: allow, process: {path: /a}, destination: {host: a.com, port: 443, protocol: udp}
          action: allow, process: {path: /a}, destination: {cidr: 10.0.0.1, port: 443}
          """)
  void of_aRuleThatSaysMoreThanTheBaseline_isNotRedundant(String rule) {
    var edge = Edge.learned(PROGRAM, to("a.com", Evidence.DNS));
    var baseline = Baseline.of(CHECKOUT, null, List.of(edge));

    assertThat(Lint.of(lists(hashed(rule)), Map.of(CHECKOUT, baseline), null, NOON)).isEmpty();
  }

  @Test
  void of_aBaselineThatAllowsLess_leavesTheRule() {
    var byHash =
        Edge.byHand(
            PROGRAM,
            to("a.com", Evidence.DNS),
            "5".repeat(64),
            null,
            new Provenance.ByHand("ada", "x", null));
    var stricterEvidence = Edge.learned(PROGRAM, to("a.com", Evidence.OWNER));
    var shaped =
        Edge.learned(
            PROGRAM,
            new DestinationPattern.HostWildcard("a#", "a.com", Evidence.DNS, 443, Protocol.TCP));

    for (var edge : List.of(byHash, stricterEvidence, shaped)) {
      var baseline = Baseline.of(CHECKOUT, null, List.of(edge));
      assertThat(Lint.of(lists(API), Map.of(CHECKOUT, baseline), null, NOON)).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource({"/init, true", "/other, false"})
  void of_aRuleWithALineage_isKnownByABaselineOfTheSameAncestors(String parent, boolean known) {
    var edge = Edge.learned(PROGRAM, to("a.com", Evidence.DNS));
    var baseline = Baseline.of(CHECKOUT, null, List.of(edge));
    var rule =
        "action: allow, strictness: lineage, process: {path: /a, lineage: ["
            + parent
            + "]}, destination: {host: a.com, port: 443}";

    assertThat(Lint.of(lists(rule), Map.of(CHECKOUT, baseline), null, NOON)).hasSize(known ? 1 : 0);
  }

  @Test
  void of_aRuleForThisScriptByHash_isNotKnownByABaseline() {
    var process = new ProcessClass("/a", "a", "/s", List.of("/init"), false);
    var edge = Edge.learned(process, to("a.com", Evidence.DNS));
    var baseline = Baseline.of(CHECKOUT, null, List.of(edge));
    var byHash =
        hashed(
            "action: allow, process: {path: /a, script: /s, sha256: HASH, scriptSha256: OTHER},"
                + " destination: {host: a.com, port: 443}");
    var byClass =
        "action: allow, process: {path: /a, script: /s}, destination: {host: a.com, port: 443}";

    assertThat(Lint.of(lists(byHash), Map.of(CHECKOUT, baseline), null, NOON)).isEmpty();
    assertThat(Lint.of(lists(byClass), Map.of(CHECKOUT, baseline), null, NOON)).hasSize(1);
  }

  @Test
  void of_aRuleForAnyScript_isNotKnownByABaseline() {
    var edge = Edge.learned(PROGRAM, to("a.com", Evidence.DNS));
    var baseline = Baseline.of(CHECKOUT, null, List.of(edge));
    var rule =
        "action: allow, strictness: path, process: {path: /a}, destination: {host: a.com, port: 443}";

    assertThat(Lint.of(lists(rule), Map.of(CHECKOUT, baseline), null, NOON))
        .extracting(Finding::kind)
        .containsExactly(Kind.PATH_ONLY);
  }

  @Test
  void of_aRuleOfANamespace_isNotKnownByTheBaselineOfOneWorkload() {
    var edge = Edge.learned(PROGRAM, to("a.com", Evidence.DNS));
    var baseline = Baseline.of(CHECKOUT, null, List.of(edge));
    var lists = accepted(none().replace("a.yaml", documentFor("shop/*", "a", braces(API))));

    assertThat(Lint.of(lists, Map.of(CHECKOUT, baseline), null, NOON)).isEmpty();
  }

  @Test
  void of_twoRulesThatSayTheSame_theLaterIsRedundant() {
    var findings = lint(API, API);

    assertThat(findings).extracting(Finding::kind).containsExactly(Kind.REDUNDANT);
    assertThat(findings.getFirst().where()).isEqualTo("a.yaml:6:105");
    assertThat(findings.getFirst().what()).startsWith("a.yaml:6:11 says so already");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          action: allow, process: {path: /a}, destination: {host: "*.b.com", port: 443} | action: allow, process: {path: /a}, destination: {host: x.b.com, port: 443} | true
          action: allow, process: {path: /a}, destination: {host: "*.b.com", port: 443} | action: allow, process: {path: /a}, destination: {host: x.y.b.com, port: 443} | false
          action: allow, process: {path: /a}, destination: {cidr: 10.1.0.0/16, port: 443} | action: allow, process: {path: /a}, destination: {cidr: 10.1.2.0/24, port: 443} | true
          action: allow, process: {path: /a}, destination: {host: a.com, ports: 400-500} | action: allow, process: {path: /a}, destination: {host: a.com, port: 443} | true
          action: allow, until: 2027-01-01, process: {path: /a}, destination: {host: a.com, port: 1} | action: allow, process: {path: /a}, destination: {host: a.com, port: 1} | false
          action: allow, process: {path: /a}, destination: {host: a.com, port: 1} | action: allow, process: {path: /a, sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03}, destination: {host: a.com, port: 1} | false
          action: allow, process: {path: /a}, destination: {host: a.com, port: 1} | action: allow, strictness: lineage, process: {path: /a, lineage: [/b]}, destination: {host: a.com, port: 1} | true
          action: deny, process: {path: /a} | action: deny, process: {path: /a}, destination: {host: a.com} | true
          action: deny, process: {path: /a} | action: allow, process: {path: /a}, destination: {host: a.com, port: 1} | false
          action: deny, process: {path: /a} | action: deny, process: {path: /a, sha256: HASH} | true
          action: deny, process: {path: /a, sha256: HASH} | action: deny, process: {path: /a} | false
          action: deny, process: {path: /a, sha256: HASH} | action: deny, process: {path: /a, sha256: OTHER} | false
          action: deny, process: {path: /a, scriptSha256: HASH} | action: deny, process: {path: /a, scriptSha256: HASH}, destination: {host: a.com} | true
          action: deny, process: {path: /a, scriptSha256: HASH} | action: deny, process: {path: /a, scriptSha256: OTHER} | false
          action: allow, process: {path: /a, sha256: HASH}, destination: {host: a.com, ports: 1-2} | action: allow, process: {path: /a, sha256: HASH}, destination: {host: a.com, port: 1} | true
          action: allow, process: {path: /a, sha256: HASH}, destination: {host: a.com, ports: 1-2} | action: allow, process: {path: /a, sha256: OTHER}, destination: {host: a.com, port: 1} | false
          action: allow, process: {path: /a, sha256: HASH}, destination: {host: a.com, ports: 1-2} | action: allow, process: {path: /a, sha256: HASH, scriptSha256: OTHER}, destination: {host: a.com, port: 1} | false
          action: allow, process: {path: /a, sha256: HASH}, destination: {host: a.com, ports: 1-2} | action: allow, process: {path: /a}, destination: {host: a.com, port: 1} | false
          action: deny, until: 2027-01-02, process: {path: /a} | action: deny, until: 2027-01-01, process: {path: /a} | true
          action: deny, until: 2027-01-01, process: {path: /a} | action: deny, until: 2027-01-01, process: {path: /a, program: x} | true
          action: deny, until: 2027-01-01, process: {path: /a} | action: deny, until: 2027-01-02, process: {path: /a} | false
          action: deny, until: 2026-11-01, process: {path: /a} | action: deny, until: 2026-10-01, process: {path: /a} | false
          """)
  void of_aRuleInsideAnother_isRedundantOnlyWhenNothingIsLost(
      String wide, String narrow, boolean redundant) {
    var lists = lists(hashed(wide), hashed(narrow));
    var second = lists.all().findFirst().orElseThrow().rules().get(1).where();

    var found =
        Lint.of(lists, Map.of(), null, NOON).stream()
            .anyMatch(
                finding -> finding.kind() == Kind.REDUNDANT && finding.where().equals(second));

    assertThat(found).isEqualTo(redundant);
  }

  @Test
  void of_aRuleThatTheBaselineKnowsByNow_isRedundant() {
    var edge = Edge.learned(PROGRAM, to("a.com", Evidence.DNS));
    var other = Edge.learned(PROGRAM, to("b.com", Evidence.DNS));
    var baseline = Baseline.of(CHECKOUT, null, List.of(other, edge));
    var lists = lists(API);

    assertThat(Lint.of(lists, Map.of(CHECKOUT, baseline), null, NOON))
        .extracting(Finding::what)
        .containsExactly(
            "the baseline "
                + baseline.revision()
                + " knows it by now ("
                + edge.id()
                + "; remove the rule)");
    assertThat(Lint.of(lists, Map.of(Owner.parse("a/b/c"), baseline), null, NOON)).isEmpty();
  }

  @Test
  void of_aRuleByHand_isLookedAtBesideTheLists() {
    var lists = lists(API);
    var byHand = lists(API).all().findFirst().orElseThrow().rules();

    var findings = Lint.of(lists, Map.of(CHECKOUT, byHand), Map.of(), null, NOON);

    assertThat(findings).extracting(Finding::kind).containsExactly(Kind.ENDLESS, Kind.REDUNDANT);
    assertThat(findings.getFirst().what()).startsWith("no end (what is normal belongs into");
  }

  @Test
  void of_aBaselineEdgeWithOtherAncestors_doesNotReplaceARule() {
    var known =
        Edge.learned(
            new ProcessClass("/a", "a", null, List.of("/init"), false),
            new DestinationPattern.Exact("a.com", Evidence.DNS, 443, Protocol.TCP));
    var lists =
        lists(
            "action: allow, strictness: lineage, process: {path: /a, lineage: [/bin/sh]},"
                + " destination: {host: a.com, port: 443}");

    assertThat(
            Lint.of(
                lists, Map.of(CHECKOUT, Baseline.of(CHECKOUT, null, List.of(known))), null, NOON))
        .isEmpty();
  }

  @Test
  void of_aRuleThatNoFlowNeeded_isUnusedOnceSomebodyWatchedForLong() {
    var lists = lists(API);
    var id = lists.of(CHECKOUT).allowed().getFirst().id();
    var since = NOON.minusSeconds(30 * 86_400L);

    assertThat(Lint.of(lists, Map.of(), new Usage(since, Map.of()), NOON))
        .extracting(Finding::what)
        .containsExactly("no flow since 2026-10-26T12:00:00Z (remove it)");
    assertThat(Lint.of(lists, Map.of(), new Usage(since, Map.of(id, since)), NOON))
        .extracting(Finding::kind)
        .containsExactly(Kind.UNUSED);
    assertThat(Lint.of(lists, Map.of(), new Usage(since, Map.of(id, since.plusSeconds(1))), NOON))
        .isEmpty();
    assertThat(Lint.of(lists, Map.of(), new Usage(since.plusSeconds(1), Map.of()), NOON)).isEmpty();
  }

  private static DestinationPattern to(String name, Evidence weakest) {
    return new DestinationPattern.Exact(name, weakest, 443, Protocol.TCP);
  }

  private static String hashed(String rule) {
    return rule.replace("HASH", "5".repeat(64)).replace("OTHER", "6".repeat(64));
  }

  private static List<Finding> lint(String... rules) {
    return Lint.of(lists(rules), Map.of(), null, NOON);
  }

  private static AllowLists lists(String... rules) {
    var braced = java.util.Arrays.stream(rules).map(LintTest::braces).toArray(String[]::new);
    return accepted(none().replace("a.yaml", documentFor(CHECKOUT.toString(), "a", braced)));
  }

  private static String braces(String rule) {
    return "{by: ada, why: x, " + rule + "}";
  }

  private static AllowLists none() {
    return AllowLists.none(AllowListsTest.SUFFIXES);
  }
}
