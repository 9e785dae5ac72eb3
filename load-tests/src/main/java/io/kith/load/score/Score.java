package io.kith.load.score;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The figures of one replay; add every flow with its verdict, then read. */
final class Score {
  private final double judgeFrom;
  private final double upgrade;
  private long judged;
  private long enforced;
  private long falseDenials;
  private long afterUpgrade;
  private long deniedAfterUpgrade;
  private final Map<String, Long> falseByType = new TreeMap<>();
  private final Map<String, long[]> apart = new TreeMap<>();
  private final Map<String, Case> attacks = new TreeMap<>();
  private final Map<String, Case> poison = new TreeMap<>();
  private final List<String> examples = new ArrayList<>();

  /** An attack: stopped when every flow of it is denied. */
  private static final class Case {
    final String type;
    final boolean claimed;
    int flows;
    int passed;

    Case(String type, boolean claimed) {
      this.type = type;
      this.claimed = claimed;
    }
  }

  /**
   * A score.
   *
   * @param judgeFrom seconds since the epoch; earlier benign flows are learning
   * @param upgrade when the versions changed, or NaN
   */
  Score(double judgeFrom, double upgrade) {
    this.judgeFrom = judgeFrom;
    this.upgrade = upgrade;
  }

  void add(Truth truth, boolean isEnforced, boolean isDenied, String words) {
    if (truth.attack()) {
      attack(truth, isDenied);
      return;
    }
    if (truth.time() < judgeFrom) {
      return;
    }
    if (!truth.isOrdinary()) {
      var counts = apart.computeIfAbsent(truth.type(), _ -> new long[2]);
      counts[0]++;
      counts[1] += isDenied ? 1 : 0;
      return;
    }
    judged++;
    enforced += isEnforced ? 1 : 0;
    if (isDenied) {
      falseDenials++;
      falseByType.merge(truth.type(), 1L, Long::sum);
      if (examples.size() < 40) {
        examples.add(truth.type() + " " + words);
      }
    }
    if (truth.time() >= upgrade && truth.time() < upgrade + 86_400) {
      afterUpgrade++;
      deniedAfterUpgrade += isDenied ? 1 : 0;
    }
  }

  private void attack(Truth truth, boolean isDenied) {
    if ("learn".equals(truth.phase())) {
      return;
    }
    var cases = "after".equals(truth.phase()) ? poison : attacks;
    var one =
        cases.computeIfAbsent(
            String.valueOf(truth.testCase()), _ -> new Case(truth.type(), truth.isClaimed()));
    one.flows++;
    one.passed += isDenied ? 0 : 1;
  }

  double falsePerTenThousand() {
    return judged == 0 ? 0 : falseDenials * 10_000.0 / judged;
  }

  long falseDenials() {
    return falseDenials;
  }

  long judged() {
    return judged;
  }

  double protectedShare() {
    return judged == 0 ? 0 : enforced / (double) judged;
  }

  double keptAfterUpgrade() {
    return afterUpgrade == 0 ? Double.NaN : 1 - deniedAfterUpgrade / (double) afterUpgrade;
  }

  Map<String, Long> falseByType() {
    return falseByType;
  }

  /** Seen and denied, by class. */
  Map<String, long[]> apart() {
    return apart;
  }

  List<String> examples() {
    return examples;
  }

  /** Stopped and all, by class and as {@code all}. */
  Map<String, int[]> stopped() {
    var byType = new TreeMap<String, int[]>();
    for (var one : attacks.values()) {
      var counted = one.claimed ? List.of(one.type, "all") : List.of(one.type + " (not claimed)");
      for (var type : counted) {
        var counts = byType.computeIfAbsent(type, _ -> new int[2]);
        counts[0] += one.passed == 0 ? 1 : 0;
        counts[1]++;
      }
    }
    return byType;
  }

  List<String> missed() {
    return missed(attacks);
  }

  List<String> poisonMissed() {
    return missed(poison);
  }

  private static List<String> missed(Map<String, Case> cases) {
    var missed = new HashMap<String, Case>(cases);
    missed.values().removeIf(one -> one.passed == 0 || !one.claimed);
    return missed.entrySet().stream()
        .map(
            entry ->
                entry.getKey()
                    + " ("
                    + entry.getValue().type
                    + ", "
                    + entry.getValue().passed
                    + " of "
                    + entry.getValue().flows
                    + " flows passed)")
        .sorted()
        .toList();
  }

  int poisonStopped() {
    return (int) poison.values().stream().filter(one -> one.passed == 0).count();
  }

  int poisonCases() {
    return poison.size();
  }
}
