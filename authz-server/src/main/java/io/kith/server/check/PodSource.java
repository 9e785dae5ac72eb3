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

  /** Each pod once, by one of its addresses: of IPv4 when it has one. */
  List<RunningPod> running();

  /** The pod with this address, or null when there is none or its start is not known. */
  @Nullable RunningPod running(IpAddress address);
}
