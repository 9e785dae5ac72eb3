package io.kith.load.store;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.Change;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every store promises. */
abstract class BaselineStoreContract {
  static final Duration LIMIT = Duration.ofSeconds(90);
  static final Owner CHECKOUT = Owner.parse("shop/deployment/checkout");
  static final Owner ORDERS = Owner.parse("shop/statefulset/orders-db");
  private static final Owner LONGEST = new Owner("n".repeat(252), "k".repeat(252), "o".repeat(252));

  private final List<BaselineStore> opened = new CopyOnWriteArrayList<>();
  BaselineStore store;

  /** A store on what all stores of one test share. */
  abstract BaselineStore open() throws Exception;

  /** Another server's; closed after the test. */
  final BaselineStore another() throws Exception {
    var another = open();
    opened.add(another);
    return another;
  }

  @BeforeEach
  void openFirst() throws Exception {
    store = another();
  }

  @AfterEach
  void closeAll() {
    opened.forEach(BaselineStore::close);
  }

  static Entry entry(long position, String note) {
    var change =
        new Change(
            Instant.parse("2026-11-25T03:44:45.123456789Z"),
            "spiffe://kith.example/ns/ops/sa/ann",
            note,
            "mode",
            "shop/*",
            "{\"mode\":\"enforce\"}");
    return new Entry(position, change, "seal-" + position + "-" + note);
  }

  /** How a server is called in this store; up to 253 characters. */
  String replica(String name) {
    return name;
  }

  final LearnedPart part(String replica, Owner owner, String key, String body) {
    return new LearnedPart(replica(replica), owner, key, body);
  }

  /** What all replicas wrote of the workloads of these tests. */
  static List<LearnedPart> learned(BaselineStore store) throws StoreException {
    return store.learnedByOthers("", List.of(CHECKOUT, ORDERS, LONGEST)); // nobody's name
  }

  @Test
  void after_nothingAppended_isEmpty() throws Exception {
    assertThat(store.after(0, 10)).isEmpty();
    assertThat(store.after(7, 10)).isEmpty();
    assertThat(learned(store)).isEmpty();
  }

  @Test
  void append_anyText_comesBackAsItWas() throws Exception {
    var change =
        new Change(
            Instant.parse("-0044-03-15T11:59:59.000000001Z"),
            "O'Hara; drop table kith_change; --",
            "line\nbreak\ttab \u0001 \u2028 ümlaut 漢字 🔥 %_\\ \"quoted\" :position ?",
            "allow",
            "*",
            "{\"text\":\"" + "x".repeat(200_000) + "\"}");
    var entry = new Entry(1, change, "c2VhbA==");

    assertThat(store.append(entry)).isTrue();

    assertThat(store.after(0, 10)).containsExactly(entry);
    assertThat(another().after(0, 10)).containsExactly(entry);
  }

  @Test
  void append_takenPosition_isFalse_andTheFirstStays() throws Exception {
    assertThat(store.append(entry(1, "first"))).isTrue();

    assertThat(store.append(entry(1, "second"))).isFalse();
    assertThat(another().append(entry(1, "third"))).isFalse();

    assertThat(store.after(0, 10)).containsExactly(entry(1, "first"));
  }

  @Test
  void append_behindTheEnd_isRefused_andLeavesNoGap() throws Exception {
    store.append(entry(1, "first"));

    assertThatThrownBy(() -> store.append(entry(3, "third")))
        .isInstanceOf(StoreException.class)
        .hasMessage(
            "position 3 is not the next, the log ends at 1 (was an older copy of the store put"
                + " back? restart the server, so that it reads the log anew)");

    assertThat(store.after(0, 10)).hasSize(1);
  }

  @Test
  void after_positionAndLimit_areObeyed_inOrder() throws Exception {
    for (var position = 1; position <= 12; position++) {
      store.append(entry(position, "n" + position));
    }

    assertThat(store.after(0, 5)).extracting(Entry::position).containsExactly(1L, 2L, 3L, 4L, 5L);
    assertThat(store.after(9, 100)).extracting(Entry::position).containsExactly(10L, 11L, 12L);
    assertThat(store.after(12, 1)).isEmpty();
    assertThat(store.after(Long.MAX_VALUE, Integer.MAX_VALUE)).isEmpty();
    assertThat(store.after(0, Integer.MAX_VALUE)).hasSize(12);
  }

