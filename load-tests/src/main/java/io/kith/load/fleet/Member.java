package io.kith.load.fleet;

import io.kith.baselines.identity.SpiffeId;

/**
 * A workload with one pod.
 *
 * @param owner as {@code shop/deployment/w0}
 * @param spiffeId its identity
 * @param address IPv4 address of its pod
 */
public record Member(String owner, SpiffeId spiffeId, String address) {}
