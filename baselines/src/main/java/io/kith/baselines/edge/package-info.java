/**
 * What is normal or allowed: process class and destination, with where that knowledge came from.
 *
 * <p>Start here: {@link io.kith.baselines.edge.Edge}, {@link io.kith.baselines.edge.Baseline}.
 */
@NullMarked
package io.kith.baselines.edge;

import org.jspecify.annotations.NullMarked;
