/**
 * Baselines that are signed: bundles that travel between environments, and revisions in a store.
 *
 * <p>Start here: {@link io.kith.baselines.bundle.Bundles}, {@link
 * io.kith.baselines.bundle.SignedBaseline}.
 */
@NullMarked
package io.kith.baselines.bundle;

import org.jspecify.annotations.NullMarked;
