/**
 * The identity bridge: one per node, it tells an authorization server which process opened a
 * socket.
 *
 * <p>Start here: {@link io.kith.bridge.Bridge}.
 */
@NullMarked
package io.kith.bridge;

import org.jspecify.annotations.NullMarked;
