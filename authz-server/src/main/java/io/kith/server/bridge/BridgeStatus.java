package io.kith.server.bridge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.process.Rung;
import java.time.Instant;
import java.util.List;

/**
 * How an attached bridge is doing, for people.
 *
 * @param version of the bridge
 * @param rung the best that its node can do; {@link Rung#NONE} until it said so
 * @param problems why the rung is not higher, and why no pod is guarded; may be empty
 * @param canaryOk its last connection to itself was found again
 * @param pods that it answers for
 * @param refusedAddresses addresses that it claims and another bridge holds
 * @param waiting questions that it has not answered yet
 * @param containers of its node
 */
public record BridgeStatus(
    String node,
    String version,
    Instant attachedSince,
    Rung rung,
    List<String> problems,
    boolean canaryOk,
    int pods,
    List<String> refusedAddresses,
    int waiting,
    long connectsSeen,
    long entriesCapacity,
    Containers containers) {
  /**
   * How the containers of a node are described.
   *
   * @param described by a runtime that the kernel agrees with
   * @param failures questions that no runtime answered, since the bridge started
   * @param contradictions answers that the kernel contradicts, since the bridge started
   */
  public record Containers(long described, long notDescribed, long failures, long contradictions) {}

  public BridgeStatus {
    requireNonNull(containers, "containers");
    requireNonNull(node, "node");
    requireNonNull(version, "version");
    requireNonNull(attachedSince, "attachedSince");
    requireNonNull(rung, "rung");
    problems = List.copyOf(problems);
    refusedAddresses = List.copyOf(refusedAddresses);
  }
}
