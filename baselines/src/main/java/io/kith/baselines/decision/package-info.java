/**
 * One pure function: a flow against a workload's snapshot.
 *
 * <p>Start here: {@link io.kith.baselines.decision.Decision}, {@link
 * io.kith.baselines.decision.Decider}.
 */
@NullMarked
package io.kith.baselines.decision;

import org.jspecify.annotations.NullMarked;
