/**
 * How long is waited: before something is tried again, and for the other end of a connection.
 *
 * <p>Start here: {@link io.kith.server.waiting.BackOff}, {@link io.kith.server.waiting.Patience}.
 */
@NullMarked
package io.kith.server.waiting;

import org.jspecify.annotations.NullMarked;
