package io.kith.load.soak;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;

/**
 * What was seen in one window of a soak.
 *
 * @param run of the server, from 1: one that is resumed has another process
 * @param second of that run, at the end of the window
 * @param checks answered
 * @param wrong verdicts that were not what they had to be
 * @param unanswered Checks whose time was up
 * @param residentKib of the server, before its garbage is collected
 * @param heapKib in use after that
 * @param files that it has open
 * @param connections of sidecars that were opened, renewed ones included
 * @param changes of rules and modes that were made and seen
 * @param bridges that were ended and came back
 */
@JsonPropertyOrder({"run", "second"})
record SoakWindow(
    @JsonProperty("run") int run,
    @JsonProperty("second") double second,
    @JsonProperty("checks") long checks,
    @JsonProperty("wrong") long wrong,
    @JsonProperty("unanswered") long unanswered,
    @JsonProperty("p50_us") double p50Micros,
    @JsonProperty("p99_us") double p99Micros,
    @JsonProperty("resident_kib") long residentKib,
    @JsonProperty("heap_kib") long heapKib,
    @JsonProperty("files") int files,
    @JsonProperty("threads") int threads,
    @JsonProperty("connections") int connections,
    @JsonProperty("changes") int changes,
    @JsonProperty("bridges") int bridges) {
  /** Verdicts that were wrong, as soon as they are seen: nothing else of their window. */
  static SoakWindow ofWrong(int run, double second, long count) {
    return new SoakWindow(run, second, 0, count, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  }

  /** Whether it tells how the server was. */
  boolean isMeasured() {
    return residentKib > 0;
  }
}
