/**
 * The admin API: what people ask of a running server, over a Unix socket or mutual TLS, as gRPC and
 * as HTTP/JSON.
 *
 * <p>Start here: {@link io.kith.server.admin.AdminService}, {@link
 * io.kith.server.admin.AdminServer}.
 */
@NullMarked
package io.kith.server.admin;

import org.jspecify.annotations.NullMarked;
