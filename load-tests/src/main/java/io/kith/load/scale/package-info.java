/**
 * What a mesh costs at sizes that no machine here can hold: unit costs measured on the real parts,
 * and a simulation that multiplies them over time.
 *
 * <p>Start here: {@link io.kith.load.scale.ScaleCommand}, {@link io.kith.load.scale.UnitCosts},
 * {@link io.kith.load.scale.Simulation}.
 */
@NullMarked
package io.kith.load.scale;

import org.jspecify.annotations.NullMarked;
