/**
 * Servers of Envoy's Checks beside one another: each a process of its own on one core, driven by
 * the same traffic from another.
 *
 * <p>Start here: {@link io.kith.load.compare.CheckBench}, {@link io.kith.load.compare.Driver},
 * {@link io.kith.load.compare.Contender}.
 */
@NullMarked
package io.kith.load.compare;

import org.jspecify.annotations.NullMarked;
