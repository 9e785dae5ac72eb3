package io.kith.baselines.decision;

import static io.kith.baselines.decision.Decider.decide;
import static io.kith.baselines.decision.Flows.CACHE;
import static io.kith.baselines.decision.Flows.DB;
import static io.kith.baselines.decision.Flows.NOON;
import static io.kith.baselines.decision.Flows.by;
import static io.kith.baselines.decision.Flows.flow;
import static io.kith.baselines.decision.Flows.learned;
import static io.kith.baselines.decision.Flows.program;
import static io.kith.baselines.decision.Flows.rules;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.Rung;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is applied, and what is told, under each mode. */
class ModeTest {
  private static final Candidate APP = program("/app");
  private static final Snapshot.Rules TO_DB = rules(learned(APP, DB));
  private static final Snapshot.Rules TO_CACHE = rules(learned(APP, CACHE));
  private static final Attribution NOBODY = new Attribution.Unattributed(Rung.NONE, List.of("x"));

  /**
   * A flow to the database. Columns: mode; where the enforced and the proposed revision lead, or
   * nothing without one; the verdict that is applied and the edge that it names; the shadow
   * verdict; the revision in the record.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      textBlock =
          """
          OBSERVE | -     | -     | allow    | -     | -
          OBSERVE | db    | -     | allow db | -     | db
          OBSERVE | cache | -     | allow    | -     | cache
          OBSERVE | -     | db    | allow db | allow | db
          OBSERVE | -     | cache | allow    | deny  | cache
          OBSERVE | cache | db    | allow db | allow | db
          OBSERVE | db    | cache | allow    | deny  | cache
          SHADOW  | -     | -     | allow    | -     | -
          SHADOW  | db    | -     | allow db | allow | db
          SHADOW  | cache | -     | allow    | deny  | cache
          SHADOW  | -     | db    | allow db | allow | db
          SHADOW  | cache | db    | allow db | allow | db
          SHADOW  | db    | cache | allow    | deny  | cache
          ENFORCE | db    | -     | allow db | -     | db
          ENFORCE | cache | -     | deny     | -     | cache
          ENFORCE | db    | cache | allow db | deny  | db
          ENFORCE | cache | db    | deny     | allow | cache
          """)
  void decide_underEachMode(
      Mode mode,
      @Nullable String enforced,
      @Nullable String proposed,
      String applied,
      @Nullable String shadow,
      @Nullable String revision) {
    var snapshot = new Snapshot(mode, false, leadingTo(enforced), leadingTo(proposed));

    var decision = decide(snapshot, flow(APP, DB), NOON);

    assertThat(words(decision.applied())).isEqualTo(applied);
    assertThat(decision.shadow() == null ? null : decision.shadow().word()).isEqualTo(shadow);
    var recorded = leadingTo(revision);
    assertThat(decision.revision()).isEqualTo(recorded == null ? null : recorded.revision());
    assertThat(decision.mode()).isEqualTo(mode);
    assertThat(decision.subject()).isEqualTo(APP);
  }

  private static Snapshot.@Nullable Rules leadingTo(@Nullable String where) {
    return where == null ? null : where.equals("db") ? TO_DB : TO_CACHE;
  }

  private static String words(Verdict verdict) {
    return switch (verdict) {
      case Allow(var edge) -> edge == null ? "allow" : "allow db";
      case Deny _ -> "deny";
    };
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void decide_aProcessThatIsNotKnown_hasNoSubject(Mode mode) {
    var decision = decide(new Snapshot(mode, false, TO_DB, null), flow(NOBODY, DB), NOON);

    assertThat(decision.subject()).isNull();
    assertThat(decision.applied().word()).isEqualTo(mode == Mode.ENFORCE ? "deny" : "allow");
  }

  @Test
  void decide_severalCandidatesThatMayAll_theFirstIsTheSubject() {
    var helper = program("/helper");
    var both = rules(learned(APP, DB), learned(helper, DB));
    var snapshot = new Snapshot(Mode.ENFORCE, false, both, null);

    var decision = decide(snapshot, flow(by(helper, APP), DB), NOON);

    assertThat(decision.applied()).isEqualTo(new Allow(learned(helper, DB)));
    assertThat(decision.subject()).isEqualTo(helper);
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void decide_severalCandidatesOfWhichOneMayNot_itIsTheSubject(Mode mode) {
    var stranger = program("/stranger");

    var decision =
        decide(new Snapshot(mode, false, TO_DB, null), flow(by(APP, stranger), DB), NOON);

    assertThat(decision.subject()).isEqualTo(stranger);
  }

  @Test
  void snapshot_toEnforceWithoutABaseline_isRefused() {
    assertThatThrownBy(() -> new Snapshot(Mode.ENFORCE, false, null, TO_DB))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("mode: enforce (expected: a baseline to enforce first)");
  }

  @Test
  void flagged_isOnlyWhatAGraceAllows() {
    assertThat(decide(Snapshot.observing(), flow(APP, DB), NOON).flagged()).isFalse();
    assertThat(decide(enforcing(), flow(APP, DB), NOON).flagged()).isFalse();
    assertThat(decide(enforcing(), flow(APP, CACHE), NOON).flagged()).isFalse();
  }

  private static Snapshot enforcing() {
    return new Snapshot(Mode.ENFORCE, false, TO_DB, null);
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void parse_readsTheWordOfEachMode(Mode mode) {
    assertThat(Mode.parse(mode.word())).isEqualTo(mode);
    assertThat(mode.word()).isEqualTo(mode.toString().toLowerCase(java.util.Locale.ROOT));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Enforce", "ENFORCE", "enforced", "off"})
  void parse_anythingElse_isRefused(String text) {
    assertThatThrownBy(() -> Mode.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("mode: '" + text + "' (expected: observe, shadow or enforce)");
  }
}
