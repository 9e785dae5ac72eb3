package io.kith.bridge.guard;

import io.kith.bridge.capture.Pins;
import io.kith.bridge.ffm.Bpf.MapKind;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import java.util.ArrayDeque;
import java.util.Deque;

/** The maps that the guard's programs of all pods share. */
final class GuardMaps implements AutoCloseable {
  /*
   *  policies   cgroup id → policy                 written by the bridge
   *  rules      prefix tree                        written by the bridge
   *  totals     cgroup id → counts by reason       rows made by the bridge
   *  attempts   LRU hash                           who tried what, with counts
   *  peers      LRU hash                           who sent UDP to which socket
   *  storage    by socket                          who connects or sends
   *  answers    ring                               DNS answers
   */
  private static final int CGROUPS = 4_096;
  private static final int RULES = 65_536;
  private static final int ATTEMPTS = 4_096;
  private static final int PEERS = 16_384;
  static final int ANSWERS_BYTES = 1 << 18;

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
    try {
      policies = map(pins, "policies", MapKind.HASH, 8, GuardRecord.POLICY_BYTES, CGROUPS);
      rules = map(pins, "rules", MapKind.PREFIX_TREE, GuardRecord.RULE_BYTES, 1, RULES);
      totals = map(pins, "totals", MapKind.HASH, 8, GuardRecord.TOTALS_BYTES, CGROUPS);
      attempts =
          map(
              pins,
              "attempts",
              MapKind.LRU_HASH,
              GuardRecord.ATTEMPT_KEY_BYTES,
              GuardRecord.ATTEMPT_BYTES,
              ATTEMPTS);
      peers = map(pins, "peers", MapKind.LRU_HASH, GuardRecord.PEER_KEY_BYTES, 8, PEERS);
      storage = map(pins, "storage", MapKind.SOCKET_STORAGE, 4, GuardRecord.STORAGE_BYTES, 0);
      answers = map(pins, "answers", MapKind.RING_BUFFER, 0, 0, ANSWERS_BYTES);
    } catch (KernelException e) {
      close();
      throw e;
    }
  }

  private Descriptor map(
      Pins pins, String name, MapKind kind, int keyBytes, int valueBytes, int entries)
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
