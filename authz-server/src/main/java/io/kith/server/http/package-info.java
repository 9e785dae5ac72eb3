/**
 * gRPC services as HTTP/JSON, by the paths that {@code google.api.http} gives their methods.
 *
 * <p>Start here: {@link io.kith.server.http.JsonServer}.
 */
@NullMarked
package io.kith.server.http;

import org.jspecify.annotations.NullMarked;
