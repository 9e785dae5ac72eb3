/**
 * What a running server knows and is told: modes, baselines, allow rules, learning and the latest
 * decisions, kept in memory.
 *
 * <p>Start here: {@link io.kith.server.control.ControlState}.
 */
@NullMarked
package io.kith.server.control;

import org.jspecify.annotations.NullMarked;