  @Test
  void after_impossibleRange_isRefused() {
    assertThatThrownBy(() -> store.after(-1, 1)).hasMessage("position: -1 (expected: from 0)");
    assertThatThrownBy(() -> store.after(0, 0)).hasMessage("limit: 0 (expected: from 1)");
  }

  @Test
  void latest_isNewestFirst_betweenThePositions_ofTheSubject() throws Exception {
    for (var position = 1; position <= 12; position++) {
      store.append(entry(position, "n" + position));
    }

    assertThat(store.latest(0, 100, null, 3)).map(Entry::position).containsExactly(12L, 11L, 10L);
    assertThat(store.latest(4, 7, null, 10)).containsExactly(entry(6, "n6"), entry(5, "n5"));
    assertThat(store.latest(0, 3, "shop/*", 10)).map(Entry::position).containsExactly(2L, 1L);
    assertThat(store.latest(0, 13, "shop/*", 1)).map(Entry::position).containsExactly(12L);
    assertThat(store.latest(0, 13, "shop/", 10)).isEmpty();
    assertThat(store.latest(0, 1, null, 10)).isEmpty();
    assertThat(store.latest(12, 100, null, 10)).isEmpty();
    assertThat(store.latest(100, 1, null, 10)).isEmpty();
  }

  /** An index holds no text of any length. */
  @Test
  void latest_ofLongSubjects_areToldApart() throws Exception {
    var random = new Random(7);
    var alike = Stream.generate(() -> "" + random.nextLong()).limit(1_000).collect(joining());
    for (var position = 1; position <= 4; position++) {
      var change = entry(position, "n").change();
      store.append(
          new Entry(
              position,
              new Change(change.at(), "ada", "n", "mode", alike + position % 2, change.body()),
              "seal"));
    }

    assertThat(store.latest(0, 5, alike + "0", 10)).map(Entry::position).containsExactly(4L, 2L);
    assertThat(store.latest(0, 5, alike, 10)).isEmpty();
  }

  @Test
  void append_serversRacing_everyPositionHasOneWinner_withoutGaps() throws Exception {
    var servers = 4;
    var each = 25;
    try (var threads = Executors.newFixedThreadPool(servers)) {
      var runs =
          IntStream.range(0, servers)
              .mapToObj(
                  server ->
                      threads.submit(
                          () -> {
                            var own = another();
                            var won = 0;
                            var position = 0L;
                            while (won < each) {
                              var news = own.after(position, 1_000);
                              position = news.isEmpty() ? position : news.getLast().position();
                              won += own.append(entry(position + 1, "s" + server)) ? 1 : 0;
                            }
                            return won;
                          }))
              .toList();
      for (var run : runs) {
        assertThat(run.get()).isEqualTo(each);
      }
    }

    var log = store.after(0, 1_000);
    assertThat(log)
        .extracting(Entry::position)
        .containsExactlyElementsOf(
            IntStream.rangeClosed(1, servers * each).mapToObj(Long::valueOf).toList());
    for (var server = 0; server < servers; server++) {
      var note = "s" + server;
      assertThat(log).filteredOn(entry -> entry.change().note().equals(note)).hasSize(each);
    }
  }

  @Test
  void append_severalEntries_comeBackInOrder() throws Exception {
    store.append(entry(1, "first"));
    var row = row(2, 1_203, "many");

    assertThat(store.append(row)).isTrue();

    assertThat(another().after(1, 2_000)).isEqualTo(row);
    assertThat(store.append(entry(1_205, "next"))).isTrue();
  }

  @Test
  void append_severalEntries_whenTheFirstPlaceIsTaken_addsNone() throws Exception {
    store.append(entry(1, "first"));

    assertThat(store.append(row(1, 3, "late"))).isFalse();

    assertThat(store.after(0, 10)).containsExactly(entry(1, "first"));
  }

  @Test
  void append_severalEntries_behindTheEnd_addsNone() throws Exception {
    assertThatThrownBy(() -> store.append(row(2, 2, "gap")))
        .isInstanceOf(StoreException.class)
        .hasMessageStartingWith("position 2 is not the next, the log ends at 0");

    assertThat(store.after(0, 10)).isEmpty();
  }

