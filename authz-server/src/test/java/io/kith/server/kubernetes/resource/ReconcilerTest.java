package io.kith.server.kubernetes.resource;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.istio.FailureMode;
import io.kith.server.control.ControlState;
import io.kith.server.kubernetes.resource.Condition.Reason;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ReconcilerTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final String ROOT = "istio-system";
  private static final Owner CART = Owner.parse("shop/deployment/cart");
  private static final ScopeName SHOP = new ScopeName.Namespace("shop");

  private final Map<String, Map<String, Object>> statuses = new LinkedHashMap<>();
  private final List<ClusterObject> lists = new ArrayList<>();
  private final List<ClusterObject> scopes = new ArrayList<>();
  private FailureModes failureModes = FailureModes.NONE;
  private int reviews;
  private ControlState state;
  private Reconciler reconciler;

  @BeforeEach
  void start() throws Exception {
    var config =
        KithConfig.parse(
            "kith.yaml",
            """
            workloads:
            - {owner: shop/deployment/cart, spiffeId: "spiffe://example.org/ns/shop/sa/cart"}
            - {owner: pay/deployment/bank, spiffeId: "spiffe://example.org/ns/pay/sa/bank"}
            - {owner: data/statefulset/orders}
            """,
            Map.of());
    state = ControlState.of(config, new StaticWorkloadDirectory(config.workloads()), () -> NOON);
    reconciler = reconciler(null);
  }

  @AfterEach
  void stop() {
    state.close();
  }

  private Reconciler reconciler(@Nullable String provenance) {
    return new Reconciler(
        state.cluster(),
        ROOT,
        provenance,
        (object, status) -> statuses.put(object.kind().word() + " " + object.key(), status),
        failureModes,
        scope -> new Condition(Condition.Type.ADMISSION_BOUND, Reason.NOT_BOUND, "of " + scope),
        scope -> reviews,
        () -> NOON);
  }

  private boolean reconcile() {
    statuses.clear();
    return reconciler.reconcile(lists, scopes, true);
  }

  private static ClusterObject list(String key, int generation, String workload, Object... rules) {
    return object(
        Kind.EGRESS_ALLOW_LIST,
        key,
        generation,
        NOON,
        Map.of("workload", workload, "rules", List.of(rules)));
  }

  private static Map<String, Object> deny(String path) {
    return Map.of("action", "deny", "by", "ada", "why", "x", "process", Map.of("path", path));
  }

  private static ClusterObject scope(String key, Instant created, Map<String, Object> spec) {
    return object(Kind.SCOPE, key, 1, created, spec);
  }

  private static ClusterObject object(
      Kind kind, String key, int generation, Instant created, Map<String, Object> spec) {
    var slash = key.indexOf('/');
    return new ClusterObject(
        kind,
        key.substring(0, slash),
        key.substring(slash + 1),
        "uid of " + key,
        created.toString(),
        generation,
        "kubectl",
        spec,
        Map.of());
  }

  /** Those of a status that was put. */
  private List<Map<?, ?>> conditionsOf(String object) {
    var status = Objects.requireNonNull(statuses.get(object), object);
    var found = new ArrayList<Map<?, ?>>();
    for (var one : (List<?>) Objects.requireNonNull(status.get("conditions"))) {
      found.add((Map<?, ?>) one);
    }
    return found;
  }

  /** As {@code Accepted=True Accepted}. */
  private List<String> conditions(String object) {
    return conditionsOf(object).stream()
        .map(one -> one.get("type") + "=" + one.get("status") + " " + one.get("reason"))
        .toList();
  }

  private String message(String object, String type) {
    return conditionsOf(object).stream()
        .filter(one -> type.equals(one.get("type")))
        .map(one -> String.valueOf(one.get("message")))
        .findFirst()
        .orElse("");
  }

  // ---- lists

  @Test
  void list_good_isInForce() {
    lists.add(list("shop/tools", 3, "shop/*", deny("/a"), deny("/b")));

    assertThat(reconcile()).isTrue();

    assertThat(state.cluster().rules("shop/tools")).isEqualTo(2);
    assertThat(conditions("EgressAllowList shop/tools"))
        .containsExactly("Accepted=True Accepted", "Applied=True InForce");
    assertThat(statuses.get("EgressAllowList shop/tools"))
        .containsEntry("observedGeneration", 3L)
        .containsEntry("rules", 2)
        .containsEntry("problems", List.of());
    assertThat(reconciler.problems()).isEmpty();
  }

  @Test
  void list_withMistakes_leavesItsLastGoodOne_andSaysAllOfThem() {
    lists.add(list("shop/tools", 1, "shop/*", deny("/a")));
    reconcile();
    lists.set(0, list("shop/tools", 2, "shop/*", deny("a"), Map.of("action", "deny")));

    assertThat(reconcile()).isTrue();

    assertThat(state.cluster().rules("shop/tools")).isEqualTo(1);
    assertThat(conditions("EgressAllowList shop/tools"))
        .containsExactly("Accepted=False Invalid", "Applied=False LastGoodInForce");
    assertThat(reconciler.problems())
        .hasSize(4)
        .allSatisfy(one -> assertThat(one).startsWith("egressallowlist shop/tools: spec.rules["));
    assertThat(message("EgressAllowList shop/tools", "Accepted").lines()).hasSize(4);

    lists.clear();
    reconcile();
    assertThat(state.cluster().lists()).isEmpty();
    assertThat(reconciler.problems()).isEmpty();
  }

  @Test
  void list_badFromTheBeginning_isNotInForce() {
    lists.add(list("shop/tools", 1, "shop/*", deny("a")));

    reconcile();

    assertThat(state.cluster().lists()).isEmpty();
    assertThat(conditions("EgressAllowList shop/tools"))
        .containsExactly("Accepted=False Invalid", "Applied=False Invalid");
  }

  @Test
  void list_speaksForItsOwnNamespace_andInTheRootNamespaceForAll() {
    lists.add(list("shop/one", 1, "pay/*", deny("/a")));
    lists.add(list("shop/two", 1, "*", deny("/a")));
    lists.add(list("shop/three", 1, "pay/deployment/bank", deny("/a")));
    lists.add(list("shop/four", 1, "shop/deployment/cart", deny("/a")));
    lists.add(list(ROOT + "/five", 1, "*", deny("/b")));

    reconcile();

    assertThat(state.cluster().lists()).containsOnlyKeys("shop/four", ROOT + "/five");
    assertThat(message("EgressAllowList shop/one", "Accepted"))
        .isEqualTo(
            "egressallowlist shop/one: spec.workload: 'pay/*' (expected: workloads of the object's"
                + " own namespace, as shop/* or shop/deployment/NAME; for others make the object in"
                + " istio-system)");
  }

  // ---- scopes

  @Test
  void scope_setsTheModeOfItsNamespace_ofAWorkload_orInTheRootOfTheMesh() {
    scopes.add(scope("shop/all", NOON, Map.of("mode", "shadow")));
    scopes.add(scope(ROOT + "/mesh", NOON, Map.of("mode", "enforce", "unattributed", "allow")));
    scopes.add(
        scope(
            "shop/cart",
            NOON,
            Map.of("mode", "observe", "workload", Map.of("kind", "Deployment", "name", "cart"))));

    assertThat(reconcile()).isTrue();

    assertThat(state.cluster().scopes())
        .containsOnlyKeys(SHOP, new ScopeName.Mesh(), new ScopeName.One(CART));
    assertThat(state.cluster().originOfMode(CART))
        .isEqualTo("Scope shop/cart (shop/deployment/cart)");
    assertThat(statuses.get("Scope shop/cart"))
        .containsEntry("scope", "shop/deployment/cart")
        .containsEntry("workloads", 1);
    assertThat(statuses.get("Scope shop/all")).containsEntry("workloads", 0);
    assertThat(conditions("Scope shop/cart"))
        .containsExactly(
            "Accepted=True Accepted", "Applied=True InForce", "Enforced=False NotAsked");
    assertThat(conditions("Scope " + ROOT + "/mesh")).contains("Enforced=False WaitsForBaseline");
    assertThat(message("Scope " + ROOT + "/mesh", "Enforced"))
        .startsWith("pay/deployment/bank is observed until");
  }

  @Test
  void scopesThatContradict_theOldestCounts_untilItIsGone() {
    scopes.add(scope("shop/new", NOON.plusSeconds(1), Map.of("mode", "observe")));
    scopes.add(scope("shop/old", NOON, Map.of("mode", "shadow")));

    reconcile();

    assertThat(state.cluster().scopes().get(SHOP)).extracting("object").isEqualTo("shop/old");
    assertThat(conditions("Scope shop/new"))
        .containsExactly(
            "Accepted=False Conflict", "Applied=False Conflict", "Enforced=False Conflict");
    assertThat(reconciler.problems())
        .containsExactly(
            "scope shop/new: Scope shop/old is older and sets the mode of shop/* (delete one of"
                + " them)");

    scopes.removeLast();
    reconcile();

    assertThat(state.cluster().scopes().get(SHOP)).extracting("object").isEqualTo("shop/new");
    assertThat(reconciler.problems()).isEmpty();
  }

  @Test
  void scope_thatCannotBeUnderstood_leavesWhatItSaid_alsoAgainstAYoungerOne() {
    scopes.add(scope("shop/old", NOON, Map.of("mode", "shadow")));
    reconcile();
    scopes.set(0, scope("shop/old", NOON, Map.of("mode", "later")));
    scopes.add(scope("shop/new", NOON.plusSeconds(1), Map.of("mode", "observe")));

    reconcile();

    assertThat(state.cluster().scopes().get(SHOP)).extracting("mode").isEqualTo(Mode.SHADOW);
    assertThat(conditions("Scope shop/old"))
        .containsExactly(
            "Accepted=False Invalid", "Applied=False LastGoodInForce", "Enforced=False NotAsked");
    assertThat(message("Scope shop/old", "Accepted"))
        .isEqualTo("spec.mode: 'later' (expected: observe, shadow or enforce)");
    assertThat(conditions("Scope shop/new")).contains("Accepted=False Conflict");
  }

  @Test
  void scope_thatRequiresProof_needsASecretThatAllServersHave() {
    reconciler = reconciler("needs the same secret (set server.keys.provenance)");
    scopes.add(scope("shop/all", NOON, Map.of("mode", "observe", "inbound", "require")));

    reconcile();

    assertThat(state.cluster().scopes()).isEmpty();
    assertThat(message("Scope shop/all", "Accepted"))
        .isEqualTo("spec.inbound: require needs the same secret (set server.keys.provenance)");
  }

  @Test
  void scope_gone_isForgotten_alsoIfNobodySawItGo() {
    scopes.add(scope("shop/all", NOON, Map.of("mode", "shadow")));
    reconcile();
    scopes.clear();

    reconcile();

    assertThat(state.cluster().scopes()).isEmpty();
  }

  // ---- failure modes

  /** Takes note of what it is told. */
  private static final class FakeFailureModes implements FailureModes {
    Map<ScopeName, FailureMode> asked = Map.of();
    Set<ScopeName> unclear = Set.of();

    @Override
    public void follow(Map<ScopeName, FailureMode> failures, Set<ScopeName> stay) {
      asked = failures;
      unclear = stay;
    }

    @Override
    public Condition condition(ScopeName scope) {
      return new Condition(Condition.Type.FAILURE_MODE, Reason.CLOSED, "EnvoyFilter");
    }

    @Override
    public @Nullable Condition notEnforced(ScopeName scope) {
      return null;
    }
  }

  @Test
  void scope_saysAFailureMode_andOneThatCannotBeUnderstoodLeavesItAsItWas() {
    var modes = new FakeFailureModes();
    failureModes = modes;
    reconciler = reconciler(null);
    var approved = List.of("catalog.shop.svc.cluster.local:80", "10.7.0.0/16:3306");
    scopes.add(
        scope(
            "shop/all", NOON, Map.of("mode", "enforce", "failure", "floor", "approved", approved)));
    scopes.add(scope("pay/all", NOON, Map.of("mode", "observe")));
    reconcile();

    assertThat(modes.asked)
        .isEqualTo(
            Map.of(
                SHOP,
                new FailureMode.Floor(
                    approved.stream().map(FailureMode.Approved::parse).toList())));
    assertThat(modes.unclear).isEmpty();
    assertThat(conditions("Scope shop/all")).contains("FailureMode=True Closed");

    scopes.set(
        0,
        scope(
            "shop/all",
            NOON,
            Map.of("mode", "observe", "failure", "floor", "approved", List.of("a:99999"))));
    reconcile();

    assertThat(modes.asked).isEmpty();
    assertThat(modes.unclear).containsExactly(SHOP);
    assertThat(message("Scope shop/all", "Accepted"))
        .isEqualTo("spec.approved: port 99999 (expected: 1 to 65535)");
    assertThat(state.cluster().modes()).containsEntry(SHOP, Mode.ENFORCE);
  }

  @Test
  void scope_thatIsEnforced_saysHowManyEdgesWaitForAPerson() {
    scopes.add(scope("data/all", NOON, Map.of("mode", "enforce")));
    reconcile();
    assertThat(conditions("Scope data/all")).contains("Enforced=True Enforced");
    assertThat(message("Scope data/all", "Enforced")).isEmpty();

    reviews = 3;
    reconcile();

    assertThat(conditions("Scope data/all")).contains("Enforced=True Enforced");
    assertThat(message("Scope data/all", "Enforced"))
        .isEqualTo(
            "3 edges wait for a person and are refused, unless a rule allows them (kith coverage)");
  }

  // ---- admission

  @Test
  void scope_inModeEnforce_saysWhetherAdmissionIsBound_whichDoesNotChangeWhetherItIsEnforced() {
    scopes.add(scope("shop/all", NOON, Map.of("mode", "enforce")));
    scopes.add(scope("shop/more", NOON.plusSeconds(1), Map.of("mode", "enforce")));
    scopes.add(scope("pay/all", NOON, Map.of("mode", "shadow")));
    reconcile();

    assertThat(conditions("Scope shop/all"))
        .containsExactly(
            "Accepted=True Accepted",
            "Applied=True InForce",
            "Enforced=False WaitsForBaseline",
            "AdmissionBound=False NotBound");
    assertThat(message("Scope shop/all", "AdmissionBound")).isEqualTo("of shop/*");
    assertThat(conditions("Scope shop/more")).doesNotContain("AdmissionBound=False NotBound");
    assertThat(conditions("Scope pay/all")).doesNotContain("AdmissionBound=False NotBound");

    scopes.set(0, scope("shop/all", NOON, Map.of("mode", "later")));
    reconcile();

    assertThat(conditions("Scope shop/all")).endsWith("AdmissionBound=False NotBound");
  }

  // ---- who writes

  @Test
  void reconcile_onAServerThatDoesNotWrite_changesNothing_andKnowsTheProblems() {
    lists.add(list("shop/good", 1, "shop/*", deny("/a")));
    lists.add(list("shop/bad", 1, "shop/*", deny("a")));
    scopes.add(scope("shop/all", NOON, Map.of("mode", "shadow")));

    assertThat(reconciler.reconcile(lists, scopes, false)).isTrue();

    assertThat(state.cluster().lists()).isEmpty();
    assertThat(state.cluster().scopes()).isEmpty();
    assertThat(statuses).isEmpty();
    assertThat(reconciler.problems()).hasSize(2);
  }

  @Test
  void log_namesWhoWroteTheObject() throws Exception {
    lists.add(list("shop/tools", 1, "shop/*"));
    reconcile();

    assertThat(state.audit(null, 0, 1).getFirst().change().author())
        .isEqualTo("kubernetes as kubectl");
  }

  @Test
  void condition_keepsItsTime_whileItsStatusIsTheSame() {
    var before =
        Map.<String, Object>of(
            "conditions",
            List.of(
                Map.of(
                    "type",
                    "Accepted",
                    "status",
                    "True",
                    "lastTransitionTime",
                    "2026-01-01T00:00:00Z")));

    assertThat(
            Condition.json(
                List.of(
                    new Condition(Condition.Type.ACCEPTED, Reason.ACCEPTED, ""),
                    new Condition(Condition.Type.APPLIED, Reason.INVALID, "")),
                before,
                7,
                NOON))
        .extracting(one -> one.get("lastTransitionTime"))
        .containsExactly("2026-01-01T00:00:00Z", NOON.toString());
    assertThat(
            Condition.json(
                List.of(new Condition(Condition.Type.ACCEPTED, Reason.INVALID, "")),
                before,
                7,
                NOON))
        .extracting(one -> one.get("lastTransitionTime"))
        .containsExactly(NOON.toString());
  }
}
