/**
 * What people and machines get to see of Checks: spans, metrics, log lines, health.
 *
 * <p>Start here: {@link io.kith.server.telemetry.CheckTelemetry}, {@link
 * io.kith.server.telemetry.SpanAttributes}.
 */
@NullMarked
package io.kith.server.telemetry;

import org.jspecify.annotations.NullMarked;
