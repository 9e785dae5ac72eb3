package io.kith.server.telemetry;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.identity.Workload;
import io.kith.server.check.Answered;
import io.kith.server.check.BoundedLog;
import io.kith.server.check.CheckObserver;
import io.kith.server.check.GuardRefusal;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;

/**
 * Tells what was answered: a span, a log line and, where they are sent, a log record per denial, a
 * span for a share of what was allowed, metrics for all; and a span for what a guard refused.
 *
 * <p>Never blocks and never fails a Check: what cannot be kept or delivered is counted.
 */
public final class CheckTelemetry implements CheckObserver, AutoCloseable {
  private static final Duration EXPORT_TIMEOUT = Duration.ofSeconds(5);
  private static final int DENIALS_LOGGED_PER_SECOND = 20;

  private final BoundedLog log = new BoundedLog(CheckTelemetry.class, DENIALS_LOGGED_PER_SECOND);
  private final Metrics metrics;
  private final @Nullable CheckSpans spans;
  private final @Nullable OtlpExport export;
  private final boolean logsDenials;

  private CheckTelemetry(
      Metrics metrics,
      @Nullable CheckSpans spans,
      boolean logsDenials,
      @Nullable OtlpExport export) {
    this.metrics = metrics;
    this.spans = spans;
    this.logsDenials = logsDenials;
    this.export = export;
    if (spans != null) {
      metrics.counter("kith_spans_exported_total", "Spans delivered.", spans::exported);
      metrics.counter(
          "kith_spans_failed_total", "Spans that the collector did not take.", spans::failed);
      metrics.counter(
          "kith_spans_dropped_total", "Spans not made since too many waited.", spans::dropped);
    }
    metrics.counter(
        "kith_denials_not_logged_total", "Denials beyond the rate of log lines.", log::dropped);
  }

  /**
   * What the configuration says; without {@code telemetry.otlp} there are no spans.
   *
   * @param version of the server
   * @param environment with OpenTelemetry's variables of the resource, where somebody set them
   */
  public static CheckTelemetry of(
      KithConfig.Telemetry settings, String version, Map<String, String> environment) {
    return of(settings, ServerResource.of(version, environment));
  }

  static CheckTelemetry of(KithConfig.Telemetry settings, Resource resource) {
    var otlp = settings.otlp();
    var metrics = new Metrics();
    if (otlp == null) {
      return new CheckTelemetry(metrics, null, true, null);
    }
    var exporter =
        OtlpHttpSpanExporter.builder()
            .setEndpoint(under(otlp, "traces"))
            .setTimeout(EXPORT_TIMEOUT)
            .build();
    return new CheckTelemetry(
        metrics,
        new CheckSpans(exporter, resource, settings.sampleAllows()),
        true,
        settings.metrics() || settings.logs()
            ? new OtlpExport(otlp, settings.metrics(), settings.logs(), resource, metrics)
            : null);
  }

  /** With an exporter of the caller's. */
  public static CheckTelemetry exportingTo(
      SpanExporter exporter, String version, double sampleAllows) {
    return new CheckTelemetry(new Metrics(), spans(exporter, version, sampleAllows), true, null);
  }

  /** The same work for Checks that nobody asked: nothing of it is logged. */
  public static CheckTelemetry rehearsal(SpanExporter exporter) {
    return new CheckTelemetry(new Metrics(), spans(exporter, "warm-up", 1), false, null);
  }

  private static CheckSpans spans(SpanExporter exporter, String version, double sampleAllows) {
    return new CheckSpans(exporter, ServerResource.of(version, Map.of()), sampleAllows);
  }

  /**
   * Where a collector takes something.
   *
   * @param signal traces, metrics or logs
   */
  static String under(URI otlp, String signal) {
    var base = otlp.toString();
    return (base.endsWith("/") ? base.substring(0, base.length() - 1) : base) + "/v1/" + signal;
  }

  /** The metrics, to add to and to show. */
  public Metrics metrics() {
    return metrics;
  }

  @Override
  public void answered(Answered answered) {
    metrics.answered(answered);
    if (logsDenials && answered.record().decision().applied() instanceof Deny deny) {
      logDenial(answered, deny);
      if (export != null) {
        export.denied(answered, deny);
      }
    }
    if (spans != null) {
      spans.answered(answered);
    }
  }

  /**
   * A guard refused something that went past a sidecar.
   *
   * @param workload whose pod it was, or null
   */
  public void refused(GuardRefusal refusal, @Nullable Workload workload) {
    if (spans != null) {
      spans.refused(refusal, workload);
    }
  }

  @Override
  public void cancelled() {
    metrics.cancelled();
  }

  private void logDenial(Answered answered, Deny deny) {
    var record = answered.record();
    var values = new LinkedHashMap<String, String>();
    values.put("reason", deny.reason().code());
    if (record.workload() != null) {
      values.put("workload", record.workload().owner().toString());
    }
    if (record.reporter() != null) {
      values.put("spiffe_id", record.reporter().toString());
    }
    if (record.decision().subject() != null) {
      values.put("process", record.decision().subject().fingerprint().words());
    }
    if (record.flow() != null) {
      values.put("destination", record.flow().resolved().destination().words());
    }
    values.put("mode", record.decision().mode().word());
    values.put("decision_id", record.decisionId());
    values.put("trace_id", record.traceId());
    values.put("explanation", CheckSpans.explanation(answered));
    log.log(Level.INFO, "check denied", values, null);
  }

  /** Delivers the spans that wait, as far as it goes within the limit. */
  public void flush(Duration limit) {
    if (spans != null) {
      spans.flush(limit);
    }
    if (export != null) {
      export.flush(limit);
    }
  }

  @Override
  public void close() {
    if (spans != null) {
      spans.close();
    }
    if (export != null) {
      export.close();
    }
  }
}
