package io.kith.bridge.identity;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.SpiffeId;
import io.kith.bridge.process.Sighting;
import io.kith.bridge.stream.NodeView.IdentitySource;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Says which SPIFFE IDs the processes of this node have.
 *
 * <p>Nothing is guessed: what the provider has not said of this very process is not known.
 * Thread-safe; no method throws because of what a process or the provider does.
 */
public interface ProcessIdentities extends AutoCloseable {
  /**
   * The SPIFFE IDs of a process.
   *
   * @param process as it was seen at a socket
   * @param address of its pod
   * @param until {@link System#nanoTime} after which an answer is of no use
   */
  Attested of(Sighting process, IpAddress address, long until);

  /** The same from memory; null when somebody has to be asked. */
  @Nullable Attested atHand(Sighting process, IpAddress address);

  /** Those that every process of a pod has; empty when processes are told apart. */
  default Set<SpiffeId> ofPod(Set<IpAddress> addresses) {
    return Set.of();
  }

  IdentitySource source();

  /** How the provider is, in words for people. */
  String words();

  /** Why nothing can be said of any process now, or null. */
  default @Nullable String problem() {
    return null;
  }

  @Override
  default void close() {}

  /** Nobody attests anything. */
  ProcessIdentities NONE =
      new ProcessIdentities() {
        @Override
        public Attested of(Sighting process, IpAddress address, long until) {
          return Attested.NOTHING;
        }

        @Override
        public Attested atHand(Sighting process, IpAddress address) {
          return Attested.NOTHING;
        }

        @Override
        public IdentitySource source() {
          return IdentitySource.NONE;
        }

        @Override
        public String words() {
          return "no provider attests processes (bridge.attest: none)";
        }
      };
}
