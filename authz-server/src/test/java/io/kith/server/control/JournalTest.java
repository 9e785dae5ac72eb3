package io.kith.server.control;

import static io.kith.server.control.Shop.CATALOG;
import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.admin.v1.ListAuditResponse;
import io.kith.baselines.bundle.Seals;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.server.admin.AdminService;
import io.kith.server.store.InMemoryStore;
import io.kith.server.store.SqliteStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Servers that share a log of changes, and somebody who writes to its store by hand. */
@Timeout(600)
class JournalTest {
  private static final Owner OWNER = CHECKOUT.owner();
  private static final ScopeName ONE = new ScopeName.One(OWNER);

  @TempDir Path folder;

  private static void enforce(Site site, ControlState state) throws Exception {
    site.check(state, flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
  }

  // restart

  @Test
  void restart_fromTheLogOfAFile_isWhereItWas() throws Exception {
    var keys = ServerKeys.ephemeral();
    Object before;
    try (var store = SqliteStore.open(folder.resolve("kith.db"))) {
      var site = new Site(store, keys);
      try (var state = site.server()) {
        enforce(site, state);
        var denied = site.check(state, flow(database(), CURL));
        state.allow(OWNER, denied.decisionId(), null, "CHG-1", "ada");
        state.rules().acknowledge(OWNER, denied.decisionId(), "seen", "ada");
        before = state.folded();
      }
    }

    try (var store = SqliteStore.open(folder.resolve("kith.db"))) {
      var site = new Site(store, keys);
      try (var state = site.server()) {
        assertThat(state.folded()).isEqualTo(before);
        assertThat(state.store().position()).isEqualTo(4);
        assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
        assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
        assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
      }
    }
  }

  @Test
  void restart_goesOnLearningFromWhereItWas_andRelearnIsNotUndone() throws Exception {
    var keys = ServerKeys.ephemeral();
    try (var store = SqliteStore.open(folder.resolve("kith.db"))) {
      var site = new Site(store, keys);
      try (var state = site.server()) {
        site.check(state, flow(database(), PAYMENTS));
        site.check(state, flow(database(), CURL));
        store.saveLearned(state.changedParts(true, 100));
      }
    }
    try (var store = SqliteStore.open(folder.resolve("kith.db"))) {
      var site = new Site(store, keys);
      try (var state = site.server()) {
        assertThat(state.edges(OWNER)).hasSize(2);
        var curl =
            state.edges(OWNER).stream()
                .filter(edge -> edge.process().equals("/usr/bin/curl"))
                .findFirst()
                .orElseThrow();
        state.rules().relearn(OWNER, curl.edge().id(), "a new tool", "ada");
        store.saveLearned(state.changedParts(true, 100));
      }
    }
    try (var store = SqliteStore.open(folder.resolve("kith.db"))) {
      var site = new Site(store, keys);
      try (var state = site.server()) {
        assertThat(state.edges(OWNER)).map(KnownEdge::process).containsExactly("/app/payments");
      }
    }
  }

  // several servers

  @Test
  void changes_ofTwoServersAtOnce_convergeAndLoseNothing() throws Exception {
    var site = new Site(new InMemoryStore());
    try (var one = site.server();
        var two = site.server();
        var people = Executors.newVirtualThreadPerTaskExecutor()) {
      enforce(site, one);
      var denied =
          List.of(
              site.check(one, flow(database(), CURL)).decisionId(),
              site.check(one, flow(database(), CURL)).decisionId());
      var seed = 4_711L;
      var random = new Random(seed);
      var work = new ArrayList<java.util.concurrent.Future<?>>();
      for (var i = 0; i < 40; i++) {
        var number = i;
        var state = random.nextBoolean() ? one : two;
        var kind = random.nextInt(3);
        work.add(
            people.submit(
                () -> {
                  switch (kind) {
                    case 0 ->
                        state.setMode(
                            number % 2 == 0 ? ONE : new ScopeName.Namespace("shop"),
                            number % 3 == 0 ? Mode.SHADOW : Mode.OBSERVE,
                            "number " + number,
                            "ada");
                    case 1 ->
                        one.allow(OWNER, denied.get(number % 2), null, "number " + number, "bob");
                    default ->
                        one.rules()
                            .acknowledge(OWNER, denied.get(number % 2), "number " + number, "eve");
                  }
                  return null;
                }));
      }
      for (var done : work) {
        done.get();
      }

      io.kith.server.check.Await.until(
          "both servers have all changes",
          () -> one.store().position() == 42 && two.store().position() == 42);
      assertThat(one.folded()).as("seed " + seed).isEqualTo(two.folded());
      try (var third = site.server()) {
        assertThat(third.folded()).isEqualTo(one.folded());
      }
    }
  }

  @Test
  void add_placeTakenByAnother_isMadeAgainFromWhatTheOtherMade() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var one = site.server();
        var two = site.server()) {
      store.first =
          () -> {
            try {
              two.setMode(new ScopeName.Mesh(), Mode.SHADOW, "first", "bob");
            } catch (RefusedException e) {
              throw new IllegalStateException(e);
            }
          };

      assertThat(one.setMode(new ScopeName.Mesh(), Mode.OBSERVE, "second", "ada"))
          .as("the mode before it, which the other had set meanwhile")
          .isEqualTo(Mode.SHADOW);
      assertThat(store.rows).map(row -> row.change().note()).containsExactly("first", "second");
    }
  }

  @Test
  void add_rejectedByAnotherMeanwhile_isRefused() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var one = site.server();
        var two = site.server()) {
      site.check(one, flow(database(), PAYMENTS));
      var revision = one.finishTestRun(OWNER, "suite passed", "ada").baseline().revision();
      store.first =
          () -> {
            try {
              two.baselines().reject(OWNER, revision, "not now", "bob");
            } catch (RefusedException e) {
              throw new IllegalStateException(e);
            }
          };

      assertThatThrownBy(() -> one.baselines().reject(OWNER, revision, "no", "ada"))
          .hasMessageContaining("is superseded already");
    }
  }

  // the store fails

  @Test
  void add_storeAway_isRefusedAndNothingIsApplied_whileChecksGoOn() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      enforce(site, state);
      var before = state.folded();
      store.away = true;

      assertThatThrownBy(() -> state.setMode(ONE, Mode.OBSERVE, "incident", "ada"))
          .isInstanceOfSatisfying(
              RefusedException.class,
              refused -> assertThat(refused.kind()).isEqualTo(RefusedException.Kind.STORE))
          .hasMessage("nothing was changed: db.example.org does not answer (start it)");
      assertThat(state.folded()).isEqualTo(before);
      assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");
      assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
      assertThat(state.store().problem()).contains("does not answer");

      store.away = false;
      state.setMode(ONE, Mode.OBSERVE, "incident", "ada");
      assertThat(state.store().problem()).isNull();
    }
  }

  @Test
  void add_answerOfTheStoreLost_isFoundAndAcknowledgedOnce() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      store.answersGetLost = true;

      state.setMode(ONE, Mode.SHADOW, "look", "ada");

      assertThat(store.rows).hasSize(1);
      assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.SHADOW);
    }
  }

  /** It stood in the log of changes, and the server's log had no line of who did it. */
  @Test
  void add_notKnownWhetherTheStoreTookIt_isToldToTheLogAsThat() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      store.answersGetLost = true;
      store.goesAwayThen = true;

      assertThatThrownBy(() -> state.setMode(ONE, Mode.SHADOW, "look", "ada"))
          .hasMessageStartingWith("it is not known whether the store took the change");

      assertThat(site.audited)
          .containsExactly(
              new AuditEntry(
                  "mode",
                  ONE.toString(),
                  "ada",
                  "look",
                  "not known",
                  "not known, whether the store took it (kith audit tells)"));
      store.away = false;
      store.tick();
      assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.SHADOW);
    }
  }

  /** Health stayed green while the state grew old. */
  @Test
  void follow_byABugOfOurs_isSaidUntilTheLogIsFollowedAgain() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      store.bug = new IllegalStateException("of the test");
      store.tick();
      assertThat(state.store().problem())
          .startsWith("the log of changes was not followed")
          .contains("of the test");

      store.bug = null;
      store.tick();
      assertThat(state.store().problem()).isNull();
    }
  }

  @Test
  void add_commitThatArrivesLate_isFoundAndAcknowledgedOnce() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      store.commitsAreLate = true;

      state.setMode(ONE, Mode.SHADOW, "look", "ada");

      assertThat(store.rows).hasSize(1);
      assertThat(state.store().position()).isEqualTo(1);
      assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.SHADOW);
    }
  }

  // somebody writes to the store

  private static Entry altered(Entry row, String body) {
    var change = row.change();
    return new Entry(
        row.position(),
        new Change(
            change.at(), change.author(), change.note(), change.kind(), change.subject(), body),
        row.seal());
  }

  @Test
  void restart_alteredRow_isNotAppliedNorWhatFollows() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      enforce(site, state);
      state.setMode(new ScopeName.One(CATALOG.owner()), Mode.SHADOW, "look", "ada");
    }
    store.rows.set(1, altered(store.rows.get(1), "{\"mode\":\"observe\",\"steps\":[]}"));

    try (var state = site.server()) {
      assertThat(state.store().position()).isEqualTo(1);
      assertThat(state.store().problem())
          .startsWith("change 2: it, or an entry before it, was changed after it was sealed by")
          .endsWith("(the state before it stays in force; restore the log of the store)");
      assertThat(state.refusedEntries()).isEqualTo(1);
      assertThat(state.snapshot(CATALOG).mode()).isEqualTo(Mode.OBSERVE);
      assertThatThrownBy(() -> state.setMode(ONE, Mode.SHADOW, "look", "ada"))
          .hasMessageStartingWith("nothing was changed: change 2: it, or an entry before it");
    }
  }

  @Test
  void follow_rowOfAnUnknownKey_keepsTheLastGoodStateUntilTheLogIsRepaired() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      enforce(site, state);
      var forged =
          Seals.seal(
              store.rows.getLast().seal(),
              3,
              new Change(
                  site.clock.instant(),
                  "ada",
                  "all open",
                  "mode",
                  OWNER.toString(),
                  "{\"mode\":\"observe\",\"steps\":[]}"),
              ServerKeys.fresh());
      store.rows.add(forged);

      store.tick();
      assertThat(state.store().problem()).startsWith("change 3: it is sealed by 'ed25519:");
      assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
      assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("new_process");

      store.rows.removeLast();
      store.tick();
      assertThat(state.store().problem()).isNull();
    }
  }

  @Test
  void follow_missingRow_isRefused() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var one = site.server()) {
      enforce(site, one);
      one.setMode(ONE, Mode.SHADOW, "look", "ada");
    }
    store.rows.remove(1);

    try (var state = site.server()) {
      assertThat(state.store().problem()).startsWith("change 2 is missing, and 3 is there");
    }
  }

  @Test
  void follow_logCutOff_isNoticedByALiveServer_whichKeepsItsState() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      enforce(site, state);
      var row = store.rows.removeLast();

      store.tick();
      assertThat(state.store().problem())
          .startsWith("the log of changes ends before 2, which was applied here");
      assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
      assertThatThrownBy(() -> state.setMode(ONE, Mode.SHADOW, "look", "ada"))
          .isInstanceOf(RefusedException.class);

      store.rows.add(row);
      store.tick();
      assertThat(state.store().problem()).isNull();
    }
  }

  @Test
  void restart_logCutOff_isRefusedByTheHighWaterMark() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    var file = folder.resolve("log.mark");
    site.mark = new HighWaterMark(file);
    try (var state = site.server()) {
      enforce(site, state);
    }
    store.rows.removeLast();

    assertThatThrownBy(() -> site.server().close())
        .hasMessage(
            "the log of changes is good up to 1, and this server has seen change 2: its end was"
                + " cut off or an older log was put back (restore the store; or, to go on from 1"
                + " and lose what came after, remove '"
                + file
                + "')");

    Files.delete(file);
    try (var state = site.server()) {
      assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.OBSERVE);
    }
  }

  @Test
  void restart_olderLogContinuedOtherwise_isRefusedByTheHighWaterMark() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    try (var state = site.server()) {
      enforce(site, state);
    }
    store.rows.removeLast();
    var elsewhere = new Site(store, site.keys);
    try (var state = elsewhere.server()) {
      state.setMode(ONE, Mode.SHADOW, "another story", "eve");
    }

    assertThatThrownBy(() -> site.server().close())
        .hasMessageContaining("this server has seen change 2: its end was cut off");
  }

  @Test
  void restart_withTheMark_goesOn() throws Exception {
    var site = new Site(new HostileStore());
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    try (var state = site.server()) {
      enforce(site, state);
    }

    try (var state = site.server()) {
      state.setMode(ONE, Mode.SHADOW, "look", "ada");
    }
    assertThat(Objects.requireNonNull(site.mark.read()).position()).isEqualTo(3);
  }

  /** Fills the first page, and begins the second. */
  private static void fillAPage(ControlState state) throws Exception {
    for (var i = 0; i < VerifiedPages.PAGE; i++) {
      state.setMode(
          new ScopeName.One(CATALOG.owner()),
          i % 2 == 0 ? Mode.SHADOW : Mode.OBSERVE,
          "round " + i,
          "ada");
    }
  }

  private static Entry broken(Entry row) {
    var seal = new StringBuilder(row.seal());
    var middle = seal.length() - 40;
    seal.setCharAt(middle, seal.charAt(middle) == 'A' ? 'B' : 'A');
    return new Entry(row.position(), row.change(), seal.toString());
  }

  @Test
  void restart_pagesThatWereVerified_areWhatTheyWere() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    Map<String, Object> before;
    try (var state = site.server()) {
      enforce(site, state);
      fillAPage(state);
      before = state.folded();
    }
    var noted = Files.readAllLines(folder.resolve("log.verified"));
    assertThat(noted).as("keys, a page, and two entries of the next").hasSize(3);

    try (var state = site.server()) {
      assertThat(state.folded()).isEqualTo(before);
      assertThat(state.store().problem()).isNull();
      fillAPage(state);
    }
    assertThat(Files.readAllLines(folder.resolve("log.verified")))
        .hasSize(4)
        .startsWith(noted.get(0), noted.get(1))
        .doesNotContain(noted.get(2));
  }

  /** Only what is not verified again is believed with a signature that is wrong. */
  @Test
  void restart_lastPageThatIsNotFull_isNotVerifiedAgain() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    try (var state = site.server()) {
      enforce(site, state);
    }
    store.rows.replaceAll(JournalTest::broken);
    var pages = new VerifiedPages(folder.resolve("log.verified"), site.keys.ring());
    store.rows.forEach(pages::note);
    pages.save();
    site.mark = new HighWaterMark(folder.resolve("of-this-log.mark"));

    try (var state = site.server()) {
      assertThat(state.store().problem()).isNull();
      assertThat(state.store().position()).isEqualTo(2);
    }
  }

  @Test
  void restart_alteredRowOfTheLastPage_isNotApplied() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    try (var state = site.server()) {
      enforce(site, state);
      state.setMode(ONE, Mode.SHADOW, "look", "ada");
    }
    var noted = Files.readString(folder.resolve("log.verified"));
    for (var alteredAt : List.of(0, 1, 2)) {
      var good = store.rows.set(alteredAt, broken(store.rows.get(alteredAt)));

      assertThatThrownBy(() -> site.server().close())
          .hasMessageContaining("the log of changes is good up to " + alteredAt)
          .hasMessageContaining("was changed after it was sealed");
      store.rows.set(alteredAt, good);
    }
    assertThat(folder.resolve("log.verified")).as("for when it is repaired").hasContent(noted);
    site.server().close();
  }

  @Test
  void restart_alteredRowOfAVerifiedPage_isNotApplied() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    try (var state = site.server()) {
      fillAPage(state);
      state.setMode(ONE, Mode.SHADOW, "look", "ada");
    }
    for (var alteredAt : List.of(0, 1, VerifiedPages.PAGE - 1)) {
      var good = store.rows.get(alteredAt);
      for (var bad : List.of(altered(good, "{\"mode\":\"observe\",\"steps\":[] }"), broken(good))) {
        store.rows.set(alteredAt, bad);

        assertThatThrownBy(() -> site.server().close())
            .hasMessageContaining("the log of changes is good up to " + alteredAt)
            .hasMessageContaining("was changed after it was sealed");
      }
      store.rows.set(alteredAt, good);
    }
    site.server().close();
  }

  @Test
  void restart_keyNoLongerTrusted_isVerifiedAnew() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    try (var state = site.server()) {
      fillAPage(state);
    }
    site.keys = ServerKeys.ephemeral();

    assertThatThrownBy(() -> site.server().close())
        .hasMessageContaining("change 1: it is sealed by")
        .hasMessageContaining("expected: the key of this server");
  }

  @Test
  void restart_tornOrForeignFileOfVerifiedPages_onlyCostsTime() throws Exception {
    var site = new Site(new HostileStore());
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    var file = folder.resolve("log.verified");
    try (var state = site.server()) {
      fillAPage(state);
    }
    var whole = Files.readString(file);
    for (var text : List.of("", "x", "other\n" + whole, whole.substring(0, whole.length() - 9))) {
      Files.writeString(file, text);

      try (var state = site.server()) {
        assertThat(state.store().position()).isEqualTo(VerifiedPages.PAGE);
      }
      assertThat(Files.readString(file)).isEqualTo(whole);
    }
  }

  @Test
  void restart_rowOfALaterVersion_saysToUpdate() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    store.rows.add(
        Seals.seal(
            Seals.FIRST,
            1,
            new Change(site.clock.instant(), "ada", "why", "levitate", "*", "{}"),
            site.keys.learner()));

    try (var state = site.server()) {
      assertThat(state.store().problem())
          .startsWith(
              "change 1: its kind is 'levitate', which this version does not know (update this"
                  + " server)");
    }
  }

  @Test
  void audit_isNewestFirstAndByPages() throws Exception {
    var site = new Site(new HostileStore());
    try (var state = site.server()) {
      enforce(site, state);
      state.setMode(new ScopeName.Mesh(), Mode.SHADOW, "look", "ada");

      assertThat(state.audit(null, 0, 2)).map(Entry::position).containsExactly(3L, 2L);
      assertThat(state.audit(null, 2, 10)).map(Entry::position).containsExactly(1L);
      assertThat(state.audit("*", 0, 10)).map(Entry::position).containsExactly(3L);
    }
  }

  /** It read the whole log, and who may only look could keep the store busy with it. */
  @Test
  void audit_ofASubject_asksTheStoreForNothingElse() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server()) {
      enforce(site, state);
      for (var i = 0; i < 20; i++) {
        state.setMode(new ScopeName.Mesh(), i % 2 == 0 ? Mode.SHADOW : Mode.OBSERVE, "n", "ada");
      }

      assertThat(state.audit(OWNER.toString(), 0, 100)).map(Entry::position).contains(1L);
      assertThat(store.given).isLessThanOrEqualTo(2);
    }
  }

  @Test
  void audit_ofLargeChanges_isAFewAtATime_andTheRestIsBehindThem() throws Exception {
    var site = new Site(new HostileStore());
    try (var state = site.server()) {
      for (var i = 0; i < 40; i++) {
        state.cluster().write("shop/checkout", i + "x".repeat(1 << 19), "bob");
      }

      var first = state.audit(null, 0, 1_000);
      assertThat(first).hasSize(16);
      var rest = state.audit(null, first.getLast().position(), 1_000);
      assertThat(rest).hasSize(16);
      assertThat(state.audit(null, rest.getLast().position(), 1_000))
          .map(Entry::position)
          .containsExactly(8L, 7L, 6L, 5L, 4L, 3L, 2L, 1L);
    }
  }

  @Test
  void audit_isReadForOneCallerAtATime_othersAreToldToAskAgain() throws Exception {
    var store = new HostileStore();
    var site = new Site(store);
    try (var state = site.server();
        var people = Executors.newVirtualThreadPerTaskExecutor()) {
      enforce(site, state);
      var service = new AdminService(state, List::of, "1.2.3", site.clock.instant());
      var reads = new CountDownLatch(1);
      var goOn = new CountDownLatch(1);
      store.looking =
          () -> {
            reads.countDown();
            try {
              goOn.await();
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
          };
      var first = people.submit(() -> audit(service));
      reads.await();

      assertThat(audit(service)).isEqualTo("RESOURCE_EXHAUSTED");
      goOn.countDown();
      assertThat(first.get()).isEqualTo("2 records");
      assertThat(audit(service)).isEqualTo("2 records");
    }
  }

  private static String audit(AdminService service) {
    var answer = new CompletableFuture<String>();
    service.listAudit(
        ListAuditRequest.getDefaultInstance(),
        new StreamObserver<>() {
          @Override
          public void onNext(ListAuditResponse records) {
            answer.complete(records.getRecordsCount() + " records");
          }

          @Override
          public void onError(Throwable thrown) {
            answer.complete(Status.fromThrowable(thrown).getCode().name());
          }

          @Override
          public void onCompleted() {}
        });
    return answer.join();
  }
}
