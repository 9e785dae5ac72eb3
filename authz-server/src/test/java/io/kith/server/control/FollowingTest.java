package io.kith.server.control;

import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.bundle.LearnedSeals;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Decider;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedChanges;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.server.check.Await;
import io.kith.server.check.PodSource;
import io.kith.server.check.RunningPod;
import io.kith.server.store.InMemoryStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A check server on a node that follows a control server, whose store it sees from afar. */
@Timeout(600)
class FollowingTest {
  private static final Owner OWNER = CHECKOUT.owner();

  @TempDir Path folder;
  private final Site site = new Site(new InMemoryStore());
  private final Afar afar = new Afar(site.store);
  private final Pods pods = new Pods();
  private ControlState control;
  private @Nullable ControlState check;

  /** What the control server gives: nothing while it is away, and what it likes when it lies. */
  private static final class Afar implements BaselineStore {
    private final BaselineStore store;
    private final List<Runnable> watchers = new CopyOnWriteArrayList<>();
    volatile boolean away;
    volatile UnaryOperator<Entry> lie = UnaryOperator.identity();
    volatile CountDownLatch learnedGiven = new CountDownLatch(0);

    /** Runs before what was learned is given, once. */
    volatile @Nullable Runnable first;

    Afar(BaselineStore store) {
      this.store = store;
    }

    private void reach() throws StoreException {
      if (away) {
        throw new StoreException("no control server is followed");
      }
    }

    @Override
    public List<Entry> after(long position, int limit) throws StoreException {
      reach();
      return store.after(position, limit).stream().map(lie).toList();
    }

    @Override
    public List<Entry> latest(long after, long before, @Nullable String subject, int limit) {
      throw new AssertionError("a check server looks for changes of " + subject);
    }

    @Override
    public boolean append(List<Entry> entries) {
      throw new AssertionError("a check server appends " + entries);
    }

    @Override
    public void saveLearned(List<LearnedPart> parts) throws StoreException {
      reach();
      store.saveLearned(parts);
    }

    @Override
    public void forgetLearned(String replica, Owner owner) throws StoreException {
      reach();
      store.forgetLearned(replica, owner);
    }

    @Override
    public LearnedChanges changedByOthers(String replica, @Nullable String since)
        throws StoreException {
      reach();
      return LearnedChanges.ANY;
    }

    @Override
    public List<LearnedPart> learnedByOthers(String replica, Collection<Owner> owners)
        throws StoreException {
      reach();
      var before = first;
      first = null;
      if (before != null) {
        before.run();
      }
      try {
        learnedGiven.await();
      } catch (InterruptedException e) {
        throw new StoreException("stopped meanwhile", e);
      }
      return store.learnedByOthers(replica, owners);
    }

    @Override
    public AutoCloseable watch(Runnable mayHaveChanged) {
      watchers.add(mayHaveChanged);
      return () -> watchers.remove(mayHaveChanged);
    }

    void news() {
      watchers.forEach(Runnable::run);
    }

    @Override
    public void close() {}
  }

  private static final class Pods implements PodSource {
    private final List<Runnable> told = new CopyOnWriteArrayList<>();
    private volatile List<RunningPod> running = List.of();

    void run(String address, SpiffeId id) {
      running = List.of(new RunningPod(IpAddress.parse(address), Set.of(id), null, null));
      told.forEach(Runnable::run);
    }

    void stop() {
      running = List.of();
      told.forEach(Runnable::run);
    }

    @Override
    public List<RunningPod> running() {
      return running;
    }

    @Override
    public @Nullable RunningPod running(IpAddress address) {
      return running.stream().filter(pod -> pod.address().equals(address)).findFirst().orElse(null);
    }

    @Override
    public void tell(Runnable changed) {
      told.add(changed);
    }
  }

  @BeforeEach
  void start() throws Exception {
    control = site.server("control");
    site.check(control, flow(database(), PAYMENTS));
    control.finishTestRun(OWNER, "suite passed", "ada");
    control.setMode(new ScopeName.One(OWNER), Mode.ENFORCE, "ready", "ada");
  }

  @AfterEach
  void stop() {
    control.close();
    if (check != null) {
      check.close();
    }
  }

  private ControlState open() throws Exception {
    return open(List.of(CHECKOUT, CATALOG), false);
  }

  private ControlState open(List<Workload> workloads, boolean all) throws Exception {
    return open(Shop.directory(workloads), all);
  }

