/**
 * The bridge's streams to its authorization servers. Protobuf stops here.
 *
 * <p>Start here: {@link io.kith.bridge.stream.BridgeStream}, {@link
 * io.kith.bridge.stream.NodeView}.
 */
@NullMarked
package io.kith.bridge.stream;

import org.jspecify.annotations.NullMarked;
