package io.kith.load.score;

import static org.assertj.core.api.Assertions.assertThat;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ScoreTest {
  private final Score score = new Score(1_000, 2_000);

  @Test
  void add_benign_countsFromTheDayOfJudgementAndWithoutWhatIsReportedApart() {
    score.add(benign(999, "steady"), true, true, "");
    score.add(benign(1_000, "steady"), true, true, "");
    score.add(benign(1_001, "steady"), true, false, "");
    score.add(benign(1_002, "steady"), false, false, "");
    score.add(benign(1_003, "steady"), true, false, "");
    score.add(benign(1_004, "admin-debug"), true, true, "");

    assertThat(score.judged()).isEqualTo(4);
    assertThat(score.falsePerTenThousand()).isEqualTo(2_500);
    assertThat(score.protectedShare()).isEqualTo(0.75);
    assertThat(score.apart().get("admin-debug")).containsExactly(1, 1);
  }

  @Test
  void add_upgrade_keepsTheDayAfterIt() {
    score.add(benign(2_000, "steady"), true, true, "");
    score.add(benign(2_001, "steady"), true, false, "");
    score.add(benign(2_000 + 86_400, "steady"), true, true, "");

    assertThat(score.keptAfterUpgrade()).isEqualTo(0.5);
  }

  @Test
  void add_attack_isStoppedWhenEveryFlowIsDenied() {
    score.add(attack("A", "A1", null, "deny"), true, true, "");
    score.add(attack("A", "A1", null, "deny"), true, true, "");
    score.add(attack("B", "B1", null, "deny"), true, true, "");
    score.add(attack("B", "B1", null, "deny"), true, false, "");
    score.add(attack("D", "D1", null, "undetectable"), true, false, "");
    score.add(attack("B", "P1", "learn", "deny"), false, false, "");
    score.add(attack("B", "P1", "after", "deny"), true, true, "");

    assertThat(score.stopped().get("all")).containsExactly(1, 2);
    assertThat(score.stopped().get("A")).containsExactly(1, 1);
    assertThat(score.stopped().get("B")).containsExactly(0, 1);
    assertThat(score.stopped().get("D (not claimed)")).containsExactly(0, 1);
    assertThat(score.missed()).containsExactly("B1 (B, 1 of 2 flows passed)");
    assertThat(score.poisonStopped()).isEqualTo(1);
    assertThat(score.poisonCases()).isEqualTo(1);
  }

  private static Truth benign(double time, String type) {
    return new Truth(time, "app", false, type, null, "allow", null);
  }

  private static Truth attack(
      String type, String testCase, @Nullable String phase, String expected) {
    return new Truth(1_500, "app", true, type, testCase, expected, phase);
  }
}
