/**
 * Where a flow goes, by the steadiest name there is evidence for.
 *
 * <p>Start here: {@link io.kith.baselines.destination.Destination}, {@link
 * io.kith.baselines.destination.DestinationFacts}.
 */
@NullMarked
package io.kith.baselines.destination;

import org.jspecify.annotations.NullMarked;
