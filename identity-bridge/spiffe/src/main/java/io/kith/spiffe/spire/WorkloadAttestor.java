package io.kith.spiffe.spire;

import io.kith.baselines.identity.SpiffeId;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Asked about other processes: which SPIFFE IDs has this pid?
 *
 * <p>It knows processes by their number only: that the number was the same process's all along is
 * for who asks to see to. Thread-safe; no method blocks.
 */
public interface WorkloadAttestor extends AutoCloseable {
  /** What is said of a process. */
  public sealed interface Answer {
    /**
     * Every SPIFFE ID that the process is registered for.
     *
     * @param ids in no order; empty when no registration entry matches
     */
    record Identities(Set<SpiffeId> ids) implements Answer {
      public Identities {
        ids = Set.copyOf(ids);
      }
    }

    /** Nothing about this process; others may fare better. */
    record Unknown(String why) implements Answer {}

    /** Nothing in time. */
    record Late(Duration limit) implements Answer {}

    /** It cannot be reached, or does not speak to us. */
    record Unavailable(String why) implements Answer {}
  }

  /**
   * Asks about a process.
   *
   * @param pid as the attestor numbers processes, at least 1
   * @param limit after which the answer is {@link Answer.Late}
   * @return completed on any thread, never exceptionally
   */
  CompletableFuture<Answer> ask(int pid, Duration limit);

  /** Tries again at the next question; otherwise gRPC waits on its own, up to two minutes. */
  void reconnect();

  @Override
  void close();
}
