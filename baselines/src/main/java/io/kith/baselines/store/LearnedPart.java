package io.kith.baselines.store;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.Owner;

/**
 * A piece of what one replica learned of a workload: an edge, or the workload's own counters.
 *
 * <p>A later part with the same replica, owner and key takes the place of the earlier one. Parts of
 * different replicas merge, in any order.
 *
 * @param replica name of the server that learned it, up to 253 characters
 * @param key of the piece, unique within replica and owner, up to 100 characters
 * @param body JSON
 */
public record LearnedPart(String replica, Owner owner, String key, String body) {
  public LearnedPart {
    StoredText.check(replica, "replica", 253);
    requireNonNull(owner, "owner");
    StoredText.check(key, "key", 100);
    StoredText.check(body, "body");
  }
}
