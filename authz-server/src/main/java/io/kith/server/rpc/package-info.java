/**
 * Envoy's RPC over HTTP/2: gRPC for the one method that stands in front of every connection. Netty
 * speaks HTTP/2; what gRPC for Java does on top of it for any method at any time is left out here
 * (docs/adr/0012-check-rpc.md).
 */
@NullMarked
package io.kith.server.rpc;

import org.jspecify.annotations.NullMarked;