  private ControlState open(WorkloadDirectory directory, boolean all) throws Exception {
    var keys =
        new ServerKeys(
            ServerKeys.fresh(),
            null,
            List.of(Objects.requireNonNull(site.keys.approver()).publicKey()),
            List.of(),
            List.of(site.keys.learner().publicKey()));
    var opened =
        ControlState.open(
            new ControlSettings(
                directory,
                List.of(),
                LearningSettings.defaults(),
                PublicSuffixes.UNKNOWN,
                keys,
                afar,
                "control",
                "node",
                new HighWaterMark(folder.resolve("log.mark")),
                1_024,
                new Following(folder.resolve("log.copy"), all)),
            AllowListFiles.none(),
            site.clock,
            _ -> {});
    opened.follow(pods);
    check = opened;
    return opened;
  }

  private ControlState reopened() throws Exception {
    Objects.requireNonNull(check).close();
    return open();
  }

  private static void hold(ControlState state, Workload workload) throws Exception {
    var coming = state.coming(workload);
    if (coming != null) {
      coming.toCompletableFuture().get(60, TimeUnit.SECONDS);
    }
    assertThat(state.coming(workload)).isNull();
  }

  private String verdict(ControlState state, Flow flow) {
    var decided = Decider.decide(state.snapshot(CHECKOUT), flow, site.clock.instant()).applied();
    return decided instanceof Deny(_, var reason) ? reason.code() : "allowed";
  }

  @Test
  void objectsOfTheCluster_countHereAsAtTheControlServer_alsoAfterARestart() throws Exception {
    control.cluster().write("shop/tools", ClusterVerbsTest.list("shop/*", "/app/payments"), "ada");
    var state = open();
    pods.run("10.88.1.2", Shop.CHECKOUT_ID);
    hold(state, CHECKOUT);
    assertThat(verdict(state, flow(database(), PAYMENTS))).isEqualTo("denied_by_hand");

    control.cluster().write("shop/tools", null, "ada");
    control
        .cluster()
        .declare(
            new ScopeName.One(OWNER),
            new DeclaredScope("shop/a", Mode.SHADOW, null, null),
            "kubernetes");
    afar.news();
    Await.until("it follows", () -> state.store().position() == control.store().position());
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.SHADOW);

