/**
 * {@code kith demo}: the whole job on one screen.
 *
 * <p>Start here: {@link io.kith.load.demo.Demo}.
 */
@NullMarked
package io.kith.load.demo;

import org.jspecify.annotations.NullMarked;
