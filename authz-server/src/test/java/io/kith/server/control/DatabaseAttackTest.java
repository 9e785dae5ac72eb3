package io.kith.server.control;

import static io.kith.server.control.Shop.CHECKOUT;
import static io.kith.server.control.Shop.CURL;
import static io.kith.server.control.Shop.DROPPED;
import static io.kith.server.control.Shop.PAYMENTS;
import static io.kith.server.control.Shop.database;
import static io.kith.server.control.Shop.elsewhere;
import static io.kith.server.control.Shop.flow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.bundle.Seals;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.store.Change;
import io.kith.server.store.SqliteStore;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Somebody who can write to the database wants to write policy (research: hazards, 1.9).
 *
 * <p>The server has a real SQLite file and enforces what payments does; its approver's key is not
 * on the server. The intruder writes rows by SQL; later it has the server's own key as well, the
 * learner's, which counts for what stays in the mesh and no further.
 */
@Timeout(600)
class DatabaseAttackTest {
  private static final Owner OWNER = CHECKOUT.owner();
  private static final ScopeName ONE = new ScopeName.One(OWNER);
  private static final SigningKey APPROVER = ServerKeys.fresh();
  private static final Edge OUTSIDE =
      Edge.learned(PAYMENTS.processClass(), Exact.of(elsewhere().destination()));

  @TempDir private Path folder;
  private SqliteStore store;
  private Site site;
  private ControlState state;

