/** Start here: {@link io.kith.load.compare.CheckBenchTest}. */
@NullMarked
package io.kith.load.compare;

import org.jspecify.annotations.NullMarked;
