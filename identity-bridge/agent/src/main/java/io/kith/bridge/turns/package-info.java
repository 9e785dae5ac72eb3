/** Threads that many share without one taking them from the others. */
@NullMarked
package io.kith.bridge.turns;

import org.jspecify.annotations.NullMarked;