  @BeforeEach
  void enforceWhatPaymentsDoes() throws Exception {
    store = SqliteStore.open(file());
    site =
        new Site(
            store,
            new ServerKeys(
                ServerKeys.fresh(), null, List.of(APPROVER.publicKey()), List.of(), List.of()));
    state = site.server();
    site.check(state, flow(database(), PAYMENTS));
    state.finishTestRun(OWNER, "suite passed", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");
  }

  @AfterEach
  void stop() {
    state.close();
    store.close();
  }

  private Path file() {
    return folder.resolve("kith.db");
  }

  private void sql(String text) throws SQLException {
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file());
        var statement = connection.createStatement()) {
      assertThat(statement.executeUpdate(text)).as(text).isPositive();
    }
  }

  private void restart() throws Exception {
    state.close();
    state = site.server();
  }

  private void assertNothingIsOpen() {
    assertThat(site.reason(state, flow(elsewhere(), PAYMENTS))).isNotEqualTo("allowed");
    assertThat(site.reason(state, flow(database(), CURL))).isNotEqualTo("allowed");
    assertThat(site.reason(state, flow(database(), DROPPED))).isNotEqualTo("allowed");
  }

  // with SQL alone

  @ParameterizedTest
  @ValueSource(
      strings = {
        "update kith_change set body = replace(body, '/app/payments', '/usr/bin/curl')"
            + " where position = 1",
        "update kith_change set body = replace(body, 'enforce', 'observe') where position = 2",
        "update kith_change set at = '2020-01-01T00:00:00Z' where position = 2",
        "update kith_change set subject = 'shop/deployment/catalog' where position = 2",
        "update kith_change set seal = (select seal from kith_change where position = 1)"
            + " where position = 2",
        "insert into kith_change select 3, at, 'ada', 'again', kind, subject, body, seal"
            + " from kith_change where position = 1",
      })
  void sql_rowsThatAreChangedOrCopied_areNotApplied_norWhatFollows(String attack) throws Exception {
    sql(attack);

    restart();

    assertThat(state.store().problem())
        .matches("(?s)change \\d: .*")
        .endsWith("(the state before it stays in force; restore the log of the store)");
    assertThatThrownBy(() -> state.setMode(ONE, Mode.SHADOW, "look", "ada"))
        .isInstanceOf(RefusedException.class)
        .hasMessageStartingWith("nothing was changed: change ");
    if (state.store().position() == 2) { // all of the good log was read
      assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
      assertNothingIsOpen();
    }
  }

  @Test
  void sql_aRuleOfItsOwn_sealedWithAKeyOfItsOwn_isNotApplied_andALiveServerGoesOnAsBefore()
      throws Exception {
    write(ServerKeys.fresh(), new Amendment.Allow(OWNER, byHand(OUTSIDE, null), null));

    assertThatThrownBy(() -> state.setMode(ONE, Mode.SHADOW, "look", "ada"))
        .hasMessageContaining("change 3: it is sealed by 'ed25519:");

    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
    assertThat(site.reason(state, flow(database(), PAYMENTS))).isEqualTo("allowed");
    assertNothingIsOpen();
  }

  @Test
  void sql_theEndCutOff_orAnOlderFilePutBack_isNoticedByTheMark() throws Exception {
    site.mark = new HighWaterMark(folder.resolve("log.mark"));
    restart();
    state.close();
    sql("delete from kith_change where position = 2");

    assertThatThrownBy(() -> site.server().close())
        .hasMessageContaining("its end was cut off or an older log was put back");
  }

  // with the learner's key as well

  /** Appends an entry as a server would. */
  private void write(SigningKey key, Amendment amendment) throws Exception {
    var last = store.after(0, 100).getLast();
    var change =
        new Change(
            site.clock.instant(),
            "ada",
            "all is well",
            amendment.kind(),
            amendment.subject(),
            AmendmentJson.write(amendment));
    assertThat(store.append(Seals.seal(last.seal(), last.position() + 1, change, key))).isTrue();
  }

  private static Edge byHand(
      Edge edge, java.time.@org.jspecify.annotations.Nullable Instant until) {
    return Edge.byHand(
        edge.process(),
        edge.destination(),
        null,
        null,
        new Provenance.ByHand("ada", "all is well", until));
  }

  private void assertRefused(Amendment amendment, String why) throws Exception {
    write(site.keys.learner(), amendment);
    restart();
    assertThat(state.store().problem()).startsWith("change 3: ").contains(why);
    assertThat(state.snapshot(CHECKOUT).mode()).isEqualTo(Mode.ENFORCE);
    assertNothingIsOpen();
  }

  @Test
  void learnersKey_aRuleThatLeavesTheMesh_needsAnApprover() throws Exception {
    assertRefused(new Amendment.Allow(OWNER, byHand(OUTSIDE, null), null), "no approver signed it");
  }

  @Test
  void learnersKey_anApprovalOfItsOwn_isNone() throws Exception {
    var edge = byHand(OUTSIDE, null);
    var own = SignedBaseline.approve(OWNER, List.of(edge), site.keys.learner());

    assertRefused(new Amendment.Allow(OWNER, edge, own), "no approver signed it");
  }

  /** The guard's reopening was taken on trust: any edge, for ever. */
  @Test
  void learnersKey_inTheGuardsName_reopensOnlyWhatWasApproved() throws Exception {
    var soon = site.clock.instant().plus(Duration.ofHours(1));
    var revision = enforced();

    assertRefused(
        new Amendment.Reopen(OWNER, revision, byHand(OUTSIDE, soon)), "was never approved");
  }

  @Test
  void learnersKey_inTheGuardsName_reopensForAnHour() throws Exception {
    assertRefused(
        new Amendment.Reopen(OWNER, enforced(), byHand(OUTSIDE, null)),
        "would be reopened for more than an hour");
  }

  @Test
  void learnersKey_aRevisionThatLeavesTheMesh_maySignIt_butNotPutItInForce() throws Exception {
    var wider = Baseline.of(OWNER, enforced(), List.of(OUTSIDE));
    var signed = SignedBaseline.sign(wider, site.keys.learner(), List.of());
    write(site.keys.learner(), new Amendment.Propose(OWNER, signed));
    write(
        site.keys.learner(),
        new Amendment.SetMode(
            ONE,
            Mode.ENFORCE,
            List.of(new Amendment.SetMode.Step(OWNER, wider.revision(), List.of()))));

    restart();

    assertThat(state.store().problem())
        .startsWith("change 4: ")
        .contains(wider.revision() + " may not decide: 1 without an approver's signature");
    assertNothingIsOpen();
  }

  // who may

  @Test
  void aPerson_withTheApproversKey_opensIt_andAnotherServerTakesItOver() throws Exception {
    var denied = site.check(state, flow(elsewhere(), PAYMENTS));
    var prepared = state.rules().prepare(OWNER, denied.decisionId(), null, "CHG-1", "ada");
    var word = SignedBaseline.approve(OWNER, List.of(prepared.edge()), APPROVER);

    state.rules().allow(OWNER, denied.decisionId(), null, word, "CHG-1", "ada");

    assertThat(site.reason(state, flow(elsewhere(), PAYMENTS))).isEqualTo("allowed");
    restart();
    assertThat(state.store().problem()).isNull();
    assertThat(site.reason(state, flow(elsewhere(), PAYMENTS))).isEqualTo("allowed");
  }

  @Test
  void theLearner_withItsKey_addsWhatStaysInTheMesh() throws Exception {
    site.check(state, flow(database(), CURL));
    var curl =
        state.edges(OWNER).stream()
            .filter(edge -> edge.edge().process().equals(CURL.processClass()))
            .findFirst()
            .orElseThrow();
    state.baselines().approveEdges(OWNER, java.util.Set.of(curl.edge().id()), "CHG-2", "ada");
    state.setMode(ONE, Mode.ENFORCE, "ready", "ada");

    restart();

    assertThat(site.reason(state, flow(database(), CURL))).isEqualTo("allowed");
  }

  private String enforced() throws Exception {
    return state.reports().revision(OWNER, null).entry().baseline().revision();
  }
}
