/**
 * What is normal, learned from flows.
 *
 * <p>Start here: {@link io.kith.baselines.learning.Learner}.
 */
@NullMarked
package io.kith.baselines.learning;

import org.jspecify.annotations.NullMarked;
