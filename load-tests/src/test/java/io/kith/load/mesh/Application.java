package io.kith.load.mesh;

import io.kith.load.lab.Upstream;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.util.regex.Pattern;

/** The application of a {@link SpireMesh}, with spans of its own. */
final class Application implements AutoCloseable {
  static final String SERVICE = "checkout";

  private static final Pattern STATUS = Pattern.compile("^HTTP/1\\.1 (\\d{3}) ");
  private static final Pattern DECISION = Pattern.compile("\\{\"decision\":\"(d:[0-9a-f]+)\"}");

  /**
   * What an HTTP call got.
   *
   * @param traceId of its span
   * @param text status, headers and body; empty when the connection was closed without an answer
   */
  record Answer(String traceId, String spanId, String text) {
    /** 0 without an answer. */
    int status() {
      var status = STATUS.matcher(text);
      return status.find() ? Integer.parseInt(status.group(1)) : 0;
    }

    String body() {
      return text.substring(text.indexOf("\r\n\r\n") + 4);
    }

    /** Of a refusal. */
    String decisionId() {
      var id = DECISION.matcher(body());
      if (!id.find()) {
        throw new IllegalStateException("no decision in " + text);
      }
      return id.group(1);
    }
  }

  private final SpireMesh mesh;
  private final SdkTracerProvider tracers;

  Application(SpireMesh mesh) {
    this.mesh = mesh;
    this.tracers =
        SdkTracerProvider.builder()
            .setResource(
                Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), SERVICE)))
            .addSpanProcessor(
                SimpleSpanProcessor.create(
                    OtlpHttpSpanExporter.builder()
                        .setEndpoint(mesh.otlp().resolve("/v1/traces").toString())
                        .build()))
            .build();
  }

  /** Asks for a price, as a span of a trace of its own. */
  Answer ask(int uid, Upstream whom) throws Exception {
    var span =
        tracers
            .get("test")
            .spanBuilder("ask " + whom.host().name())
            .setSpanKind(SpanKind.CLIENT)
            .setNoParent()
            .startSpan();
    try {
      var trace = span.getSpanContext().getTraceId();
      var id = span.getSpanContext().getSpanId();
      return new Answer(trace, id, mesh.ask(uid, whom, "00-" + trace + "-" + id + "-01"));
    } finally {
      span.end();
    }
  }

  @Override
  public void close() {
    tracers.close();
  }
}