  @Test
  void append_severalEntriesTwiceAtOnce_oneWinsAllPlaces() throws Exception {
    var other = another();
    var position = 1L;
    for (var round = 0; round < 20; round++) {
      var these = row(position, 7, "these");
      var those = row(position, 5, "those");
      try (var threads = Executors.newFixedThreadPool(2)) {
        var one = threads.submit(() -> store.append(these));
        var two = threads.submit(() -> other.append(those));

        assertThat(List.of(one.get(), two.get())).containsExactlyInAnyOrder(true, false);
        var winner = one.get() ? these : those;
        assertThat(store.after(position - 1, 100)).isEqualTo(winner);
        position += winner.size();
      }
    }
  }

  private static List<Entry> row(long first, int size, String note) {
    return LongStream.range(first, first + size)
        .mapToObj(position -> entry(position, note))
        .toList();
  }

  @Test
  void append_sameEntryTwiceAtOnce_oneWins() throws Exception {
    var other = another();
    for (var position = 1; position <= 20; position++) {
      var entry = entry(position, "same");
      try (var threads = Executors.newFixedThreadPool(2)) {
        var one = threads.submit(() -> store.append(entry));
        var two = threads.submit(() -> other.append(entry));

        assertThat(List.of(one.get(), two.get())).containsExactlyInAnyOrder(true, false);
      }
    }
  }

  @Test
  void saveLearned_sameKey_takesThePlaceOfTheEarlier() throws Exception {
    store.saveLearned(
        List.of(part("a", CHECKOUT, "edge-1", "{}"), part("b", CHECKOUT, "edge-1", "{}")));

    store.saveLearned(
        List.of(
            part("a", CHECKOUT, "edge-1", "{\"n\":1}"),
            part("a", ORDERS, "edge-1", "{\"n\":2}"),
            part("a", CHECKOUT, "edge-1", "{\"n\":3}")));

    assertThat(learned(another()))
        .containsExactlyInAnyOrder(
            part("a", CHECKOUT, "edge-1", "{\"n\":3}"),
            part("b", CHECKOUT, "edge-1", "{}"),
            part("a", ORDERS, "edge-1", "{\"n\":2}"));
  }

  @Test
  void saveLearned_nothing_isFine() throws Exception {
    store.saveLearned(List.of());

    assertThat(learned(store)).isEmpty();
  }

  @Test
  void saveLearned_manyParts_allComeBack() throws Exception {
    var parts =
        IntStream.range(0, 5_003)
            .mapToObj(
                i -> part("a", i % 2 == 0 ? CHECKOUT : ORDERS, "edge-" + i, "{\"n\":" + i + "}"))
            .toList();

    store.saveLearned(parts);

    assertThat(learned(store)).containsExactlyInAnyOrderElementsOf(parts);
  }

  @Test
  void saveLearned_longestNames_areKept() throws Exception {
    var part =
        part(
            "r".repeat(253 - replica("").length()),
            LONGEST,
            "k".repeat(100),
            "{\"text\":\"ü漢🔥\"}");

    store.saveLearned(List.of(part));

    assertThat(learned(store)).containsExactly(part);
  }

  @Test
  void forgetLearned_takesOneReplicasParts_ofThatWorkloadOnly() throws Exception {
    store.saveLearned(
        List.of(
            part("a", CHECKOUT, "edge-1", "{}"),
            part("b", CHECKOUT, "edge-2", "{}"),
            part("a", ORDERS, "edge-2", "{}")));

    store.forgetLearned(replica("a"), CHECKOUT);

    assertThat(learned(store))
        .containsExactlyInAnyOrder(
            part("b", CHECKOUT, "edge-2", "{}"), part("a", ORDERS, "edge-2", "{}"));
  }

  @Test
  void learnedByOthers_isOfTheOwnersThatAreNamed_withoutOwnParts() throws Exception {
    store.saveLearned(
        List.of(
            part("a", CHECKOUT, "edge-1", "{}"),
            part("b", CHECKOUT, "edge-2", "{}"),
            part("c", ORDERS, "edge-2", "{}")));

    assertThat(store.learnedByOthers(replica("a"), List.of(ORDERS, CHECKOUT)))
        .containsExactlyInAnyOrder(
            part("b", CHECKOUT, "edge-2", "{}"), part("c", ORDERS, "edge-2", "{}"));
    assertThat(store.learnedByOthers(replica("a"), Set.of(CHECKOUT)))
        .containsExactly(part("b", CHECKOUT, "edge-2", "{}"));
    assertThat(another().learnedByOthers(replica("b"), List.of(ORDERS)))
        .containsExactly(part("c", ORDERS, "edge-2", "{}"));
    assertThat(store.learnedByOthers(replica("a"), List.of())).isEmpty();
    assertThat(store.learnedByOthers(replica("a"), List.of(LONGEST))).isEmpty();
  }

