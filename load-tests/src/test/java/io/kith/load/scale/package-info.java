/** Tests of the simulation of large meshes. */
@NullMarked
package io.kith.load.scale;

import org.jspecify.annotations.NullMarked;
