/** Servers that are killed, cut off and lied to. */
@NullMarked
package io.kith.load.fleet;

import org.jspecify.annotations.NullMarked;
