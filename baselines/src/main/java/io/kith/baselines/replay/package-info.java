/**
 * A log of flows run through the learner and the decider on the log's own clock.
 *
 * <p>Start here: {@link io.kith.baselines.replay.Replay}, {@link
 * io.kith.baselines.replay.FlowRecord}.
 */
@NullMarked
package io.kith.baselines.replay;

import org.jspecify.annotations.NullMarked;
