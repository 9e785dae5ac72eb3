/**
 * Kith beside a real SPIRE. Start here: {@link io.kith.load.spire.SpireTest}.
 *
 * <p>In the profile {@code spire}: SPIRE is built once, which takes minutes.
 */
@NullMarked
package io.kith.load.spire;

import org.jspecify.annotations.NullMarked;
