package io.kith.bridge.guard;

import io.kith.bridge.capture.Pins;
import io.kith.bridge.ffm.Bpf.MapKind;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.Processors;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;

/** The maps of the guard's programs: those that all pods share, and what each has for itself. */
final class GuardMaps implements AutoCloseable {
  /*
   *  policies   cgroup id → policy                 written by the bridge
   *  rules      prefix tree                        written by the bridge
   *  totals     cgroup id → counts by reason       rows made by the bridge
   *  attempts   LRU hash                           who tried what, with counts
   *  peers      LRU hash                           who sent UDP to which socket
   *  peers-ID   LRU hash of one cgroup             again the latest of these, of that cgroup only;
   *                                                and to whom a socket spoke first
   *  storage    by socket                          who connects or sends
   *  answers    ring                               DNS answers
   */
  private static final int CGROUPS = 4_096;
  private static final int RULES = 65_536;
  private static final int ATTEMPTS = 4_096;
  private static final int PEERS = 16_384;

  /*
   * Of one cgroup: 0.1 MB for each 1,024. The kernel's LRU keeps a free list for each processor,
   * filled by 128, so that a small table forgets early where there are many.
   */
  private static final int PEERS_PER_PROCESSOR = 256;
  private static final int LEAST_PEERS = 1_024;
  private static final int MOST_PEERS = 4_096;
  static final int ANSWERS_BYTES = 1 << 18;

  private static final String PEERS_OF = "peers-";

  private final Pins pins;
  private final Deque<Descriptor> open = new ArrayDeque<>();
  private final Descriptor policies;
  private final Descriptor rules;
  private final Descriptor totals;
  private final Descriptor attempts;
  private final Descriptor peers;
  private final Descriptor storage;
  private final Descriptor answers;

  /** Makes the maps, or takes over what is pinned. */
  GuardMaps(Pins pins) throws KernelException {
    this.pins = pins;
    try {
      policies = map("policies", MapKind.HASH, 8, GuardRecord.POLICY_BYTES, CGROUPS);
      rules = map("rules", MapKind.PREFIX_TREE, GuardRecord.RULE_BYTES, 1, RULES);
      totals = map("totals", MapKind.HASH, 8, GuardRecord.TOTALS_BYTES, CGROUPS);
      attempts =
          map(
              "attempts",
              MapKind.LRU_HASH,
              GuardRecord.ATTEMPT_KEY_BYTES,
              GuardRecord.ATTEMPT_BYTES,
              ATTEMPTS);
      peers = map("peers", MapKind.LRU_HASH, GuardRecord.PEER_KEY_BYTES, 8, PEERS);
      storage = map("storage", MapKind.SOCKET_STORAGE, 4, GuardRecord.STORAGE_BYTES, 0);
      answers = map("answers", MapKind.RING_BUFFER, 0, 0, ANSWERS_BYTES);
    } catch (KernelException e) {
      close();
      throw e;
    }
  }

  private Descriptor map(String name, MapKind kind, int keyBytes, int valueBytes, int entries)
      throws KernelException {
    var map = pins.map(name, kind, keyBytes, valueBytes, entries);
    open.push(map);
    return map;
  }

  Descriptor policies() {
    return policies;
  }

  Descriptor rules() {
    return rules;
  }

  Descriptor totals() {
    return totals;
  }

  Descriptor attempts() {
    return attempts;
  }

  Descriptor peers() {
    return peers;
  }

  /** Makes that of one cgroup, or takes over what is pinned; the caller closes it. */
  Descriptor peersOf(long cgroup) throws KernelException {
    return pins.map(
        nameOfPeers(cgroup),
        MapKind.LRU_HASH,
        GuardRecord.PEER_KEY_BYTES,
        8,
        Math.clamp((long) PEERS_PER_PROCESSOR * Processors.possible(), LEAST_PEERS, MOST_PEERS));
  }

  /** Forgets that of one cgroup; programs that use it keep it. */
  void forgetPeersOf(long cgroup) {
    pins.forget(nameOfPeers(cgroup));
  }

  /** Forgets those of other cgroups: a bridge of an older version does not know of them. */
  void keepPeersOf(Set<Long> cgroups) {
    for (var name : pins.namesThatBeginWith(PEERS_OF)) {
      if (!cgroups.contains(Long.parseUnsignedLong(name.substring(PEERS_OF.length())))) {
        pins.forget(name);
      }
    }
  }

  private static String nameOfPeers(long cgroup) {
    return PEERS_OF + Long.toUnsignedString(cgroup);
  }

  Descriptor storage() {
    return storage;
  }

  Descriptor answers() {
    return answers;
  }

  @Override
  public void close() {
    while (!open.isEmpty()) {
      open.pop().close();
    }
  }
}
