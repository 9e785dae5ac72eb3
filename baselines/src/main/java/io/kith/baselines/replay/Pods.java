package io.kith.baselines.replay;

import io.kith.baselines.identity.IpAddress;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Who has which address, by the inventory; the latest pod to start has it until it stops. */
final class Pods {
  private static final int MAX = 262_144;

  private final Map<IpAddress, Holder> holders = new HashMap<>();

  private record Holder(String owner, @Nullable Instant stop) {
    boolean isGone(Instant now) {
      return stop != null && !now.isBefore(stop);
    }
  }

  void started(IpAddress address, String owner, @Nullable Instant stop, Instant now) {
    if (holders.size() >= MAX) {
      holders.values().removeIf(holder -> holder.isGone(now));
    }
    if (holders.size() < MAX) {
      holders.put(address, new Holder(owner, stop));
    }
  }

  /** The owner of the pod with that address, or null. */
  @Nullable String ownerOf(IpAddress address, Instant now) {
    var holder = holders.get(address);
    return holder == null || holder.isGone(now) ? null : holder.owner;
  }
}
