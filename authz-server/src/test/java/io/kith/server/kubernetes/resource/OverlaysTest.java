package io.kith.server.kubernetes.resource;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.istio.FailureMode;
import io.kith.istio.MeshSettings;
import io.kith.server.check.Sidecars;
import io.kith.server.control.ControlState;
import io.kith.server.kubernetes.ClusterPods;
import io.kith.server.kubernetes.resource.Condition.Reason;
import io.kith.server.kubernetes.resource.Overlays.Filter;
import io.kith.server.kubernetes.resource.Overlays.Name;
import io.kith.server.kubernetes.resource.Selectors.Found;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OverlaysTest {
  private static final Owner CART = Owner.parse("shop/deployment/cart");
  private static final ScopeName OF_CART = new ScopeName.One(CART);
  private static final ScopeName MESH = new ScopeName.Mesh();
  private static final ScopeName SHOP = new ScopeName.Namespace("shop");
  private static final Name OVERLAY = new Name("shop", "kith-scope-deployment-cart");
  private static final IpAddress POD = IpAddress.parse("10.88.1.1");

  private final FakeFilters filters = new FakeFilters();
  private final FakePods pods = new FakePods();
  private final List<String> approved = new ArrayList<>();
  private List<FloorList.LeftOut> leftOut = List.of();
  private Found found = new Found.Labels(Map.of("app", "cart"));
  private Instant now = Instant.parse("2027-01-01T12:00:00Z");
  private final Sidecars sidecars = new Sidecars(() -> now);
  private @Nullable ControlState state;

  /** EnvoyFilters as an API server has them, and what was done with them. */
  private static final class FakeFilters implements Overlays.Filters {
    final Map<Name, Filter> there = new HashMap<>();
    final List<String> done = new ArrayList<>();
    @Nullable String problem;
    @Nullable KubernetesClientException refusal;

    /** What comes in place of an answer. */
    @Nullable KubernetesClientException lost;

    @Override
    public @Nullable String problem() {
      return problem;
    }

    @Override
    public Map<Name, Filter> there() {
      return Map.copyOf(there);
    }

    @Override
    public void put(Name name, Filter wanted, Map<String, Object> document) {
      if (refusal != null) {
        throw refusal;
      }
      done.add(name + " " + wanted.labels().get("kith.io/failure-mode"));
      there.put(name, wanted);
      if (lost != null) {
        throw lost;
      }
    }

    @Override
    public void delete(Name name) {
      done.add(name + " deleted");
      there.remove(name);
    }

    List<String> taken() {
      var taken = List.copyOf(done);
      done.clear();
      return taken;
    }
  }

  private static final class FakePods implements ClusterPods {
    final List<MeshedPod> pods = new ArrayList<>();

    @Override
    public List<MeshedPod> meshed(Predicate<Owner> of) {
      return pods.stream().filter(pod -> of.test(pod.owner())).toList();
    }

    @Override
    public @Nullable Owner ownerOf(String namespace, String pod) {
      return null;
    }
  }

  /** With modes as kith.yaml would have them: {@code scope, mode} in pairs. */
  private Overlays overlays(String... scopes) throws Exception {
    var text = new StringBuilder("scopes:\n");
    for (var i = 0; i < scopes.length; i += 2) {
      text.append("- {scope: \"%s\", mode: %s}\n".formatted(scopes[i], scopes[i + 1]));
    }
    var config = KithConfig.parse("kith.yaml", scopes.length == 0 ? "" : text.toString(), Map.of());
    stop();
    state = ControlState.of(config, new StaticWorkloadDirectory(List.of()), () -> now);
    return new Overlays(
        filters,
        _ -> found,
        this::lists,
        MeshSettings.of(MeshSettings.Tcp.BASELINE),
        state.cluster(),
        pods,
        sidecars,
        () -> now);
  }

  @AfterEach
  void stop() {
    if (state != null) {
      state.close();
    }
  }

  private void follow(Overlays overlays) {
    follow(overlays, Map.of(), Set.of());
  }

  /** Until what is announced is done. */
  private void follow(
      Overlays overlays, Map<ScopeName, FailureMode> asked, Set<ScopeName> unclear) {
    overlays.follow(asked, unclear);
    now = now.plus(Overlays.NOTICE);
    overlays.follow(asked, unclear);
  }

  private Map<ScopeName, FloorList> lists(Map<ScopeName, FailureMode.Floor> asked) {
    var lists = new HashMap<ScopeName, FloorList>();
    asked.forEach(
        (scope, floor) -> {
          var list = new ArrayList<>(floor.approved());
          approved.stream().map(FailureMode.Approved::parse).forEach(list::add);
          lists.put(scope, new FloorList(list, floor.approved().size(), leftOut));
        });
    return lists;
  }

  private static String words(@Nullable Condition condition) {
    var one = requireNonNull(condition, "a condition");
    return (one.reason().holds() ? "" : "not ") + one.reason().word() + ": " + one.message();
  }

  private void pod(String name, String address) {
    pods.pods.add(
        new ClusterPods.MeshedPod(CART, "shop/" + name, List.of(IpAddress.parse(address)), now));
  }

  private void asks(String address, boolean open) {
    sidecars.elsewhere(new Sidecars.State(IpAddress.parse(address), open, now, now));
  }

  // ---- what they are told

  @Test
  void follow_writesOneForEachScopeByItsMode_closingFirst() throws Exception {
    follow(overlays("*", "observe", "shop/*", "shadow", "shop/deployment/cart", "enforce"));

    assertThat(filters.taken())
        .containsExactlyInAnyOrder(
            OVERLAY + " closed", "istio-system/kith-scope-mesh open", "shop/kith-scope open")
        .startsWith(OVERLAY + " closed");
    var spec = requireNonNull(filters.there.get(OVERLAY)).spec();
    assertThat(spec.get("workloadSelector")).isEqualTo(Map.of("labels", Map.of("app", "cart")));
    assertThat(requireNonNull(filters.there.get(OVERLAY)).labels())
        .containsEntry("app.kubernetes.io/managed-by", "kith");
  }

  /** Listeners drain, so that is said before; whatever is put back is not waited for. */
  @Test
  void follow_change_isAnnouncedWithTheSidecarsThatDrain_beforeItIsWritten() throws Exception {
    pod("cart-1", "10.88.1.1");
    pod("cart-2", "10.88.1.2");
    var overlays = overlays("shop/*", "enforce");

    overlays.follow(Map.of(), Set.of());

    var said =
        "EnvoyFilter shop/kith-scope becomes closed in some seconds; listeners of 2 sidecars are"
            + " drained then";
    assertThat(filters.taken()).isEmpty();
    assertThat(words(overlays.condition(SHOP))).isEqualTo("not Announced: " + said);
    assertThat(words(overlays.notEnforced(SHOP))).isEqualTo("not Announced: " + said);
    assertThat(overlays.problems()).isEmpty();
    assertThat(overlays.drains(SHOP, Mode.ENFORCE)).isEqualTo(said);

    now = now.plus(Overlays.NOTICE).minusMillis(1);
    overlays.follow(Map.of(), Set.of());
    assertThat(filters.taken()).isEmpty();
    now = now.plusMillis(1);
    overlays.follow(Map.of(), Set.of());
    assertThat(filters.taken()).containsExactly("shop/kith-scope closed");
    assertThat(overlays.drains(SHOP, Mode.ENFORCE)).as("it is closed").isEmpty();
    assertThat(overlays.drains(SHOP, Mode.OBSERVE)).as("another says the mode").isEmpty();

    filters.there.clear();
    overlays.follow(Map.of(), Set.of());
    assertThat(filters.taken()).as("put back").containsExactly("shop/kith-scope closed");
    overlays.follow(Map.of(SHOP, new FailureMode.Open()), Set.of());
    assertThat(filters.taken()).isEmpty();
    assertThat(words(overlays.condition(SHOP)))
        .startsWith("not Announced: EnvoyFilter shop/kith-scope becomes open in some seconds");
  }

  @Test
  void drains_ofAModeThatIsInherited_areThoseOfTheFilterThatGoes() throws Exception {
    pod("cart-1", "10.88.1.1");
    var overlays = overlays();
    var verbs = requireNonNull(state);
    verbs.setMode(MESH, Mode.SHADOW, "look", "ada");
    follow(overlays);

    var change = verbs.inheritMode(MESH, "over", "ada");

    assertThat(overlays.drains(MESH, change.mode()))
        .isEqualTo(
            "EnvoyFilter istio-system/kith-scope-mesh is deleted in some seconds; listeners of 1"
                + " sidecar are drained then, unless they are open without it too");
    follow(overlays);
    assertThat(filters.there).isEmpty();
    assertThat(overlays.drains(MESH, change.mode())).isEmpty();
  }

  @Test
  void follow_manyScopes_writesAndDeletesThemInBatches_closingFirst() throws Exception {
    var scopes = new ArrayList<String>();
    for (var i = 0; i < 2 * Overlays.BATCH + 20; i++) {
      scopes.addAll(List.of("ns-%03d/*".formatted(i), i % 2 == 0 ? "observe" : "enforce"));
    }
    var overlays = overlays(scopes.toArray(String[]::new));

    follow(overlays);
    assertThat(filters.taken())
        .hasSize(Overlays.BATCH)
        .allSatisfy(one -> assertThat(one).endsWith(" closed"));
    assertThat(words(overlays.condition(new ScopeName.Namespace("ns-000"))))
        .isEqualTo(
            "not Queued: EnvoyFilter ns-000/kith-scope is written after others, 50 at a time");
    assertThat(overlays.problems()).isEmpty();
    overlays.follow(Map.of(), Set.of());
    assertThat(filters.taken()).hasSize(Overlays.BATCH);
    overlays.follow(Map.of(), Set.of());
    assertThat(filters.taken()).hasSize(20).allSatisfy(one -> assertThat(one).endsWith(" open"));
    overlays.follow(Map.of(), Set.of());
    assertThat(filters.taken()).isEmpty();

    var none = overlays();
    follow(none);
    assertThat(filters.taken()).hasSize(Overlays.BATCH);
    none.follow(Map.of(), Set.of());
    none.follow(Map.of(), Set.of());
    assertThat(filters.there).isEmpty();
  }

  @Test
  void follow_meshWithoutAMode_isLeftToWhoeverOpensIt() throws Exception {
    follow(overlays());

    assertThat(filters.taken()).isEmpty();
  }

  @Test
  void follow_again_writesNothing_andPutsBackWhatSomebodyChangedOrDeleted() throws Exception {
    var overlays = overlays("shop/*", "enforce");
    follow(overlays);
    var name = new Name("shop", "kith-scope");
    filters.taken();

    follow(overlays);
    assertThat(filters.taken()).isEmpty();

    var good = requireNonNull(filters.there.get(name));
    var changed = new HashMap<>(good.spec());
    changed.put("priority", 1);
    filters.there.put(name, new Filter(good.labels(), changed));
    follow(overlays);
    assertThat(filters.taken()).containsExactly("shop/kith-scope closed");

    var more = new HashMap<>(good.spec());
    more.put("workloadSelector", Map.of("labels", Map.of("app", "nobody")));
    filters.there.put(name, new Filter(good.labels(), more));
    follow(overlays);
    assertThat(filters.taken()).containsExactly("shop/kith-scope closed");

    filters.there.clear();
    follow(overlays);
    assertThat(filters.taken()).containsExactly("shop/kith-scope closed");
  }

  @Test
  void follow_modeChanges_andScopeIsGone() throws Exception {
    follow(overlays("shop/*", "enforce"));
    filters.taken();

    follow(overlays("shop/*", "observe"));
    assertThat(filters.taken()).containsExactly("shop/kith-scope open");

    follow(overlays("pay/*", "observe"));
    assertThat(filters.taken()).containsExactly("pay/kith-scope open", "shop/kith-scope deleted");
  }

  @Test
  void follow_anObjectAsksForAnother_orCannotBeUnderstood() throws Exception {
    var overlays = overlays("shop/*", "enforce");
    follow(overlays, Map.of(SHOP, new FailureMode.Open()), Set.of());
    assertThat(filters.taken()).containsExactly("shop/kith-scope open");
    assertThat(words(overlays.condition(SHOP))).startsWith("OpenUnderEnforce: ");
    assertThat(words(overlays.notEnforced(SHOP))).startsWith("not FailsOpen: ");

    follow(overlays, Map.of(), Set.of(SHOP));
    assertThat(filters.taken()).isEmpty();

    var floor = new FailureMode.Floor(List.of(FailureMode.Approved.parse("10.7.0.0/16:3306")));
    follow(overlays, Map.of(SHOP, floor), Set.of());
    assertThat(filters.taken()).containsExactly("shop/kith-scope floor");
    assertThat(words(overlays.condition(SHOP)))
        .isEqualTo("Floor: EnvoyFilter shop/kith-scope: 1 approved destination passes (1 by hand)");
  }

  private static final FailureMode FLOOR = new FailureMode.Floor(List.of());

  /** Each change drains listeners: what is approved since is written together, what is not, now. */
  @Test
  void follow_floor_collectsWhatComes_andWaitsForNothingThatGoes() throws Exception {
    var overlays = overlays("shop/*", "enforce");
    approved.add("10.96.0.1:80");
    var asked = Map.of(SHOP, FLOOR);
    follow(overlays, asked, Set.of());
    assertThat(filters.taken()).containsExactly("shop/kith-scope floor");
    var written = now;

    approved.addAll(List.of("10.96.0.2:80", "10.96.0.3:80"));
    follow(overlays, asked, Set.of());
    assertThat(filters.taken()).isEmpty();
    assertThat(words(overlays.condition(SHOP)))
        .isEqualTo(
            "Floor: EnvoyFilter shop/kith-scope: 3 approved destinations pass; 2 of them from"
                + " 2027-01-01T12:10:03Z on, since each change drains listeners");
    now = written.plus(Overlays.COLLECTED).minusMillis(1);
    follow(overlays, asked, Set.of());
    assertThat(filters.taken()).as("announced").isEmpty();
    follow(overlays, asked, Set.of());
    assertThat(filters.taken()).containsExactly("shop/kith-scope floor");
    assertThat(floor()).contains("10.96.0.1", "10.96.0.2", "10.96.0.3");

    approved.remove("10.96.0.2:80");
    approved.add("10.96.0.4:80");
    overlays.follow(asked, Set.of());
    assertThat(words(overlays.condition(SHOP)))
        .isEqualTo(
            "not Announced: EnvoyFilter shop/kith-scope gets another list of approved destinations"
                + " in some seconds; listeners of 0 sidecars are drained then");
    follow(overlays, asked, Set.of());
    assertThat(filters.taken()).containsExactly("shop/kith-scope floor");
    assertThat(floor()).contains("10.96.0.4").doesNotContain("10.96.0.2");

    approved.add("10.96.0.5:80");
    follow(overlays, Map.of(), Set.of());
    assertThat(filters.taken()).as("another mode waits for nothing").containsExactly(CLOSED);
    follow(overlays, asked, Set.of());
    assertThat(filters.taken()).containsExactly("shop/kith-scope floor");
    assertThat(floor()).contains("10.96.0.5");
  }

  private static final String CLOSED = "shop/kith-scope closed";

  private String floor() {
    return requireNonNull(filters.there.get(new Name("shop", "kith-scope"))).spec().toString();
  }

  @Test
  void follow_floorAfterARestart_isNotWrittenAgain_andWhatCameMeanwhileIsWritten()
      throws Exception {
    approved.add("10.96.0.1:80");
    var asked = Map.of(SHOP, FLOOR);
    follow(overlays("shop/*", "enforce"), asked, Set.of());
    filters.taken();

    var overlays = overlays("shop/*", "enforce");
    follow(overlays, asked, Set.of());
    assertThat(filters.taken()).isEmpty();
    approved.add("10.96.0.2:80");
    follow(overlays, asked, Set.of());
    assertThat(filters.taken()).as("it does not know since when").isEmpty();

    follow(overlays("shop/*", "enforce"), asked, Set.of());
    assertThat(filters.taken()).containsExactly("shop/kith-scope floor");
  }

  /** Fail-open is never without its list. */
  @Test
  void follow_floorOfNothing_hasTheFiltersThatLetNothingPassButWhatKithAllowed() throws Exception {
    leftOut =
        List.of(
            new FloorList.LeftOut("a.example:443", "why"),
            new FloorList.LeftOut("b.example:443", "why"),
            new FloorList.LeftOut("c.example:443", "why"),
            new FloorList.LeftOut("d.example:443", "why"));
    var overlays = overlays("shop/*", "enforce");

    follow(overlays, Map.of(SHOP, FLOOR), Set.of());

    assertThat(floor().split("rbac.v3.RBAC", -1)).hasSize(3);
    assertThat(floor().split("permissions=\\[\\{sourced_metadata=", -1)).hasSize(3);
    assertThat(floor()).doesNotContain("destination_ip");
    assertThat(words(overlays.condition(SHOP)))
        .isEqualTo(
            "Floor: EnvoyFilter shop/kith-scope: 0 approved destinations pass; 4 do not:"
                + " a.example:443 (why), b.example:443 (why), c.example:443 (why) and 1 more");
    assertThat(overlays.destinations()).isEqualTo(Map.of("yes", 0L, "no", 4L));
  }

  /** It says nothing of whom the list is for. */
  @Test
  void follow_floorWhoseSelectorChanged_doesNotWaitForWhatComesToItsList() throws Exception {
    approved.add("10.96.0.1:80");
    var overlays = overlays(CART.toString(), "enforce");
    var asked = Map.of(OF_CART, FLOOR);
    follow(overlays, asked, Set.of());
    filters.taken();

    approved.add("10.96.0.2:80");
    found = new Found.Labels(Map.of("app", "other"));
    follow(overlays, asked, Set.of());

    assertThat(filters.taken()).containsExactly(OVERLAY + " floor");
  }

  @Test
  void follow_selectorIsNotUnique_whatClosesStaysAndWhatOpensGoes() throws Exception {
    follow(overlays("shop/deployment/cart", "enforce"));
    filters.taken();
    found = new Found.None(Reason.NOT_UNIQUE, "others too");

    var overlays = overlays("shop/deployment/cart", "observe");
    follow(overlays);
    assertThat(filters.taken()).as("it closes").isEmpty();
    assertThat(words(overlays.condition(OF_CART))).isEqualTo("not NotUnique: others too");
    assertThat(overlays.problems())
        .containsExactly("EnvoyFilter " + OVERLAY + " of scope " + CART + ": others too");

    found = new Found.Labels(Map.of("app", "cart"));
    follow(overlays);
    assertThat(filters.taken()).containsExactly(OVERLAY + " open");
    found = new Found.None(Reason.NOT_UNIQUE, "others too");
    follow(overlays);
    assertThat(filters.taken()).as("it opens").containsExactly(OVERLAY + " deleted");

    found = new Found.Labels(Map.of("app", "cart"));
    follow(overlays);
    filters.taken();
    found = new Found.Unknown("503");
    follow(overlays);
    assertThat(filters.taken()).as("nobody knows").isEmpty();
  }

  @Test
  void follow_whatIsNotRead_isNeitherWrittenNorDeleted() throws Exception {
    follow(overlays("shop/*", "enforce"));
    filters.taken();
    filters.problem = "403 forbidden";

    var overlays = overlays("pay/*", "enforce");
    follow(overlays);

    assertThat(filters.taken()).isEmpty();
    assertThat(words(overlays.notEnforced(new ScopeName.Namespace("pay"))))
        .isEqualTo("not NotWritten: 403 forbidden");
  }

  @Test
  void follow_refusedByTheApiServer_isTriedAgainAfterAWhile() throws Exception {
    filters.refusal = new KubernetesClientException("no such namespace", 404, null);
    var overlays = overlays("shop/*", "enforce");
    follow(overlays);
    assertThat(words(overlays.condition(SHOP))).startsWith("not NotWritten: 404 ");

    filters.refusal = null;
    follow(overlays);
    assertThat(filters.taken()).isEmpty();
    now = now.plus(Duration.ofSeconds(15));
    follow(overlays);
    assertThat(filters.taken()).containsExactly("shop/kith-scope closed");
    assertThat(words(overlays.condition(SHOP))).startsWith("Closed: ");
  }

  /** It went on to tell of what it could not write, and another server had written. */
  @Test
  void forget_whatAnotherServerKeeps_isNotTold() throws Exception {
    filters.refusal = new KubernetesClientException("throttled", 429, null);
    var overlays = overlays("shop/*", "enforce", "pay/*", "observe");
    follow(overlays);
    assertThat(overlays.problems()).hasSize(2);
    assertThat(overlays.open()).containsEntry("NotWritten", 1L);

    overlays.forget();

    assertThat(overlays.problems()).isEmpty();
    assertThat(overlays.open()).isEqualTo(Overlays.NONE_OPEN);
    assertThat(overlays.counts()).isEmpty();
    assertThat(overlays.destinations()).isEmpty();
    filters.refusal = null;
    now = now.plus(Duration.ofSeconds(15));
    follow(overlays);
    assertThat(overlays.counts()).isEqualTo(Map.of("closed", 1L, "open", 1L));
  }

  /** Another one may have changed all of it meanwhile. */
  @Test
  void forget_whatWasAnnounced_isAnnouncedAnew() throws Exception {
    var overlays = overlays("shop/*", "enforce");
    overlays.follow(Map.of(), Set.of());

    overlays.forget();
    now = now.plus(Overlays.NOTICE);
    overlays.follow(Map.of(), Set.of());

    assertThat(filters.taken()).isEmpty();
    assertThat(words(overlays.condition(SHOP))).startsWith("not Announced: ");
  }

  // ---- what they have

  @Test
  void notEnforced_untilAllSidecarsAskThroughAClosedFilter() throws Exception {
    var overlays = overlays("shop/*", "enforce");
    follow(overlays);
    assertThat(words(overlays.notEnforced(SHOP))).startsWith("not NoSidecars: ");

    pod("cart-1", "10.88.1.1");
    pod("cart-2", "10.88.1.2");
    pod("cart-3", "10.88.1.3");
    asks("10.88.1.1", false);
    asks("10.88.1.2", true);
    now = now.plus(Sidecars.SETTLED);
    follow(overlays);
    assertThat(words(overlays.notEnforced(SHOP)))
        .isEqualTo(
            "not WaitsForSidecars: 1 of 3 sidecars ask through a filter that lets nothing pass"
                + " without an answer; not yet or not long enough: shop/cart-2; did not ask since"
                + " this server knows of them (idle, or with a recipe of before?): shop/cart-3");

    asks("10.88.1.2", false);
    asks("10.88.1.3", false);
    follow(overlays);
    assertThat(words(overlays.notEnforced(SHOP)))
        .contains("1 of 3")
        .contains("not yet or not long enough: shop/cart-2, shop/cart-3");
    now = now.plus(Sidecars.SETTLED);
    follow(overlays);
    assertThat(overlays.notEnforced(SHOP)).isNull();
  }

  @Test
  void open_hasEnforcedScopesThatMayPass_byWhy_andWaitsForNoYoungOrIdlePod() throws Exception {
    var overlays = overlays("shop/*", "enforce", "pay/*", "observe");
    follow(overlays);
    assertThat(overlays.open()).as("nothing runs there").isEqualTo(Overlays.NONE_OPEN);

    pod("cart-1", "10.88.1.1");
    pod("cart-2", "10.88.1.2");
    asks("10.88.1.1", true);
    now = now.plus(Overlays.YOUNG);
    follow(overlays);
    assertThat(overlays.open()).as("may be idle, as the other one").isEqualTo(Overlays.NONE_OPEN);
    var address = IpAddress.parse("10.88.1.1");
    sidecars.elsewhere(new Sidecars.State(address, true, now, now.minusSeconds(1)));
    follow(overlays);
    assertThat(overlays.open()).containsEntry("WaitsForSidecars", 1L);

    asks("10.88.1.1", false);
    asks("10.88.1.2", false);
    now = now.plus(Sidecars.SETTLED);
    pod("cart-3", "10.88.1.3");
    follow(overlays);
    assertThat(words(overlays.notEnforced(SHOP))).startsWith("not WaitsForSidecars: 2 of 3 ");
    assertThat(overlays.open()).isEqualTo(Overlays.NONE_OPEN);

    follow(overlays, Map.of(SHOP, new FailureMode.Open()), Set.of());
    assertThat(overlays.open()).containsEntry("FailsOpen", 1L);

    filters.refusal = new KubernetesClientException("not allowed", 403, null);
    follow(overlays);
    assertThat(overlays.open()).containsEntry("NotWritten", 1L);
  }

  @Test
  void notEnforced_whatItSaidBeforeTheFilterWasClosed_doesNotCount() throws Exception {
    pod("cart-1", POD.toString());
    follow(overlays("shop/*", "observe"));
    asks(POD.toString(), false); // still through the recipe's own filter, which is closed
    now = now.plus(Duration.ofMinutes(1)); // idle

    var overlays = overlays("shop/*", "enforce");
    follow(overlays);
    now = now.plus(Sidecars.SETTLED);
    follow(overlays);
    assertThat(words(overlays.notEnforced(SHOP)))
        .contains("0 of 1")
        .contains("not yet or not long enough: shop/cart-1");

    asks(POD.toString(), false);
    now = now.plus(Sidecars.SETTLED);
    follow(overlays);
    assertThat(overlays.notEnforced(SHOP)).isNull();
  }

  @Test
  void notEnforced_whatItSaidBeforeItWasOpened_doesNotCountUnderAWiderScope() throws Exception {
    pod("cart-1", POD.toString());
    asks(POD.toString(), false);
    follow(overlays("shop/*", "enforce", CART.toString(), "observe"));
    now = now.plus(Duration.ofMinutes(1)); // idle

    var overlays = overlays("shop/*", "enforce");
    follow(overlays);

    assertThat(words(overlays.notEnforced(SHOP))).contains("0 of 1");
  }

  @Test
  void notEnforced_whileAndAfterAFilterThatOpensIsTakenAway_untilItsSidecarsAskAgain()
      throws Exception {
    pod("cart-1", POD.toString());
    follow(overlays("shop/*", "enforce", CART.toString(), "observe"));
    asks(POD.toString(), false); // still through the filter of before
    now = now.plus(Duration.ofMinutes(1)); // idle

    var overlays = overlays("shop/*", "enforce");
    overlays.follow(Map.of(), Set.of());
    assertThat(words(overlays.notEnforced(SHOP))).contains("0 of 1");
    asks(POD.toString(), false); // and once more
    now = now.plus(Sidecars.SETTLED);
    overlays.follow(Map.of(), Set.of());
    assertThat(filters.there).doesNotContainKey(new Name("shop", "kith-scope-deployment-cart"));
    assertThat(words(overlays.notEnforced(SHOP))).contains("0 of 1");

    asks(POD.toString(), false);
    now = now.plus(Sidecars.SETTLED);
    follow(overlays);
    assertThat(overlays.notEnforced(SHOP)).isNull();
  }

  @Test
  void notEnforced_aFilterThatIsTakenAwayIsNotWhatSidecarsGoBy_nothingChanges() throws Exception {
    pod("cart-1", POD.toString());
    follow(overlays("shop/*", "observe", CART.toString(), "enforce"));
    asks(POD.toString(), false);
    now = now.plus(Sidecars.SETTLED);

    var overlays = overlays(CART.toString(), "enforce");
    follow(overlays);

    assertThat(filters.taken()).contains("shop/kith-scope deleted");
    assertThat(overlays.notEnforced(new ScopeName.One(CART))).isNull();
  }

  @Test
  void notEnforced_afterSomebodyChangedTheFilter_untilItsSidecarsAskAgain() throws Exception {
    pod("cart-1", POD.toString());
    var overlays = overlays("shop/*", "enforce");
    follow(overlays);
    asks(POD.toString(), false);
    now = now.plus(Sidecars.SETTLED);
    follow(overlays);
    assertThat(overlays.notEnforced(SHOP)).isNull();

    filters.there.replaceAll((_, one) -> new Filter(one.labels(), Map.of("configPatches", "open")));
    follow(overlays);
    assertThat(words(overlays.notEnforced(SHOP))).contains("0 of 1");
  }

  @Test
  void notEnforced_whatItSaidBeforeAWriteWhoseAnswerWasLost_doesNotCount() throws Exception {
    pod("cart-1", POD.toString());
    follow(overlays("shop/*", "observe"));
    asks(POD.toString(), false);
    now = now.plus(Duration.ofMinutes(1)); // idle

    var overlays = overlays("shop/*", "enforce");
    filters.lost = new KubernetesClientException("timeout");
    follow(overlays);
    assertThat(filters.taken()).contains("shop/kith-scope closed");
    follow(overlays);

    assertThat(words(overlays.notEnforced(SHOP))).contains("0 of 1");
  }

  @Test
  void notEnforced_whatWasClosedStaysEnforced_whenItsFloorChanges_orAServerStarts()
      throws Exception {
    pod("cart-1", POD.toString());
    var overlays = overlays("shop/*", "enforce");
    follow(overlays);
    asks(POD.toString(), false);
    now = now.plus(Sidecars.SETTLED);

    for (var list : List.of(List.<String>of(), List.of("catalog:8080"), List.of("orders:5432"))) {
      approved.clear();
      approved.addAll(list);
      now = now.plus(Overlays.COLLECTED);
      filters.done.clear();
      follow(overlays, Map.of(SHOP, FLOOR), Set.of());
      assertThat(filters.taken()).containsExactly("shop/kith-scope floor");
      assertThat(overlays.notEnforced(SHOP)).as("a floor of " + list).isNull();
    }
    var started = overlays("shop/*", "enforce");
    follow(started, Map.of(SHOP, FLOOR), Set.of());
    assertThat(filters.taken()).isEmpty();
    assertThat(started.notEnforced(SHOP)).isNull();
  }

  @Test
  void notEnforced_whatAnEarlierPodWithTheAddressSaid_doesNotCount() throws Exception {
    asks(POD.toString(), false);
    now = now.plus(Duration.ofMinutes(1));
    pod("cart-1", POD.toString());
    var overlays = overlays("shop/*", "enforce");

    follow(overlays);

    assertThat(words(overlays.notEnforced(SHOP))).contains("0 of 1").contains("shop/cart-1");
  }

  @Test
  void notEnforced_podsOfAMoreSpecificScope_areThatOnes() throws Exception {
    pod("cart-1", POD.toString());
    var overlays = overlays("shop/*", "enforce", CART.toString(), "observe");

    follow(overlays);

    assertThat(words(overlays.notEnforced(SHOP))).startsWith("not NoSidecars: ");
  }
}
