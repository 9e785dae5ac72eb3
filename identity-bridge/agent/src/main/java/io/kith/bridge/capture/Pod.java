package io.kith.bridge.capture;

import io.kith.baselines.identity.IpAddress;
import java.util.List;
import java.util.Set;

/**
 * A network namespace with what lives in it.
 *
 * @param id as the kernel writes it: {@code net:[4026532281]}
 * @param addresses that stand for it, without link-local ones; with loopback for the bridge's own
 *     namespace only
 * @param shared further ones that it has, each of which stands for another pod
 * @param pids processes in it, as the host counts, at the last look
 */
public record Pod(String id, Set<IpAddress> addresses, Set<IpAddress> shared, List<Integer> pids) {
  public Pod {
    addresses = Set.copyOf(addresses);
    shared = Set.copyOf(shared);
    pids = List.copyOf(pids);
  }
}
