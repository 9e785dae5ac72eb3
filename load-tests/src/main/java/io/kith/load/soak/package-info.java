/**
 * A server under traffic for long: whether its memory or its latency drifts, and whether a verdict
 * is ever wrong.
 *
 * <p>Start here: {@link io.kith.load.soak.SoakCommand}, {@link io.kith.load.soak.Soak}, {@link
 * io.kith.load.soak.Drift}.
 */
@NullMarked
package io.kith.load.soak;

import org.jspecify.annotations.NullMarked;
