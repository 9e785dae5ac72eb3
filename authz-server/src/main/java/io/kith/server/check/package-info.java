/**
 * The check path: Envoy asks, Kith answers.
 *
 * <p>Start here: {@link io.kith.server.check.ExtAuthzService}, {@link
 * io.kith.server.check.CheckFacts}, {@link io.kith.server.check.CheckRecord}.
 */
@NullMarked
package io.kith.server.check;

import org.jspecify.annotations.NullMarked;
