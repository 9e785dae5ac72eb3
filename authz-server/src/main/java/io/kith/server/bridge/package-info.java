/**
 * The identity bridges that dialled in, and the questions put to them.
 *
 * <p>Start here: {@link io.kith.server.bridge.BridgeHub}, {@link
 * io.kith.server.bridge.BridgeService}.
 */
@NullMarked
package io.kith.server.bridge;

import org.jspecify.annotations.NullMarked;
