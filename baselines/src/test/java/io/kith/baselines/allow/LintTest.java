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
          EXPIRING | action: deny, until: 2026-12-01, process: {path: /a} | ends at 2026-12-02T00:00:00Z (let it, or set another until)
          PATH_ONLY | action: allow, strictness: path, process: {path: /a}, destination: {host: a.com, port: 1} | strictness path lets this executable run any script (name the script, or its sha256)
          OVER_BROAD | action: allow, process: {path: /a}, destination: {cidr: 10.0.0.0/8, port: 1} | 10.0.0.0/8 is a large part of a network (name a host)
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
          action: deny, until: 2027-12-01, process: {path: /a}
          action: deny, destination: {cidr: 0.0.0.0/0}
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
          action: deny, process: {path: /a, sha256: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03}
          """)
  void of_aDenialOfSomethingElse_shadowsNothing(String denial) {
    assertThat(lint(API, denial)).extracting(Finding::kind).doesNotContain(Kind.SHADOWED);
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
          """)
  void of_aRuleInsideAnother_isRedundantOnlyWhenNothingIsLost(
      String wide, String narrow, boolean redundant) {
    var lists = lists(wide, narrow);
    var second = lists.all().findFirst().orElseThrow().rules().get(1).where();

    var found =
        Lint.of(lists, Map.of(), null, NOON).stream()
            .anyMatch(
                finding -> finding.kind() == Kind.REDUNDANT && finding.where().equals(second));

    assertThat(found).isEqualTo(redundant);
  }

  @Test
  void of_aRuleThatTheBaselineKnowsByNow_isRedundant() {
    var edge =
        Edge.learned(
            new ProcessClass("/a", "a", null, List.of("/init"), false),
            new DestinationPattern.Exact("a.com", Evidence.DNS, 443, Protocol.TCP));
    var baseline = Baseline.of(CHECKOUT, null, List.of(edge));
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
