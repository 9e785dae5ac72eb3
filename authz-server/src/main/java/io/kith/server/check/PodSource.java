package io.kith.server.check;

import io.kith.baselines.identity.IpAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Who knows which pods run, from memory: port to the identity bridges. Thread-safe. */
public interface PodSource {
  /** Knows none. */
  PodSource NONE =
      new PodSource() {
        @Override
        public List<RunningPod> running() {
          return List.of();
        }

        @Override
        public @Nullable RunningPod running(IpAddress address) {
          return null;
        }
      };

  /** Each once, also one with several addresses. */
  List<RunningPod> running();

  /**
   * Calls back whenever other pods may run than before, from any thread and for ever. The callback
   * does not wait for anything.
   */
  default void tell(Runnable changed) {}

  /** The pod that has this address, perhaps among others, or null. */
  @Nullable RunningPod running(IpAddress address);
}
