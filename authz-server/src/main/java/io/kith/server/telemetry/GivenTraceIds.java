package io.kith.server.telemetry;

import io.opentelemetry.sdk.trace.IdGenerator;
import org.jspecify.annotations.Nullable;

/** Gives a root span the trace id that its Check was answered with, before there was a span. */
final class GivenTraceIds implements IdGenerator {
  private final IdGenerator random = IdGenerator.random();
  private final ThreadLocal<@Nullable String> next = new ThreadLocal<>();

  /** The id of the next trace that this thread starts. */
  void give(String traceId) {
    next.set(traceId);
  }

  @Override
  public String generateTraceId() {
    var given = next.get();
    next.remove();
    return given == null ? random.generateTraceId() : given;
  }

  @Override
  public String generateSpanId() {
    return random.generateSpanId();
  }
}
