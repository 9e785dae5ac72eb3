/**
 * Scores what {@code replay} makes of a labelled flow log; the labels never reach the replay.
 *
 * <p>Start here: {@link io.kith.load.score.Scorer}.
 */
@NullMarked
package io.kith.load.score;

import org.jspecify.annotations.NullMarked;
