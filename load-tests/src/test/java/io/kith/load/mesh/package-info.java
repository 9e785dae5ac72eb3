@NullMarked
package io.kith.load.mesh;

import org.jspecify.annotations.NullMarked;
