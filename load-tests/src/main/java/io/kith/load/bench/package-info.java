/**
 * Benchmarks: figures of this machine, each beside the same without Kith.
 *
 * <p>Start here: {@link io.kith.load.bench.BridgeBenchCommand}, {@link
 * io.kith.load.bench.BridgeBench}.
 */
@NullMarked
package io.kith.load.bench;

import org.jspecify.annotations.NullMarked;