  @Test
  void learnedByOthers_manyOwners_areAllAsked() throws Exception {
    var owners =
        IntStream.range(0, 2_000).mapToObj(i -> Owner.parse("shop/deployment/w" + i)).toList();
    var parts = owners.stream().map(owner -> part("a", owner, "edge-1", "{}")).toList();
    store.saveLearned(parts);

    assertThat(store.learnedByOthers(replica("b"), owners))
        .containsExactlyInAnyOrderElementsOf(parts);
  }

  @Test
  void changedByOthers_isOfAllThatOthersWroteSince_ofMoreMaybe() throws Exception {
    store.saveLearned(
        List.of(part("a", CHECKOUT, "edge-1", "{}"), part("b", CHECKOUT, "edge-1", "{}")));

    var first = store.changedByOthers(replica("b"), null);
    assertThat(first.mayBeOf(CHECKOUT)).isTrue();
    another().saveLearned(List.of(part("a", ORDERS, "edge-1", "{}")));
    var second = store.changedByOthers(replica("b"), first.mark());
    assertThat(second.mayBeOf(ORDERS)).isTrue();
    another().saveLearned(List.of(part("a", CHECKOUT, "edge-1", "{\"n\":1}")));
    var third = another().changedByOthers(replica("b"), second.mark());
    assertThat(third.mayBeOf(CHECKOUT)).as("an earlier part was replaced").isTrue();

    assertThat(store.changedByOthers(replica("b"), first.mark()))
        .as("an older mark")
        .matches(changes -> changes.mayBeOf(CHECKOUT) && changes.mayBeOf(ORDERS));
  }

  @Test
  void watch_entryOfAnotherServer_isTold() throws Exception {
    var seen = new AtomicInteger();
    var watch = store.watch(() -> seen.set(size(store)));

    another().append(entry(1, "news"));

    Await.until("the entry is seen", LIMIT, () -> seen.get() == 1);
    watch.close();
  }

  @Test
  void watch_anotherWatcherThrows_isToldAllTheSame() throws Exception {
    var seen = new AtomicInteger();
    store.watch(
        () -> {
          throw new IllegalStateException("thrown by the test on purpose");
        });
    store.watch(
        () -> {
          throw new StackOverflowError("thrown by the test on purpose");
        });
    store.watch(() -> seen.set(size(store)));

    store.append(entry(1, "one"));
    Await.until("the first entry is seen", LIMIT, () -> seen.get() == 1);
    store.append(entry(2, "two"));

    Await.until("the second entry is seen", LIMIT, () -> seen.get() == 2);
  }

  @Test
  void watch_closed_isNotToldAnyMore_whileTheOtherIs() throws Exception {
    var first = new AtomicInteger();
    var second = new AtomicInteger();
    var watch = store.watch(first::incrementAndGet);
    store.watch(second::incrementAndGet);
    Await.until("both are told", LIMIT, () -> first.get() > 0 && second.get() > 0);
    watch.close();
    var going = second.get();
    Await.until("a call that was going on is over", LIMIT, () -> second.get() > going);
    var before = first.get();

    Await.until("the other is told again", LIMIT, () -> second.get() > going + 2);

    assertThat(first).hasValue(before);
  }

  private static int size(BaselineStore store) {
    try {
      return store.after(0, 1_000).size();
    } catch (StoreException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void close_thenUsed_isRefused() throws Exception {
    var closed = another();
    closed.close();
    closed.close();

    for (var use :
        List.<org.assertj.core.api.ThrowableAssert.ThrowingCallable>of(
            () -> closed.after(0, 1),
            () -> closed.append(entry(1, "late")),
            () -> closed.saveLearned(List.of(part("a", CHECKOUT, "edge-1", "{}"))),
            () -> closed.forgetLearned(replica("a"), CHECKOUT),
            () -> closed.learnedByOthers("", List.of(CHECKOUT)),
            () -> closed.changedByOthers("", null))) {
      assertThatThrownBy(use)
          .isInstanceOf(StoreException.class)
          .hasMessage("the store is closed (the server is stopping)");
    }
  }
}
