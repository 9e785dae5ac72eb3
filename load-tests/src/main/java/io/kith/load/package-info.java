/**
 * Everything around the product that makes its job real: the demo, tests end to end, benchmarks.
 *
 * <p>Start here: {@link io.kith.load.mesh.Mesh}, {@link io.kith.load.lab.Lab}.
 */
@NullMarked
package io.kith.load;

import org.jspecify.annotations.NullMarked;
