/**
 * The listening side of the server: gRPC with mutual TLS, health, and being warm before being
 * ready.
 *
 * <p>Start here: {@link io.kith.server.net.CheckServer}.
 */
@NullMarked
package io.kith.server.net;

import org.jspecify.annotations.NullMarked;