    var again = reopened();
    hold(again, CHECKOUT);
    assertThat(again.snapshot(CHECKOUT).mode()).isEqualTo(Mode.SHADOW);
    assertThat(again.cluster().lists()).isEmpty();
  }

  @Test
  void pod_registered_isDecidedAsAtTheControlServer_andNoOtherWorkloadIsHeld() throws Exception {
    var state = open();
    assertThat(state.holds()).isEmpty();

    pods.run("10.88.1.2", Shop.CHECKOUT_ID);

    Await.until("it is held", () -> state.held().workloads() == 1);
    hold(state, CHECKOUT);
    assertThat(state.holds()).containsExactly(OWNER);
    assertThat(state.held().pods()).isEqualTo(1);
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
    assertThat(verdict(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
    assertThat(verdict(state, flow(database(), CURL))).isEqualTo("new_process");
  }

  @Test
  void snapshot_beforeItIsThere_allowsNothingUnderEnforce() throws Exception {
    var state = open();

    assertThat(verdict(state, flow(database(), PAYMENTS))).isEqualTo("new_process");
    assertThat(state.coming(CHECKOUT)).isNotNull();
  }

  /** What may be spared a caller here is asked of its callee, which may be held elsewhere. */
  @Test
  void inbound_ofWhomIsNotHeld_isAsTheModesSay_andItIsLoadedAsBefore() throws Exception {
    control
        .cluster()
        .declare(
            new ScopeName.One(OWNER),
            new DeclaredScope("shop/a", Mode.ENFORCE, null, Inbound.REQUIRE),
            "kubernetes");
    var state = open();

    assertThat(state.inbound(CHECKOUT)).isEqualTo(Inbound.REQUIRE);

    assertThat(state.ready(CHECKOUT)).isNull();
    assertThat(state.coming(CHECKOUT)).isNotNull();
    hold(state, CHECKOUT);
    assertThat(verdict(state, flow(database(), CURL))).isEqualTo("new_process");
  }

  @Test
  void change_atTheControlServer_isFollowed_whetherHeldOrNot() throws Exception {
    var state = open();
    hold(state, CHECKOUT);
    var denied = site.check(control, flow(database(), CURL));

    control.allow(OWNER, denied.decisionId(), null, "CHG-1", "ada");
    control.setMode(new ScopeName.One(CATALOG.owner()), Mode.SHADOW, "look", "ada");
    afar.news();

    assertThat(state.store().position()).isEqualTo(4);
    assertThat(verdict(state, flow(database(), CURL))).isEqualTo("allowed");
    hold(state, CATALOG);
    assertThat(state.snapshot(CATALOG).mode()).isEqualTo(Mode.SHADOW);
  }

  @Test
  void controlAway_restart_decidesByTheCopy_alsoAWorkloadThatComesThen() throws Exception {
    var first = open();
    assertThat(first.store().position()).isEqualTo(2);
    afar.away = true;

    var state = reopened();

    hold(state, CHECKOUT);
    assertThat(verdict(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
    assertThat(verdict(state, flow(database(), CURL))).isEqualTo("new_process");
    assertThat(state.store().problem()).contains("no control server is followed");
  }

  @Test
  void controlAway_withoutACopy_doesNotOpen() {
    afar.away = true;

    assertThatThrownBy(this::open).isInstanceOf(StoreException.class);
    assertThatThrownBy(this::open).as("again").isInstanceOf(StoreException.class);
  }

  /** It is tried again every second, and a directory tells for ever. */
  @Test
  void controlAway_withoutACopy_isNotToldOfWorkloads() throws Exception {
    var directory = new LateWorkloadTest.Growing();
    afar.away = true;
    assertThatThrownBy(() -> open(directory, true)).isInstanceOf(StoreException.class);
    assertThat(directory.listeners).isEmpty();
    afar.away = false;

    open(directory, true);

    assertThat(directory.listeners).hasSize(1);
  }

  @Test
  void controlLies_fromTheBeginning_doesNotOpen() {
    afar.lie = entry -> entry.position() < 2 ? entry : new Entry(2, forged(entry), entry.seal());

    assertThatThrownBy(this::open)
        .isInstanceOf(StoreException.class)
        .hasMessageStartingWith("change 2: it, or an entry before it");
    assertThatThrownBy(this::open).as("again").isInstanceOf(StoreException.class);
  }

  @Test
  void controlAway_copyCutOff_doesNotOpen_andDoesWhenItIsBack() throws Exception {
    var first = open();
    first.close();
    var file = folder.resolve("log.copy");
    var lines = Files.readAllLines(file);
    Files.writeString(file, String.join("\n", lines.subList(0, 2)) + "\n");
    afar.away = true;
    assertThatThrownBy(this::open).isInstanceOf(StoreException.class);
    afar.away = false;

    var state = open();

    assertThat(state.store().position()).isEqualTo(2);
    assertThat(Files.readAllLines(file)).isEqualTo(lines);
  }

  @Test
  void copy_alteredByHand_isNotUsedFromThereOn() throws Exception {
    var first = open();
    first.close();
    var file = folder.resolve("log.copy");
    var good = Files.readString(file);
    Files.writeString(file, good.replace("enforce", "observe"));

    var state = open();

    hold(state, CHECKOUT);
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
    assertThat(Files.readString(file)).isEqualTo(good);
  }

  @Test
  void controlLies_theLastGoodStateStays_andItGoesOnWhenTheLieEnds() throws Exception {
    var state = open();
    hold(state, CHECKOUT);
    afar.lie = entry -> entry.position() < 3 ? entry : new Entry(3, forged(entry), entry.seal());
    control.setMode(new ScopeName.Mesh(), Mode.SHADOW, "look", "ada");

    afar.news();

    assertThat(state.store().position()).isEqualTo(2);
    assertThat(state.store().problem()).startsWith("change 3: it, or an entry before it");
    assertThat(verdict(state, flow(database(), CURL))).isEqualTo("new_process");
    afar.lie = UnaryOperator.identity();
    afar.news();
    assertThat(state.store().position()).isEqualTo(3);
    assertThat(state.store().problem()).isNull();
  }

  private static Change forged(Entry entry) {
    var told = entry.change();
    return new Change(
        told.at(),
        told.author(),
        told.note(),
        told.kind(),
        told.subject(),
        told.body().replace("shadow", "observe").replace("enforce", "observe"));
  }

  @Test
  void pod_gone_isReleasedAfterAWhile_withWhatItTaught_andComesBack() throws Exception {
    var state = open();
    pods.run("10.88.1.2", Shop.CHECKOUT_ID);
    hold(state, CHECKOUT);
    site.check(state, CHECKOUT, flow(database(), CURL), "10.88.1.2");
    pods.stop();

    site.clock.set(site.clock.instant().plus(Holdings.LINGER).plus(Duration.ofSeconds(1)));
    state.tidy();

    Await.until("it is released", () -> state.held().workloads() == 0);
    assertThat(state.holds()).isEmpty();
    assertThat(state.folded()).containsOnlyKeys("modes", "lists");
    Await.until(
        "what it taught is handed out",
        () ->
            state.changedParts(true, 100).stream()
                .map(LearnedSeals::unsealed)
                .anyMatch(plain -> plain.part().body().contains("/usr/bin/curl")));
    hold(state, CHECKOUT);
    assertThat(verdict(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
  }

  @Test
  void controlAway_whenAWorkloadComes_nothingLearnedReplacesWhatWasWrittenBefore()
      throws Exception {
    var state = open();
    afar.away = true;
    hold(state, CHECKOUT);
    site.check(state, CHECKOUT, flow(database(), PAYMENTS), "10.88.1.2");
    assertThat(state.changedParts(true, 100)).isEmpty();

    afar.away = false;
    state.tidy();

    assertThat(state.changedParts(true, 100)).isNotEmpty();
  }

  /** Of a server that holds all: what it learned itself would count twice. */
  @Test
  void controlGone_whileWhatWasLearnedIsRead_theRestFollows_andNothingIsTakenTwice()
      throws Exception {
    var workloads = new ArrayList<>(List.of(CHECKOUT));
    for (var i = 0; i < 20; i++) {
      workloads.add(new Workload(Owner.parse("shop/deployment/w" + i), "prod", Set.of()));
    }
    var last = new Workload(Owner.parse("shop/deployment/zoo"), "prod", Set.of());
    workloads.add(last);
    var before = open(workloads, true);
    site.check(before, CHECKOUT, flow(database(), PAYMENTS));
    site.check(before, last, flow(database(), PAYMENTS));
    site.store.saveLearned(
        LearnedSeals.seal(
            before.changedParts(true, 100).stream().map(LearnedSeals::unsealed).toList(),
            site.keys.learner()));
    before.close();

    afar.first = () -> afar.away = true;
    var state = open(workloads, true);
    assertThat(connections(state, CHECKOUT)).isEqualTo(1);
    assertThat(connections(state, last)).isZero();
    afar.away = false;
    state.tidy();

    assertThat(connections(state, CHECKOUT)).isEqualTo(1);
    assertThat(connections(state, last)).isEqualTo(1);
  }

  private static long connections(ControlState state, Workload workload) throws Exception {
    return state.edges(workload.owner()).stream()
        .map(KnownEdge::evidence)
        .filter(Objects::nonNull)
        .mapToLong(evidence -> evidence.connections())
        .sum();
  }

  /** The snapshots of new pods waited up to 30 s for what was learned before, one after another. */
  @Test
  void controlSlow_whenWorkloadsCome_theirSnapshotsAreThere_andWhatWasLearnedFollows()
      throws Exception {
    site.check(control, flow(database(), CURL));
    site.store.saveLearned(control.changedParts(true, 100));
    var state = open();
    afar.learnedGiven = new CountDownLatch(1);

    hold(state, CHECKOUT);
    hold(state, CATALOG);

    assertThat(verdict(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
    assertThat(state.edges(OWNER)).noneMatch(FollowingTest::isOfCurl);
    afar.learnedGiven.countDown();
    state.tidy();
    assertThat(state.edges(OWNER)).anyMatch(FollowingTest::isOfCurl);
  }

  /** It went on in the epoch that had ended: no server used what it learned until it restarted. */
  @Test
  void relearn_whileTheWorkloadIsLoaded_countsHereToo() throws Exception {
    var state = open();
    afar.first =
        () -> {
          try {
            control.rules().relearn(OWNER, null, "a new team", "ada");
          } catch (RefusedException e) {
            throw new AssertionError(e);
          }
          afar.news();
        };

    hold(state, CHECKOUT);
    Await.until("it follows", () -> state.store().position() == 3);
    state.tidy();
    site.check(state, flow(database(), CURL));

    assertThat(state.changedParts(true, 100))
        .isNotEmpty()
        .extracting(part -> LearnedSeals.unsealed(part).epoch())
        .containsOnly(1L);
  }

  private static boolean isOfCurl(KnownEdge known) {
    return known.edge().process().equals(CURL.processClass());
  }
}
