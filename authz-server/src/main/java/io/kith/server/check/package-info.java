/**
 * The check path: Envoy asks, Kith answers.
 *
 * <p>Start here: {@link io.kith.server.check.CheckRecord}, {@link io.kith.server.check.Policy}.
 */
@NullMarked
package io.kith.server.check;

import org.jspecify.annotations.NullMarked;
