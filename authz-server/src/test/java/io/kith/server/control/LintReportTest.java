package io.kith.server.control;

import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.kith.baselines.allow.Finding;
import io.kith.baselines.allow.Finding.Kind;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.process.Candidate;
import io.kith.server.control.RuleVerbs.Target;
import io.kith.server.store.InMemoryStore;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Remarks about rules that people made by hand. */
@Timeout(600)
class LintReportTest {
  private static final Owner OWNER = CHECKOUT.owner();

  private final Site site = new Site(new InMemoryStore());
  private ControlState state;

  @BeforeEach
  void start() throws Exception {
    state = site.server();
    site.check(state, flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "ada");
    state.setMode(new ScopeName.One(OWNER), Mode.ENFORCE, "ready", "ada");
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private KnownEdge allow(Candidate process, @Nullable Duration ttl, String note) throws Exception {
    var denied = site.check(state, flow(database(), process));
    return state.allow(OWNER, denied.decisionId(), ttl, note, "ada");
  }

  private List<Finding> lint() throws Exception {
    return state.reports().lint(OWNER);
  }

  private List<Finding> lintByHand() throws Exception {
    return lint().stream().filter(one -> one.where().startsWith("by hand")).toList();
  }

  private void pass(int days) {
    site.clock.set(site.clock.instant().plus(Duration.ofDays(days)));
  }

  @Test
  void lint_anAllowRuleWithoutEnd_isEndlessAndNamesTheRule() throws Exception {
    var rule = allow(CURL, null, "CHG-1");

    assertThat(lint())
        .extracting(Finding::kind, Finding::where)
        .containsExactly(tuple(Kind.ENDLESS, "by hand: " + OWNER + " " + rule.edge().id()));
    assertThat(state.reports().lint(CATALOG.owner())).isEmpty();
    assertThat(state.reports().lint(null)).hasSize(1);
  }

  @Test
  void lint_aRuleThatEndsSoon_isExpiring() throws Exception {
    allow(CURL, Duration.ofDays(20), "CHG-1");
    assertThat(lint()).isEmpty();

    pass(14);

    assertThat(lint()).extracting(Finding::kind).containsExactly(Kind.EXPIRING);
  }

  @Test
  void lint_aRuleDeniedByAnother_isShadowed() throws Exception {
    var allowed = allow(CURL, Duration.ofDays(20), "CHG-1");
    state.rules().deny(OWNER, new Target.OfEdge(allowed.edge().id()), null, "INC-1", "ada");

    assertThat(lint()).extracting(Finding::kind).containsExactly(Kind.SHADOWED);
    assertThat(lint().getFirst().what()).startsWith("never allows anything: by hand: " + OWNER);
  }

  /** The workload has its pods' addresses too, and what else leads to it. */
  @Test
  void lint_aDenialOfAServiceThatIsAWorkload_namesTheWorkload() throws Exception {
    for (var name : List.of("orders-db.shop", "reports.shop")) {
      var service =
          new Destination(
              name, Evidence.MESH_SERVICE, IpAddress.parse("10.96.0.1"), 5_432, Protocol.TCP);
      var denied = site.check(state, flow(new Resolved(service, null), CURL));
      state.rules().deny(OWNER, new Target.OfDecision(denied.decisionId()), null, "INC-1", "ada");
    }
    var database = site.check(state, flow(database(), CURL));
    state.rules().deny(OWNER, new Target.OfDecision(database.decisionId()), null, "INC-1", "ada");

    assertThat(lint())
        .extracting(Finding::kind, Finding::what)
        .containsExactly(
            tuple(
                Kind.UNUSED,
                "denies what a proxy sends by this name, not all that is to the workload that"
                    + " orders-db.shop leads to (name it: host: shop/statefulset/orders-db)"));
    assertThat(state.reports().lint(CATALOG.owner())).isEmpty();
  }

  @Test
  void lint_aRuleThatTheBaselineKnowsByNow_isRedundant() throws Exception {
    allow(CURL, Duration.ofDays(20), "CHG-1");
    var edge =
        state.edges(OWNER).stream()
            .filter(known -> known.evidence() != null && known.process().equals("/usr/bin/curl"))
            .findFirst()
            .orElseThrow();
    state.baselines().approveEdges(OWNER, Set.of(edge.edge().id()), "CHG-2", "ada");
    state.setMode(new ScopeName.One(OWNER), Mode.ENFORCE, "ready", "ada");

    assertThat(lint()).extracting(Finding::kind).containsExactly(Kind.REDUNDANT);
    assertThat(lint().getFirst().what()).contains("knows it by now");
  }

  @Test
  void lint_twoRulesForTheSame_theShorterIsRedundant() throws Exception {
    var shorter = allow(CURL, Duration.ofDays(10), "CHG-1");
    var edge = shorter.edge();
    var denied = site.check(state, flow(database(), CURL));
    state.allow(OWNER, denied.decisionId(), Duration.ofDays(20), "CHG-2", "ada");

    assertThat(lint())
        .extracting(Finding::kind, Finding::where)
        .containsExactly(tuple(Kind.REDUNDANT, "by hand: " + OWNER + " " + edge.id()));
  }

  /** A rule made yesterday was "unused" as soon as the server had run for a month. */
  @Test
  void lint_unused_countsFromWhenTheRuleWasMadeOrUsed() throws Exception {
    pass(40);
    allow(CURL, Duration.ofDays(300), "CHG-1");
    pass(29);
    assertThat(lintByHand()).isEmpty();
    site.check(state, flow(database(), CURL));
    pass(29);
    assertThat(lintByHand()).isEmpty();

    pass(1);

    assertThat(lintByHand()).extracting(Finding::kind).containsExactly(Kind.UNUSED);
  }

  @Test
  void lint_aWholeProcessInQuarantine_isNotOverBroad() throws Exception {
    site.check(state, flow(database(), CURL));
    var edge =
        state.edges(OWNER).stream()
            .filter(known -> known.process().equals("/usr/bin/curl"))
            .findFirst()
            .orElseThrow();

    state.rules().quarantine(OWNER, edge.edge().id(), true, null, "miner", "ada");

    assertThat(lint()).isEmpty();
  }
}
