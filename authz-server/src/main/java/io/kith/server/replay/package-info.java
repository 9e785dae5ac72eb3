/**
 * The {@code replay} verb: flow logs from files through the learner and the decider.
 *
 * <p>Start here: {@link io.kith.server.replay.ReplayCommand}, {@link
 * io.kith.server.replay.ReplayRun}.
 */
@NullMarked
package io.kith.server.replay;

import org.jspecify.annotations.NullMarked;
