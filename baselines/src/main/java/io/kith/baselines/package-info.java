/**
 * The domain of Kith: who speaks, from which process, to where, and whether that is normal.
 *
 * <p>Start here: {@link io.kith.baselines.decision.Decision}, {@link
 * io.kith.baselines.decision.Decider}, {@link io.kith.baselines.learning.Learner}.
 */
@NullMarked
package io.kith.baselines;

import org.jspecify.annotations.NullMarked;
