package io.kith.load.demo;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;

/** What the demo found, as its last line under {@code -o json}. */
record DemoReport(
    String envoy,
    String rung,
    @JsonProperty("learned_edges") int learnedEdges,
    Benign benign,
    List<AttackReport> attacks,
    @JsonProperty("allowed_then_expired") boolean allowedThenExpired,
    @JsonProperty("traces_found") int tracesFound,
    long seconds) {

  record Benign(long checked, long denied) {}

  record AttackReport(
      String name, boolean denied, String reason, @JsonProperty("trace_id") String traceId) {}

  DemoReport {
    attacks = List.copyOf(attacks);
  }

  /**
   * Whether all of it held.
   *
   * @param withTraces traces were looked for
   */
  boolean holds(boolean withTraces) {
    return learnedEdges > 0
        && benign.checked > 0
        && benign.denied == 0
        && !attacks.isEmpty()
        && attacks.stream().allMatch(AttackReport::denied)
        && allowedThenExpired
        && (!withTraces || tracesFound >= attacks.size());
  }

  String json() {
    try {
      return new ObjectMapper().writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a record of numbers and texts", e);
    }
  }
}
