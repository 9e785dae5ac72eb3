package io.kith.baselines.change;

import static io.kith.baselines.change.Edges.APP_TO_API;
import static io.kith.baselines.change.Edges.APP_TO_CART;
import static io.kith.baselines.change.Edges.APP_TO_DB;
import static io.kith.baselines.change.Edges.baseline;
import static io.kith.baselines.change.RevisionState.DRAFT;
import static io.kith.baselines.change.RevisionState.ENFORCED;
import static io.kith.baselines.change.RevisionState.PROPOSED;
import static io.kith.baselines.change.RevisionState.SHADOW;
import static io.kith.baselines.change.RevisionState.SUPERSEDED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.kith.baselines.change.Revisions.Step;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.identity.Owner;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class RevisionsTest {
  private static final Instant NOON = Instant.parse("2026-11-25T12:00:00Z");
  private static final Baseline ONE = baseline(null, APP_TO_DB);
  private static final Baseline TWO = baseline(ONE, APP_TO_DB, APP_TO_CART);
  private static final Baseline THREE = baseline(TWO, APP_TO_DB, APP_TO_API);

  @Test
  void steps_fromDraftToEnforced_areTakenOneByOne() {
    var drafted = taken(none().draft(ONE, NOON, "learner", "covered"));
    var proposed = taken(drafted.propose(ONE.revision(), NOON, "learner", "covered"));
    var shadow = taken(proposed.shadow(ONE.revision(), NOON, "kith", "automatic"));
    var enforced = taken(shadow.enforce(ONE.revision(), NOON.plusSeconds(9), "ada", "reviewed"));

    assertThat(List.of(drafted, proposed, shadow, enforced))
        .extracting(revisions -> revisions.entries().getFirst().state())
        .containsExactly(DRAFT, PROPOSED, SHADOW, ENFORCED);
    assertThat(enforced.in(ENFORCED))
        .isEqualTo(
            new Revisions.Entry(
                ONE, ENFORCED, NOON.plusSeconds(9), "ada", "reviewed", true, false));
  }

  @Test
  void steps_outOfOrder_areRefusedWithWhatIsMissing() {
    var drafted = taken(none().draft(ONE, NOON, "learner", "covered"));
    var id = ONE.revision();

    assertThat(drafted.enforce(id, NOON, "ada", "x"))
        .isEqualTo(new Step.Refused(id + " is draft (expected: shadow, to become enforced)"));
    assertThat(drafted.shadow(id, NOON, "ada", "x"))
        .isEqualTo(new Step.Refused(id + " is draft (expected: proposed, to become shadow)"));
    assertThat(drafted.propose("bl:0", NOON, "ada", "x"))
        .isEqualTo(new Step.Refused("'bl:0' is not a revision of this workload (see show)"));
    assertThat(enforced(ONE).propose(id, NOON, "ada", "x"))
        .isEqualTo(new Step.Refused(id + " is enforced (expected: draft, to become proposed)"));
  }

  @Test
  void enforce_theNextRevision_supersedesTheOneBefore() {
    var revisions = enforced(ONE, TWO);

    assertThat(stateOf(revisions, ONE)).isEqualTo(SUPERSEDED);
    assertThat(stateOf(revisions, TWO)).isEqualTo(ENFORCED);
  }

  @Test
  void draft_thatFollowsAnotherThanTheEnforced_isRefused() {
    assertThat(enforced(ONE).draft(THREE, NOON, "learner", "x"))
        .isEqualTo(
            new Step.Refused(
                THREE.revision()
                    + " follows "
                    + TWO.revision()
                    + ", but "
                    + ONE.revision()
                    + " is enforced (draft again from there)"));
    assertThat(none().draft(TWO, NOON, "learner", "x")).isInstanceOf(Step.Refused.class);
  }

  @Test
  void draft_ofAnotherWorkloadOrTheSameAgain_isRefused() {
    var other = Baseline.of(Owner.parse("a/b/c"), null, List.of());

    assertThat(none().draft(other, NOON, "x", "x"))
        .isEqualTo(
            new Step.Refused(
                other.revision() + " is of a/b/c (expected: of shop/deployment/checkout)"));
    assertThat(taken(none().draft(ONE, NOON, "x", "x")).draft(ONE, NOON, "x", "x"))
        .isEqualTo(
            new Step.Refused(
                ONE.revision() + " is draft already (nothing to do, it has the same edges)"));
  }

  @Test
  void draft_aRejectedRevisionAgain_isADraftAgain() {
    var drafted = taken(none().draft(ONE, NOON, "x", "x"));
    var rejected = taken(drafted.reject(ONE.revision(), NOON, "ada", "not now"));

    var again = taken(rejected.draft(ONE, NOON, "x", "x"));

    assertThat(stateOf(rejected, ONE)).isEqualTo(SUPERSEDED);
    assertThat(stateOf(again, ONE)).isEqualTo(DRAFT);
    assertThat(again.entries()).hasSize(1);
  }

  /** Forgotten with the next draft, the guard reopened what a person had left. */
  @Test
  void leftByAPerson_staysSoThroughLaterDrafts_untilItDecidesAgain() {
    var back = taken(enforced(ONE, TWO).rollback(NOON, "ada", "checkout broke"));
    var other = baseline(ONE, APP_TO_DB, APP_TO_API);
    var id = TWO.revision();
    assertThat(isLeft(enforced(ONE, TWO), ONE)).as("followed by another").isFalse();
    assertThat(isLeft(back, TWO)).isTrue();
    assertThat(isLeft(back, ONE)).as("decides again").isFalse();

    var drafted = taken(back.draft(TWO, NOON, "x", "x"));
    var later = taken(drafted.draft(other, NOON, "x", "x"));
    var rejected = taken(drafted.reject(id, NOON, "ada", "not now"));
    var proposed = taken(drafted.propose(id, NOON, "x", "x"));
    var shadow = taken(proposed.shadow(id, NOON, "x", "x"));
    var enforced = taken(shadow.enforce(id, NOON, "x", "x"));

    assertThat(List.of(drafted, later, rejected, proposed, shadow))
        .allMatch(revisions -> isLeft(revisions, TWO));
    assertThat(isLeft(later, other)).isFalse();
    assertThat(isLeft(enforced, TWO)).isFalse();
    var noted = taken(none().draft(ONE, NOON, "x", "rejected: x"));
    assertThat(isLeft(noted, ONE)).as("by the words of a note").isFalse();
  }

  private static boolean isLeft(Revisions revisions, Baseline baseline) {
    return Objects.requireNonNull(revisions.of(baseline.revision())).leftByAPerson();
  }

  @Test
  void draft_aLaterOne_takesThePlaceOfTheEarlier() {
    var other = baseline(null, APP_TO_CART);
    var revisions = taken(taken(none().draft(ONE, NOON, "x", "x")).draft(other, NOON, "x", "x"));

    assertThat(stateOf(revisions, ONE)).isEqualTo(SUPERSEDED);
    assertThat(stateOf(revisions, other)).isEqualTo(DRAFT);
  }

  @Test
  void rollback_returnsToTheParentInOneStep_andTwiceToItsParent() {
    var revisions = enforced(ONE, TWO, THREE);

    var once = taken(revisions.rollback(NOON, "ada", "checkout broke"));
    var twice = taken(once.rollback(NOON, "ada", "still broken"));

    assertThat(Objects.requireNonNull(once.in(ENFORCED)).baseline()).isEqualTo(TWO);
    assertThat(Objects.requireNonNull(once.in(ENFORCED)).why())
        .isEqualTo("rolled back: checkout broke");
    assertThat(stateOf(once, THREE)).isEqualTo(SUPERSEDED);
    assertThat(Objects.requireNonNull(twice.in(ENFORCED)).baseline()).isEqualTo(ONE);
  }

  @Test
  void rollback_supersedesWhatFollowedTheRevisionThatIsLeft() {
    var drafted = taken(enforced(ONE, TWO).draft(THREE, NOON, "x", "x"));
    var shadow =
        taken(
            taken(drafted.propose(THREE.revision(), NOON, "x", "x"))
                .shadow(THREE.revision(), NOON, "x", "x"));

    var back = taken(shadow.rollback(NOON, "ada", "x"));

    assertThat(stateOf(back, THREE)).isEqualTo(SUPERSEDED);
    assertThat(back.enforce(THREE.revision(), NOON, "ada", "x")).isInstanceOf(Step.Refused.class);
  }

  @Test
  void rollback_ofTheFirst_isRefusedAndSaysWhatToDo() {
    assertThat(none().rollback(NOON, "ada", "x"))
        .isEqualTo(new Step.Refused("nothing is enforced (nothing to roll back)"));
    assertThat(enforced(ONE).rollback(NOON, "ada", "x"))
        .isEqualTo(
            new Step.Refused(
                ONE.revision()
                    + " is the first that was enforced (set the mode to observe or shadow"
                    + " instead)"));
  }

  @Test
  void reject_whatIsEnforced_isRefused() {
    assertThat(enforced(ONE).reject(ONE.revision(), NOON, "ada", "x"))
        .isEqualTo(new Step.Refused(ONE.revision() + " is enforced (roll back instead)"));
  }

  @Test
  void steps_withoutAReason_areABug() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> none().draft(ONE, NOON, "ada", " "))
        .withMessage("why: blank (expected: the reason for the step)");
  }

  private static Revisions none() {
    return Revisions.none(Edges.CHECKOUT);
  }

  private static Revisions enforced(Baseline... baselines) {
    var revisions = none();
    for (var baseline : baselines) {
      var id = baseline.revision();
      revisions = taken(revisions.draft(baseline, NOON, "learner", "x"));
      revisions = taken(revisions.propose(id, NOON, "learner", "x"));
      revisions = taken(revisions.shadow(id, NOON, "kith", "x"));
      revisions = taken(revisions.enforce(id, NOON, "ada", "x"));
    }
    return revisions;
  }

  private static RevisionState stateOf(Revisions revisions, Baseline baseline) {
    return Objects.requireNonNull(revisions.of(baseline.revision())).state();
  }

  private static Revisions taken(Step step) {
    assertThat(step).isInstanceOf(Step.Taken.class);
    return ((Step.Taken) step).revisions();
  }
}
