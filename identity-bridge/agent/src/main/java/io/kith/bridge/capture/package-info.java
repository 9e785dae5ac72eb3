/**
 * Who opened a socket: written down by the kernel at connect(), looked up when somebody asks.
 *
 * <p>Start here: {@link io.kith.bridge.capture.SocketOwners}, {@link
 * io.kith.bridge.capture.KernelCapture}, {@link io.kith.bridge.capture.Programs}.
 */
@NullMarked
package io.kith.bridge.capture;

import org.jspecify.annotations.NullMarked;
