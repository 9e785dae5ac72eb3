/** Tests of the soak. */
@NullMarked
package io.kith.load.soak;

import org.jspecify.annotations.NullMarked;
