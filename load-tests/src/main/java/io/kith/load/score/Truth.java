package io.kith.load.score;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is known about a flow by those who made the log.
 *
 * @param type class of a benign flow or of an attack
 * @param testCase attacks only
 * @param phase {@code learn} or {@code after} for poison, else null
 */
record Truth(
    double time,
    String app,
    boolean attack,
    String type,
    @Nullable String testCase,
    @Nullable String expected,
    @Nullable String phase) {
  /** Benign flows whose denial is reported apart. */
  private static final Set<String> APART =
      Set.of("admin-debug", "webhook-unbounded", "degraded-host", "degraded-process");

  static Truth of(JsonNode flow) {
    var truth = flow.path("truth");
    return new Truth(
        flow.path("t").asDouble(),
        flow.path("app").asText(),
        truth.path("label").asText().equals("attack"),
        truth.path("class").asText(),
        text(truth, "case"),
        text(truth, "expected"),
        text(truth, "phase"));
  }

  private static @Nullable String text(JsonNode node, String field) {
    return node.path(field).isTextual() ? node.path(field).asText() : null;
  }

  /** Counts as a false denial when it is denied. */
  boolean isOrdinary() {
    return !attack && !APART.contains(type) && !type.startsWith("degraded");
  }

  /** An attack that flows can show. */
  boolean isClaimed() {
    return attack && !"undetectable".equals(expected) && !"not-visible".equals(expected);
  }
}
