/**
 * Workloads and the SPIFFE IDs they speak with.
 *
 * <p>Start here: {@link io.kith.baselines.identity.SpiffeId}, {@link
 * io.kith.baselines.identity.WorkloadDirectory}.
 */
@NullMarked
package io.kith.baselines.identity;

import org.jspecify.annotations.NullMarked;
