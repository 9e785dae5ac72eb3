/**
 * Control servers and the check servers that follow them: {@code control.proto}, both ends.
 *
 * <p>Start here: {@link io.kith.server.fleet.FleetService}, {@link
 * io.kith.server.fleet.ControlStore}.
 */
@NullMarked
package io.kith.server.fleet;

import org.jspecify.annotations.NullMarked;
