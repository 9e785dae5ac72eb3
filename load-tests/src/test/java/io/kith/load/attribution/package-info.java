@NullMarked
package io.kith.load.attribution;

import org.jspecify.annotations.NullMarked;
