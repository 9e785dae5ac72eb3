package io.kith.server.control;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.bundle.Bundles;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.change.Promotion;
import io.kith.baselines.change.RevisionState;
import io.kith.baselines.change.Revisions;
import io.kith.baselines.change.Voucher;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ImportsTest {
  private static final Owner ONE = Shop.CHECKOUT.owner();
  private static final Owner TWO = Shop.CATALOG.owner();
  private static final Owner THREE = Shop.DB.owner();
  private static final int ORDERS = 5_432;
  private static final int STOCK = 5_433;
  private static final int CACHE = 5_434;

  private final HostileStore store = new HostileStore();
  private final Site site = new Site(store);

  @Test
  void propose_ofSeveralWorkloads_isOneTransaction_withAnEntryForEach() throws Exception {
    var arrived = arrived(of(ONE, ORDERS), of(TWO, ORDERS), of(THREE, ORDERS));
    try (var state = site.server()) {
      var revisions = propose(state, arrived);

      assertThat(revisions).isEqualTo(revisions(arrived));
      assertThat(store.appends).isEqualTo(1);
      assertThat(state.audit(null, 0, 10))
          .map(entry -> entry.change().subject() + " " + entry.change().author())
          .containsExactly(THREE + " ada", TWO + " ada", ONE + " ada");
      assertThat(state.audit(TWO.toString(), 0, 10)).hasSize(1);
    }
    try (var again = site.server()) {
      assertThat(again.store().problem()).isNull();
      assertThat(Stream.of(ONE, TWO, THREE).map(owner -> waiting(again, owner)))
          .isEqualTo(revisions(arrived));
    }
  }

  @Test
  void propose_lastWorkloadRefuses_leavesNothingProposed() throws Exception {
    try (var state = site.server()) {
      var first = propose(state, arrived(of(ONE, ORDERS))).getFirst();
      state.setMode(new ScopeName.One(ONE), Mode.SHADOW, "look", "ada");
      propose(state, arrived(of(ONE, STOCK)));
      var before = List.copyOf(store.rows);

      assertThatThrownBy(
              () -> propose(state, arrived(of(TWO, ORDERS), of(THREE, ORDERS), of(ONE, ORDERS))))
          .isInstanceOf(RefusedException.class)
          .hasMessage(
              ONE
                  + ": "
                  + first
                  + " is shadow already (nothing to do, it has the same edges) (so nothing was"
                  + " changed)");

      assertThat(store.rows).isEqualTo(before);
      assertThat(waiting(state, TWO)).isEqualTo("none");
      assertThat(waiting(state, THREE)).isEqualTo("none");
    }
  }

  @Test
  void propose_ofOneThatRefuses_saysOnlyWhy() throws Exception {
    try (var state = site.server()) {
      var first = propose(state, arrived(of(ONE, ORDERS))).getFirst();
      state.setMode(new ScopeName.One(ONE), Mode.SHADOW, "look", "ada");
      propose(state, arrived(of(ONE, STOCK)));

      assertThatThrownBy(() -> propose(state, arrived(of(ONE, ORDERS))))
          .hasMessage(first + " is shadow already (nothing to do, it has the same edges)");
    }
  }

  @Test
  void propose_storeAway_changesNothing_andDoesAllWhenGivenAgain() throws Exception {
    var arrived = arrived(of(ONE, ORDERS), of(TWO, ORDERS));
    try (var state = site.server()) {
      store.away = true;

      assertThatThrownBy(() -> propose(state, arrived))
          .isInstanceOf(RefusedException.class)
          .hasMessageContaining("nothing was changed: db.example.org does not answer");

      store.away = false;
      assertThat(propose(state, arrived)).isEqualTo(revisions(arrived));
      assertThat(store.rows).hasSize(2);
    }
  }

  @Test
  void propose_sameAgain_changesNothing() throws Exception {
    var arrived = arrived(of(ONE, ORDERS), of(TWO, ORDERS));
    try (var state = site.server()) {
      propose(state, arrived);

      assertThat(propose(state, arrived)).isEqualTo(revisions(arrived));
      assertThat(store.appends).isEqualTo(1);
    }
  }

  @Test
  void propose_someThereAlready_proposesTheOthers() throws Exception {
    var arrived = arrived(of(ONE, ORDERS), of(TWO, ORDERS), of(THREE, ORDERS));
    try (var state = site.server()) {
      propose(state, arrived(of(TWO, ORDERS)));

      assertThat(propose(state, arrived)).isEqualTo(revisions(arrived));

      assertThat(store.rows)
          .map(row -> row.change().subject())
          .containsExactly(TWO.toString(), ONE.toString(), THREE.toString());
    }
  }

  @Test
  void propose_othersChangeOneAndTheModesMeanwhile_followsWhatTheyMade() throws Exception {
    try (var state = site.server();
        var other = site.server()) {
      var first = propose(other, arrived(of(TWO, STOCK))).getFirst();
      store.first =
          () ->
              unchecked(
                  () -> {
                    other.setMode(new ScopeName.One(TWO), Mode.ENFORCE, "decides", "bob");
                    other.setMode(new ScopeName.One(ONE), Mode.SHADOW, "look", "bob");
                  });

      var revisions = propose(state, arrived(of(ONE, ORDERS), of(TWO, ORDERS), of(THREE, ORDERS)));

      store.tick();
      for (var server : List.of(state, other)) {
        assertThat(server.store().problem()).isNull();
        assertThat(waiting(server, TWO)).isEqualTo(revisions.get(1));
        assertThat(revision(server, TWO).baseline().parent()).isEqualTo(first);
        assertThat(governed(server, TWO).asked()).isEqualTo(Mode.ENFORCE);
        assertThat(governed(server, ONE).asked()).isEqualTo(Mode.SHADOW);
        assertThat(revision(server, ONE).state()).isEqualTo(RevisionState.PROPOSED);
      }
      assertThat(state.folded()).isEqualTo(other.folded());
      assertThat(store.rows).hasSize(6);
    }
  }

  @Test
  void propose_answerIsLost_isFoundAndAcknowledgedOnce() throws Exception {
    var arrived = arrived(of(ONE, ORDERS), of(TWO, ORDERS));
    try (var state = site.server()) {
      store.answersGetLost = true;

      assertThat(propose(state, arrived)).isEqualTo(revisions(arrived));

      assertThat(store.rows).hasSize(2);
      assertThat(state.store().position()).isEqualTo(2);
      assertThat(waiting(state, TWO)).isEqualTo(revisions(arrived).get(1));
    }
  }

  @Test
  void propose_commitThatArrivesLate_isFoundAndAcknowledgedOnce() throws Exception {
    var arrived = arrived(of(ONE, ORDERS), of(TWO, ORDERS));
    try (var state = site.server()) {
      store.commitsAreLate = true;

      assertThat(propose(state, arrived)).isEqualTo(revisions(arrived));

      assertThat(store.rows).hasSize(2);
      assertThat(state.store().position()).isEqualTo(2);
    }
  }

  @Test
  void mode_ofSeveralWorkloads_isOneTransaction() throws Exception {
    try (var state = site.server()) {
      propose(state, arrived(of(ONE, ORDERS), of(TWO, ORDERS), of(THREE, ORDERS)));
      store.appends = 0;

      state.setMode(new ScopeName.Namespace("shop"), Mode.ENFORCE, "decides", "ada");

      assertThat(store.appends).isEqualTo(1);
      assertThat(store.rows).hasSize(4);
      for (var owner : List.of(ONE, TWO, THREE)) {
        assertThat(life(state, owner).enforced()).isNotNull();
      }
    }
  }

  // Vouchers.

  /** What the writer holds in memory came from no body, where all are of one environment. */
  @Test
  void vouch_ofSeveralBundles_isTheSameForTheWriterAndForWhoeverReadsIt() throws Exception {
    var qa = bundler();
    try (var state = site.server()) {
      vouch(state, qa, "qa", of(ONE, ORDERS, STOCK), of(TWO, ORDERS));
      vouch(state, qa, "staging", of(ONE, CACHE));
      vouch(state, qa, "qa", of(ONE, ORDERS));

      assertThat(vouched(state, ONE)).containsExactly("staging 5434", "qa 5432");
      assertThat(vouched(state, TWO)).containsExactly("qa 5432");
      try (var other = site.server()) {
        assertThat(other.folded()).isEqualTo(state.folded());
      }
      for (var row : store.rows) {
        var body = row.change().body();
        assertThat(AmendmentJson.write(AmendmentJson.read(row.change()))).isEqualTo(body);
      }
      assertThat(state.after(state.audit(null, 0, 10).getFirst()))
          .startsWith("1 vouchers of qa, signed by ");
      assertThat(site.audited)
          .map(entry -> entry.change() + " " + entry.subject())
          .containsExactly("import qa", "import staging", "import qa");
    }
  }

  @Test
  void vouch_ofAWorkloadThatHasNothingAnyMore_withdrawsWhatWasBefore() throws Exception {
    var qa = bundler();
    try (var state = site.server()) {
      vouch(state, qa, "staging", of(ONE, CACHE));
      vouch(state, qa, "qa", of(ONE, ORDERS), of(TWO, ORDERS));

      vouch(state, qa, "qa", of(ONE));

      assertThat(vouched(state, ONE)).containsExactly("staging 5434");
      assertThat(vouched(state, TWO)).containsExactly("qa 5432");
      try (var other = site.server()) {
        assertThat(other.folded()).isEqualTo(state.folded());
      }
    }
  }

  /** Entries had the name of where they were written, and said nothing of what was withdrawn. */
  @Test
  void vouch_afterEntriesOfEarlierVersions_takesTheirPlace() throws Exception {
    var fold = new Fold(Modes.of(List.of()), site.keys.ring());
    var earlier =
        new Amendment.Import("prod", null, "key", List.of(voucher("prod", ONE, STOCK)), List.of());
    var body = AmendmentJson.write(earlier);
    assertThat(body).startsWith("{\"environment\":\"prod\",\"keyId\":\"key\",\"vouchers\":[{");
    var another =
        new Amendment.Import("prod", null, "key", List.of(voucher("prod", TWO, STOCK)), List.of());
    fold(fold, body);
    fold(fold, AmendmentJson.write(another));
    assertThat(fold.of(ONE).vouchers()).containsExactly(voucher("prod", ONE, STOCK));
    assertThat(fold.of(TWO).vouchers()).containsExactly(voucher("prod", TWO, STOCK));

    var now =
        new Amendment.Import(
            "qa", "prod", "key", List.of(voucher("qa", ONE, ORDERS)), List.of(TWO));
    fold(fold, AmendmentJson.write(now));

    assertThat(fold.of(ONE).vouchers()).containsExactly(voucher("qa", ONE, ORDERS));
    assertThat(fold.of(TWO).vouchers()).isEmpty();
    var one = fold.replay(Standing.none(TWO), TWO, another, change(body));
    assertThat(fold.replay(one, TWO, now, change(body))).isEqualTo(fold.of(TWO));
  }

  @Test
  void import_vouchersOfAnotherEnvironment_isRefused() {
    var vouchers = List.of(voucher("qa", ONE, ORDERS));

    assertThatThrownBy(() -> new Amendment.Import("prod", null, "key", vouchers, List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("vouchers: of 'qa' (expected: of 'prod')");
  }

  private SigningKey bundler() {
    var key = ServerKeys.fresh();
    site.keys =
        new ServerKeys(
            site.keys.learner(),
            site.keys.approver(),
            List.of(),
            List.of(key.publicKey()),
            List.of());
    return key;
  }

  private static void vouch(
      ControlState state, SigningKey key, String environment, Baseline... baselines)
      throws RefusedException {
    var bundle = new Bundle(environment, Shop.NOON, Shop.NOON.plusSeconds(60), List.of(baselines));
    state.imports().vouch(Bundles.seal(bundle, key).getBytes(UTF_8), "", "release 7", "ada");
  }

  private static List<String> vouched(ControlState state, Owner owner) {
    return governed(state, owner).standing().vouchers().stream()
        .map(
            voucher -> voucher.environment() + voucher.destination().words().replaceAll(".*:", " "))
        .toList();
  }

  private static Voucher voucher(String environment, Owner owner, int port) {
    var edge = of(owner, port).edges().iterator().next();
    return new Voucher(owner, edge.process(), edge.destination(), environment, "rev");
  }

  private static Change change(String body) {
    return new Change(Shop.NOON, "ada", "release 7", "import", "*", body);
  }

  private static void fold(Fold fold, String body) {
    var change = change(body);
    fold.commit((Fold.Outcome.Taken) fold.preview(AmendmentJson.read(change), change));
  }

  private interface Doing {
    void make() throws RefusedException;
  }

  private static void unchecked(Doing change) {
    try {
      change.make();
    } catch (RefusedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String> propose(ControlState state, Imports.Arrived arrived)
      throws RefusedException {
    return state.imports().propose(arrived, "release 7", "ada");
  }

  private static GovernedWorkload governed(ControlState state, Owner owner) {
    return requireNonNull(state.governed(owner), "known");
  }

  private static Life life(ControlState state, Owner owner) {
    return governed(state, owner).standing().life();
  }

  private static Revisions.Entry revision(ControlState state, Owner owner) {
    return requireNonNull(life(state, owner).waiting(), "waiting");
  }

  private static String waiting(ControlState state, Owner owner) {
    var waiting = life(state, owner).waiting();
    return waiting == null ? "none" : waiting.baseline().revision();
  }

  private static Baseline of(Owner owner, int... ports) {
    return Baseline.of(
        owner,
        null,
        IntStream.of(ports)
            .mapToObj(
                port ->
                    Edge.learned(
                        Shop.PAYMENTS.processClass(),
                        new DestinationPattern.Exact(
                            Shop.DB.owner().toString(), Evidence.OWNER, port, Protocol.TCP)))
            .toList());
  }

  private static Imports.Arrived arrived(Baseline... baselines) {
    return new Imports.Arrived(
        new Promotion("qa", "prod", List.of(), List.of(baselines), Map.of(), List.of(), List.of()),
        "key");
  }

  private static List<String> revisions(Imports.Arrived arrived) {
    return new ArrayList<>(
        arrived.promotion().baselines().stream().map(Baseline::revision).toList());
  }
}
