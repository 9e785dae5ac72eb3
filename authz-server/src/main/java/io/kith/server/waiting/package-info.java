/**
 * How long something is waited for before it is tried again.
 *
 * <p>Start here: {@link io.kith.server.waiting.BackOff}.
 */
@NullMarked
package io.kith.server.waiting;

import org.jspecify.annotations.NullMarked;
