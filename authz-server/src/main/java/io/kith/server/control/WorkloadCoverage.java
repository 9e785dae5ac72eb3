package io.kith.server.control;

import io.kith.baselines.change.Revisions;
import io.kith.baselines.identity.Owner;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How far learning is with a workload.
 *
 * @param since when its first pod started or spoke, or null
 * @param deficit share of the traffic that is estimated to be unseen, 0 to 1
 * @param waitsFor what is missing, in words
 * @param podsStarted pods that were seen
 * @param reviewItems edges that wait for a person
 * @param dropped connections of edges beyond what is remembered
 * @param unread connections that were not learned from
 * @param newest the revision that waits, else the enforced one, or null
 */
public record WorkloadCoverage(
    Owner owner,
    @Nullable Instant since,
    double deficit,
    List<String> waitsFor,
    int podsStarted,
    int approved,
    int candidates,
    int observed,
    int quarantined,
    int reviewItems,
    long dropped,
    long unread,
    int vouchers,
    WorkloadState.Stage stage,
    Revisions.@Nullable Entry newest) {
  public WorkloadCoverage {
    waitsFor = List.copyOf(waitsFor);
  }
}
