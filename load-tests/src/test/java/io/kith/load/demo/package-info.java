@NullMarked
package io.kith.load.demo;

import org.jspecify.annotations.NullMarked;
