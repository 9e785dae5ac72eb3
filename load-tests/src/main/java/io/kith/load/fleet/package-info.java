/**
 * Real servers on one store, each a process of its own, with pods that send Checks to them and ways
 * to make them and their store fail.
 *
 * <p>Start here: {@link io.kith.load.fleet.Fleet}, {@link io.kith.load.fleet.ServerProcess}, {@link
 * io.kith.load.fleet.PodsAt}.
 */
@NullMarked
package io.kith.load.fleet;

import org.jspecify.annotations.NullMarked;
