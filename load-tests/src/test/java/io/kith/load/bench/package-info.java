/** Start here: {@link io.kith.load.bench.BridgeFigures}. */
@NullMarked
package io.kith.load.bench;

import org.jspecify.annotations.NullMarked;
