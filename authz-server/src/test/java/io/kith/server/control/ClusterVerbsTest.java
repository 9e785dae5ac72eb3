package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.Owner;
import io.kith.server.check.Await;
import io.kith.server.store.InMemoryStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(600)
class ClusterVerbsTest {
  private static final Owner OWNER = CHECKOUT.owner();
  private static final ScopeName ONE = new ScopeName.One(OWNER);
  private static final ScopeName SHOP = new ScopeName.Namespace("shop");
  private static final ScopeName MESH = new ScopeName.Mesh();

  private final Site site = new Site(new InMemoryStore());
  private ControlState state;

  @BeforeEach
  void start() throws Exception {
    state = site.server();
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private static DeclaredScope said(Mode mode) {
    return new DeclaredScope("shop/a", mode, null, null);
  }

  static String list(String workload, String... paths) {
    var rules = new ArrayList<String>();
    for (var path : paths) {
      rules.add("{action: deny, by: ada, why: x, process: {path: " + path + "}}");
    }
    return """
    apiVersion: kith.io/v1
    kind: EgressAllowList
    metadata: {name: tools}
    spec: {workload: "%s", rules: [%s]}
    """
        .formatted(workload, String.join(", ", rules));
  }

  private void propose() throws Exception {
    site.check(state, flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "ada");
  }

  private void enforce() throws Exception {
    propose();
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
  }

  // ---- lists

  @Test
  void write_aList_deniesFromNowOn_untilItsObjectIsGone() throws Exception {
    enforce();
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");

    assertThat(state.cluster().write("shop/tools", list("shop/*", "/app/payments"), "ada"))
        .isTrue();

    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("denied_by_hand");
    assertThat(state.cluster().rules("shop/tools")).isEqualTo(1);
    assertThat(state.reports().rules(OWNER))
        .extracting(Rule::where)
        .containsExactly("egressallowlist shop/tools: spec.rules[0]");

    state.cluster().write("shop/tools", null, "ada");

    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
    assertThat(state.cluster().lists()).isEmpty();
    assertThat(state.cluster().rules("shop/tools")).isZero();
  }

  @Test
  void write_aListForOthers_changesNothingHere() throws Exception {
    enforce();

    state.cluster().write("pay/tools", list("pay/*", "/app/payments"), "ada");

    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
  }

  @Test
  void write_theSameAgain_isNoEntryOfTheLog() throws Exception {
    state.cluster().write("shop/tools", list("shop/*", "/a"), "ada");
    var position = state.store().position();

    assertThat(state.cluster().write("shop/tools", list("shop/*", "/a"), "ada")).isFalse();
    assertThat(state.cluster().write("shop/other", null, "ada")).isFalse();

    assertThat(state.store().position()).isEqualTo(position);
  }

  @Test
  void write_reachesOtherServers_andOutlivesThisOne() throws Exception {
    try (var other = site.server("other")) {
      state.cluster().write("shop/tools", list("shop/*", "/a"), "ada");
      state.cluster().declare(SHOP, said(Mode.SHADOW), "ada");

      Await.until("the other follows", () -> other.store().position() == 2);
      assertThat(other.folded()).isEqualTo(state.folded());
    }
    var before = state.folded();
    state.close();
    state = site.server();

    assertThat(state.folded()).isEqualTo(before);
    assertThat(state.cluster().lists()).containsOnlyKeys("shop/tools");
    assertThat(state.cluster().scopes()).containsOnlyKeys(SHOP);
  }

  @Test
  void problems_areThoseOfAFile_andOfWhomItSpeaksFor() {
    assertThat(state.cluster().problems("shop/t", list("shop/*", "a"), _ -> true, "any"))
        .extracting(Object::toString)
        .first()
        .asString()
        .startsWith("egressallowlist shop/t: spec.rules[0].process.path: 'a' (expected: ");
    assertThat(state.cluster().problems("shop/t", list("*", "/a"), _ -> false, "its own"))
        .extracting(Object::toString)
        .containsExactly("egressallowlist shop/t: spec.workload: '*' (expected: its own)");
    assertThat(state.cluster().problems("shop/t", " ".repeat(600_000), _ -> true, "any"))
        .extracting(Object::toString)
        .containsExactly(
            "egressallowlist shop/t: spec.rules: 600000 characters (expected: at most 524288; make"
                + " several objects of it)");
    assertThat(state.cluster().problems("shop/t", list("*", "/a"), _ -> true, "any")).isEmpty();
  }

  @Test
  void with_aTextThatThisVersionCannotRead_keepsTheLastGoodOne() {
    var good = ClusterLists.none(PublicSuffixes.UNKNOWN).with("shop/t", list("shop/*", "/a"));

    assertThat(good.with("shop/t", "spec: {later: true}")).isEqualTo(good);
    assertThat(good.texts()).containsOnlyKeys("shop/t");
  }

  // ---- modes

  @Test
  void order_ofOneScope_isObjectThenCommandThenFile() throws Exception {
    var file = new ScopeEntry(MESH, Mode.SHADOW, true, Inbound.REQUIRE);
    var modes = Modes.of(List.of(file));
    assertThat(modes.origin(OWNER)).isEqualTo("kith.yaml, scope *");
    assertThat(Modes.of(List.of()).origin(OWNER)).isEqualTo("the default");

    modes = modes.with(MESH, Mode.OBSERVE);
    assertThat(modes.of(OWNER)).isEqualTo(Mode.OBSERVE);
    assertThat(modes.origin(OWNER)).isEqualTo("kith mode *");

    modes = modes.declared(MESH, said(Mode.ENFORCE));
    assertThat(modes.of(OWNER)).isEqualTo(Mode.ENFORCE);
    assertThat(modes.of(MESH)).isEqualTo(Mode.ENFORCE);
    assertThat(modes.origin(OWNER)).isEqualTo("Scope shop/a (*)");
    assertThat(modes.unattributedAllowed(OWNER)).as("what it does not say is as before").isTrue();
    assertThat(modes.inbound(OWNER)).isEqualTo(Inbound.REQUIRE);

    modes = modes.declared(MESH, new DeclaredScope("shop/a", Mode.SHADOW, false, Inbound.ACCEPT));
    assertThat(modes.of(OWNER)).isEqualTo(Mode.SHADOW);
    assertThat(modes.unattributedAllowed(OWNER)).isFalse();
    assertThat(modes.inbound(OWNER)).isEqualTo(Inbound.ACCEPT);

    modes = modes.declared(MESH, null);
    assertThat(modes.origin(OWNER)).isEqualTo("kith mode *");
    assertThat(modes.of(OWNER)).isEqualTo(Mode.OBSERVE);
  }

  @Test
  void order_ofSeveralScopes_isTheMostSpecificWhoeverSaysIt() {
    var modes = Modes.of(List.of(new ScopeEntry(ONE, Mode.SHADOW, false)));
    assertThat(modes.declared(SHOP, said(Mode.ENFORCE)).of(OWNER)).isEqualTo(Mode.SHADOW);
    assertThat(modes.declared(SHOP, said(Mode.ENFORCE)).of(SHOP)).isEqualTo(Mode.ENFORCE);
    assertThat(modes.declared(SHOP, said(Mode.ENFORCE)).governing(OWNER)).isEqualTo(ONE);
    assertThat(modes.declared(SHOP, said(Mode.ENFORCE)).governs(SHOP, OWNER)).isFalse();

    modes = Modes.of(List.of()).with(SHOP, Mode.SHADOW).declared(ONE, said(Mode.ENFORCE));
    assertThat(modes.of(OWNER)).isEqualTo(Mode.ENFORCE);
    assertThat(modes.governs(SHOP, OWNER)).isFalse();
    assertThat(modes.governs(ONE, OWNER)).isTrue();
    assertThat(Modes.of(List.of()).governing(OWNER)).isNull();
  }

  @Test
  void setMode_ofAScopeOfWhichAnObjectSpeaks_isRefusedWhileTheClusterAnswers() throws Exception {
    var answers = new boolean[] {true};
    state.cluster().follow(ClusterHealth.NONE, () -> answers[0], () -> true);
    state.cluster().declare(SHOP, said(Mode.SHADOW), "ada");

    assertThatThrownBy(() -> state.setMode(SHOP, Mode.OBSERVE, "why", "grace"))
        .isInstanceOf(RefusedException.class)
        .hasMessage(
            "Scope shop/a sets the mode of shop/*: shadow (change that object, or set the mode of a"
                + " workload within it)");
    state.setMode(SHOP, Mode.SHADOW, "the same", "grace");
    assertThat(state.cluster().originOfMode(OWNER)).isEqualTo("Scope shop/a (shop/*)");
    state.setMode(ONE, Mode.OBSERVE, "within", "grace");
    assertThat(state.cluster().originOfMode(OWNER)).isEqualTo("kith mode " + OWNER);

    answers[0] = false;
    state.setMode(SHOP, Mode.OBSERVE, "the API server is down", "grace");
    assertThat(state.cluster().modes()).containsEntry(SHOP, Mode.OBSERVE);

    assertThat(state.cluster().declare(SHOP, said(Mode.SHADOW), "ada")).isTrue();
    assertThat(state.cluster().modes()).containsEntry(SHOP, Mode.SHADOW);
    assertThat(state.cluster().declare(SHOP, said(Mode.SHADOW), "ada")).isFalse();
  }

  @Test
  void setMode_ofANamespaceThatTheChartSets_namesTheWayWithHelm() throws Exception {
    state.cluster().follow(ClusterHealth.NONE, () -> true, () -> true);
    state
        .cluster()
        .declare(SHOP, new DeclaredScope("shop/kith", Mode.SHADOW, null, null), "kubernetes");

    assertThatThrownBy(() -> state.setMode(SHOP, Mode.OBSERVE, "incident", "grace"))
        .hasMessage(
            "Scope shop/kith sets the mode of shop/*: shadow (change that object; where it is the"
                + " chart's: helm upgrade … --set scopes.shop=observe, or set the mode of a"
                + " workload within it)");
  }

  // ---- inherit

  @Test
  void inherited_isObjectThenFileThenTheScopeAround() {
    var file = new ScopeEntry(SHOP, Mode.SHADOW, false);
    var modes = Modes.of(List.of(file)).with(ONE, Mode.OBSERVE).with(SHOP, Mode.OBSERVE);
    assertThat(modes.of(OWNER)).isEqualTo(Mode.OBSERVE);
    assertThat(modes.governs(SHOP, OWNER)).isFalse();

    var one = modes.inherited(ONE);
    assertThat(one.origin(OWNER)).isEqualTo("kith mode shop/*");
    assertThat(one.origin(ONE)).isEqualTo("kith mode shop/*");
    assertThat(one.governs(SHOP, OWNER)).isTrue();
    assertThat(one.all()).containsOnlyKeys(SHOP);

    var both = one.inherited(SHOP);
    assertThat(both.of(OWNER)).isEqualTo(Mode.SHADOW);
    assertThat(both.origin(OWNER)).isEqualTo("kith.yaml, scope shop/*");
    assertThat(both).isEqualTo(Modes.of(List.of(file)));

    var object = one.declared(SHOP, said(Mode.ENFORCE)).with(SHOP, Mode.OBSERVE);
    assertThat(object.of(OWNER)).isEqualTo(Mode.OBSERVE);
    assertThat(object.inherited(SHOP).origin(OWNER)).isEqualTo("Scope shop/a (shop/*)");
    assertThat(object.inherited(SHOP).declared(SHOP, null).origin(OWNER))
        .isEqualTo("kith.yaml, scope shop/*");
    assertThat(both.inherited(MESH)).isEqualTo(both);
  }

  /** Of a command that a later object overrules, too: it would count again once that is gone. */
  @Test
  void inheritMode_ofWhatAnObjectSetsByNow_changesNoMode_andForgetsTheCommand() throws Exception {
    state.setMode(ONE, Mode.SHADOW, "look", "grace");
    state.cluster().declare(ONE, said(Mode.ENFORCE), "ada");
    state.cluster().follow(ClusterHealth.NONE, () -> true, () -> true);

    assertThat(state.inheritMode(ONE, "over", "grace"))
        .as("who enforces already, by the object's word, is asked for no baseline")
        .isEqualTo(new ModeChange(Mode.ENFORCE, Mode.ENFORCE, "Scope shop/a (" + OWNER + ")"));

    state.cluster().declare(ONE, null, "ada");
    assertThat(state.cluster().originOfMode(OWNER)).isEqualTo("the default");
  }

  @Test
  void inheritMode_whileTheClusterIsAway_letsTheObjectCountAgain() throws Exception {
    state.cluster().declare(SHOP, said(Mode.SHADOW), "ada");
    state.setMode(SHOP, Mode.OBSERVE, "the API server is down", "grace");

    state.inheritMode(SHOP, "over", "grace");

    assertThat(state.cluster().modes()).containsExactly(Map.entry(SHOP, Mode.SHADOW));
    var position = state.store().position();
    assertThat(state.cluster().declare(SHOP, said(Mode.SHADOW), "ada")).isFalse();
    assertThat(state.store().position()).isEqualTo(position);
  }

  @Test
  void inheritMode_reachesOtherServers_andOutlivesThisOne() throws Exception {
    enforce();
    state.setMode(SHOP, Mode.SHADOW, "all", "ada");
    try (var other = site.server("other")) {
      state.setMode(ONE, Mode.OBSERVE, "incident", "grace");
      state.inheritMode(ONE, "over", "grace");

      Await.until("the other follows", () -> other.store().position() == state.store().position());
      assertThat(other.folded()).isEqualTo(state.folded());
      assertThat(other.snapshot(CHECKOUT).mode()).isEqualTo(Mode.SHADOW);
      assertThatThrownBy(() -> other.inheritMode(ONE, "over", "ada"))
          .hasMessage(
              "kith mode said nothing of "
                  + OWNER
                  + ": its mode, shadow, comes from kith mode shop/*");
    }
    var before = state.folded();
    state.close();
    state = site.server();

    assertThat(state.folded()).isEqualTo(before);
    assertThat(state.cluster().originOfMode(OWNER)).isEqualTo("kith mode shop/*");
  }

  /** What was said of a workload that is gone would count again for its next of that name. */
  @Test
  void inheritMode_ofAWorkloadThatIsNotKnownAnyMore_isDone() throws Exception {
    state.setMode(ONE, Mode.SHADOW, "look", "ada");
    state.close();
    site.workloads = List.of();
    state = site.server();

    state.inheritMode(ONE, "it is gone", "ada");

    assertThat(state.cluster().modes()).isEmpty();
  }

  // ---- modes of objects

  /** It brought back what kith.yaml says of them, and so opened what the object had closed. */
  @Test
  void setMode_whileTheClusterIsAway_leavesTheOtherAnswersOfTheObject() {
    var file = new ScopeEntry(SHOP, Mode.OBSERVE, true, Inbound.ACCEPT);
    var said = new DeclaredScope("shop/a", Mode.SHADOW, false, Inbound.REQUIRE);

    var modes = Modes.of(List.of(file)).declared(SHOP, said).with(SHOP, Mode.ENFORCE);

    assertThat(modes.of(OWNER)).isEqualTo(Mode.ENFORCE);
    assertThat(modes.of(SHOP)).isEqualTo(Mode.ENFORCE);
    assertThat(modes.all()).containsEntry(SHOP, Mode.ENFORCE);
    assertThat(modes.origin(OWNER)).isEqualTo("kith mode shop/*");
    assertThat(modes.inbound(OWNER)).isEqualTo(Inbound.REQUIRE);
    assertThat(modes.unattributedAllowed(OWNER)).isFalse();

    var again = modes.declared(SHOP, said);
    assertThat(again.of(OWNER)).isEqualTo(Mode.SHADOW);
    assertThat(again.origin(OWNER)).isEqualTo("Scope shop/a (shop/*)");

    var gone = modes.declared(SHOP, null);
    assertThat(gone.of(OWNER)).isEqualTo(Mode.ENFORCE);
    assertThat(gone.inbound(OWNER)).isEqualTo(Inbound.ACCEPT);
    assertThat(gone.unattributedAllowed(OWNER)).isTrue();
  }

  @Test
  void declare_afterACommandMeanwhile_countsAgain_andGoneTakesItsAnswersAway() throws Exception {
    propose();
    var said = new DeclaredScope("shop/a", Mode.SHADOW, null, Inbound.REQUIRE);
    state.cluster().declare(ONE, said, "ada");
    state.setMode(ONE, Mode.ENFORCE, "the API server is down", "grace");
    assertThat(state.inbound(CHECKOUT)).isEqualTo(Inbound.REQUIRE);
    assertThat(mode()).isEqualTo(Mode.ENFORCE);
    assertThat(state.cluster().scopes()).as("so that its end is noticed").containsOnlyKeys(ONE);

    assertThat(state.cluster().declare(ONE, null, "kubernetes")).isTrue();

    assertThat(state.inbound(CHECKOUT)).isEqualTo(Inbound.ACCEPT);
    assertThat(mode()).isEqualTo(Mode.ENFORCE);
    assertThat(state.cluster().scopes()).isEmpty();
  }

  @Test
  void declare_enforceWithoutBaseline_observes_andSaysWhatItWaitsFor() throws Exception {
    state.cluster().declare(ONE, said(Mode.ENFORCE), "ada");

    assertThat(mode()).isEqualTo(Mode.OBSERVE);
    var reached = Objects.requireNonNull(state.cluster().reached().get(ONE));
    assertThat(reached.workloads()).isEqualTo(1);
    assertThat(reached.waiting()).containsExactly(new ClusterVerbs.Waiting(OWNER, false));

    propose();

    assertThat(mode()).as("no object enforces what was proposed after it").isEqualTo(Mode.OBSERVE);
    assertThat(waiting()).containsExactly(new ClusterVerbs.Waiting(OWNER, true));

    state.setMode(ONE, Mode.ENFORCE, "reviewed", "grace");

    assertThat(mode()).isEqualTo(Mode.ENFORCE);
    assertThat(waiting()).isEmpty();
  }

  private List<ClusterVerbs.Waiting> waiting() {
    return Objects.requireNonNull(state.cluster().reached().get(ONE)).waiting();
  }

  private @Nullable Mode mode() {
    return state.states().stream()
        .filter(one -> one.owner().equals(OWNER))
        .map(WorkloadState::mode)
        .findFirst()
        .orElse(null);
  }

  /** What observes, and a revision that waits, were approved by nobody. */
  @Test
  void approvals_areThoseOfTheBaselineInForce_andOfRules_forTheScopeThatSetsTheMode()
      throws Exception {
    state.cluster().declare(SHOP, said(Mode.ENFORCE), "ada");
    propose();
    assertThat(approvals(SHOP)).isEqualTo(Approvals.NONE);

    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
    assertThat(approvals(SHOP)).as("a more specific scope has it").isEqualTo(Approvals.NONE);
    assertThat(approvals(ONE).lasting())
        .extracting(DestinationPattern::words)
        .containsExactly("shop/statefulset/orders-db:5432");
    assertThat(approvals(ONE).denied()).isEmpty();

    state
        .cluster()
        .write(
            "shop/tools",
            list("shop/*")
                .replace(
                    "[]",
                    """
                    [
                    {action: deny, by: ada, why: x, process: {program: nc}, destination: {cidr: 10.0.0.0/8}},
                    {action: allow, by: ada, why: x, process: {path: /app/x}, destination: {cidr: 192.0.2.0/24, port: 25}},
                    {action: allow, by: ada, why: x, until: "2036-01-01", process: {path: /app/x}, destination: {host: a.example, port: 1}}
                    ]\
                    """
                        .replace("\n", " ")),
            "ada");
    assertThat(approvals(ONE).lasting())
        .extracting(DestinationPattern::words)
        .containsExactlyInAnyOrder("shop/statefulset/orders-db:5432", "192.0.2.0/24:25");
    assertThat(approvals(ONE).ending().keySet())
        .extracting(DestinationPattern::words)
        .containsExactly("a.example:1");
    assertThat(approvals(ONE).denied())
        .extracting(rule -> rule.destination().words())
        .containsExactly("10.0.0.0/8:*");

    state.cluster().write("shop/tools", null, "ada");
    assertThat(approvals(ONE).lasting()).hasSize(1);
    assertThat(approvals(ONE).denied()).isEmpty();
  }

  private Approvals approvals(ScopeName scope) {
    return Objects.requireNonNull(state.cluster().approvals(Set.of(scope)).get(scope));
  }

  @Test
  void declare_anotherMode_bringsWhatWaits_asACommandDoes() throws Exception {
    propose();

    state.cluster().declare(ONE, said(Mode.SHADOW), "ada");
    assertThat(state.states().stream().filter(one -> one.owner().equals(OWNER)))
        .extracting(WorkloadState::stage)
        .containsExactly(WorkloadState.Stage.SHADOW);

    state.cluster().declare(ONE, said(Mode.ENFORCE), "ada");
    assertThat(mode()).isEqualTo(Mode.ENFORCE);
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");

    state.cluster().declare(ONE, null, "ada");
    assertThat(mode()).isEqualTo(Mode.OBSERVE);
    assertThat(state.cluster().reached()).isEmpty();
  }

  @Test
  void declare_theSameModeAgain_bringsNothingThatWaits() throws Exception {
    enforce();
    state.cluster().declare(ONE, said(Mode.ENFORCE), "ada");
    var revision = state.reports().revision(OWNER, null).entry().baseline().revision();
    site.check(state, flow(elsewhere(), PAYMENTS));
    state.setMode(ONE, Mode.ENFORCE, "nothing waits", "ada");

    state
        .cluster()
        .declare(ONE, new DeclaredScope("shop/a", Mode.ENFORCE, true, Inbound.ACCEPT), "ada");

    assertThat(state.reports().revision(OWNER, null).entry().baseline().revision())
        .isEqualTo(revision);
    assertThat(state.snapshot(CHECKOUT).unattributedAllowed()).isTrue();
  }

  /** What came while a command overruled it went into force, and nobody had looked at it. */
  @Test
  void declare_theSameModeAfterACommandMeanwhile_bringsNothingThatWaits() throws Exception {
    enforce();
    state.cluster().declare(ONE, said(Mode.ENFORCE), "ada");
    state.setMode(ONE, Mode.OBSERVE, "the API server is down", "grace");
    site.check(state, flow(database(), CURL));
    state.finishTestRun(OWNER, "suite passed", "grace");

    assertThat(state.cluster().declare(ONE, said(Mode.ENFORCE), "ada")).isTrue();

    assertThat(mode()).isEqualTo(Mode.ENFORCE);
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");
    assertThat(state.states().stream().filter(one -> one.owner().equals(OWNER)))
        .extracting(WorkloadState::stage)
        .containsExactly(WorkloadState.Stage.PROPOSED);
  }

  @Test
  void audit_saysWhatWasBeforeAndIsSince() throws Exception {
    state.cluster().declare(SHOP, said(Mode.SHADOW), "kubernetes as kubectl");
    state.cluster().write("shop/tools", list("shop/*", "/a"), "kubernetes as kubectl");
    state.cluster().write("shop/tools", null, "kubernetes");
    state.cluster().declare(SHOP, null, "kubernetes");

    assertThat(
            state.audit(null, 0, 10).reversed().stream()
                .map(
                    entry ->
                        entry.change().author()
                            + ": "
                            + entry.change().kind()
                            + " "
                            + entry.change().subject()
                            + ": "
                            + state.before(entry)
                            + " → "
                            + state.after(entry)))
        .containsExactly(
            "kubernetes as kubectl: declare shop/*: observe → shadow by Scope shop/a",
            "kubernetes as kubectl: list egressallowlist shop/tools: none → 4 lines",
            "kubernetes: list egressallowlist shop/tools: 4 lines → none",
            "kubernetes: declare shop/*: shadow → as kith mode or kith.yaml say");
  }

  // ---- several servers

  /** It was stopped in the middle of it, and another one writes by now. */
  @Test
  void write_whenAnotherServerWasFirst_asksAgainWhetherItMay() throws Exception {
    try (var other = site.server("two")) {
      var asked = new AtomicInteger();
      state
          .cluster()
          .follow(
              ClusterHealth.NONE,
              () -> true,
              () -> {
                if (asked.getAndIncrement() > 0) {
                  return false;
                }
                write(other, list("shop/*", "/new"));
                return true;
              });

      assertThatThrownBy(() -> state.cluster().write("shop/tools", list("shop/*", "/old"), "ada"))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("this server does not hold the Lease any more");

      assertThat(asked).hasValue(2);
      assertThat(state.cluster().lists()).isEqualTo(Map.of("shop/tools", list("shop/*", "/new")));
    }
  }

  private static void write(ControlState state, String text) {
    try {
      state.cluster().write("shop/tools", text, "eve");
    } catch (RefusedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void declare_whereItMayNot_changesNothing() {
    state.cluster().follow(ClusterHealth.NONE, () -> true, () -> false);

    assertThatThrownBy(() -> state.cluster().declare(SHOP, said(Mode.SHADOW), "ada"))
        .isInstanceOf(RefusedException.class);

    assertThat(state.cluster().scopes()).isEmpty();
  }
}
