package io.kith.baselines.replay;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What came of a replay. */
public record ReplaySummary(
    long flows, long denied, Map<String, Long> byReason, List<WorkloadSummary> workloads) {
  public ReplaySummary {
    workloads = List.copyOf(workloads);
  }

  /**
   * What came of one workload.
   *
   * @param readyAfter seconds from its start to its baseline, or null while it learns
   * @param waitedFor in words, what it waits for, or waited for last
   * @param edges by state
   * @param reviews items that were opened
   * @param dropped connections of edges that were not remembered
   */
  public record WorkloadSummary(
      String app,
      @Nullable Double readyAfter,
      List<String> waitedFor,
      Map<String, Integer> edges,
      Map<String, Long> byReason,
      int reviews,
      int openReviews,
      long dropped) {
    public WorkloadSummary {
      waitedFor = List.copyOf(waitedFor);
    }
  }
}
