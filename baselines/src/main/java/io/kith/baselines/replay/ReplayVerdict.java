package io.kith.baselines.replay;

import org.jspecify.annotations.Nullable;

/**
 * What a flow of a log would have got.
 *
 * @param enforced past learning; else observed
 * @param allowed under observe always
 * @param reason why it was denied, or would be, or null
 * @param flagged allowed, and marked for a person
 * @param edge id of what allowed it or came closest, or null
 * @param review the item that it opened or belongs to, or null
 */
public record ReplayVerdict(
    boolean enforced,
    boolean allowed,
    @Nullable String reason,
    boolean flagged,
    @Nullable String edge,
    @Nullable String review) {}
