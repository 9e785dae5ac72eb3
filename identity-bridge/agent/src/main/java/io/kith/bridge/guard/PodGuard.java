package io.kith.bridge.guard;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Mode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a pod is guarded now.
 *
 * @param pod id of its network namespace
 * @param applied the mode that holds, or null when nothing is attached
 * @param spoken a server has spoken about the pod; until one does it is observed, or enforced as
 *     the bridge before was told
 * @param problems why it is not as the server says, in words; may be empty
 * @param rawHolders processes that hold CAP_NET_RAW, with which packets can be sent unseen
 * @param rawAble processes that may gain it
 * @param rawNamed the first of the holders
 * @param destroyed connections that were ended because they were not allowed any more
 */
public record PodGuard(
    String pod,
    @Nullable Mode applied,
    boolean spoken,
    List<String> problems,
    Totals totals,
    int rawHolders,
    int rawAble,
    List<String> rawNamed,
    long destroyed) {
  public PodGuard {
    requireNonNull(pod, "pod");
    requireNonNull(totals, "totals");
    problems = List.copyOf(problems);
    rawNamed = List.copyOf(rawNamed);
  }

  /** The state in a word or two. */
  public String words() {
    if (applied == null) {
      return "not guarded";
    }
    if (spoken) {
      return applied.word();
    }
    return applied == Mode.OBSERVE
        ? "observe: no policy yet"
        : applied.word() + ", as the bridge before was told";
  }
}
