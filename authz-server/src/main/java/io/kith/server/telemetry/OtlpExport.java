package io.kith.server.telemetry;

import io.kith.baselines.decision.Verdict.Deny;
import io.kith.server.check.Answered;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.logs.LogRecordBuilder;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import java.net.URI;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Metrics and denials on their way to a collector, by OpenTelemetry's SDK, in threads of its own.
 *
 * <p>What the collector does not take is counted and costs no answer.
 */
final class OtlpExport implements AutoCloseable {
  /** How often metrics are sent. */
  static final Duration EVERY = Duration.ofSeconds(15);

  /** Denials that may wait, also in the SDK's queue; more are left out, and counted. */
  private static final int QUEUE = 2_048;

  private static final Duration LOGS_EVERY = Duration.ofMillis(500);
  private static final Duration TIMEOUT = Duration.ofSeconds(5);

  private final @Nullable SdkMeterProvider meters;
  private final @Nullable SdkLoggerProvider loggers;
  private final @Nullable Logger denials;
  private final AtomicInteger waiting = new AtomicInteger(); // denials
  private final LongAdder dropped = new LongAdder();

  /**
   * Begins.
   *
   * @param otlp base address of the collector
   * @param sendMetrics whether the metrics are sent
   * @param sendLogs whether denials are
   */
  OtlpExport(URI otlp, boolean sendMetrics, boolean sendLogs, Resource resource, Metrics metrics) {
    if (sendMetrics) {
      var failed = new LongAdder();
      metrics.counter(
          "kith_metrics_exports_failed_total",
          "Times that the collector did not take the metrics.",
          failed::sum);
      meters =
          SdkMeterProvider.builder()
              .setResource(resource)
              .registerMetricProducer(new OtlpMetrics(metrics, InstantSource.system()))
              .registerMetricReader(
                  PeriodicMetricReader.builder(
                          new CountedMetrics(
                              OtlpHttpMetricExporter.builder()
                                  .setEndpoint(CheckTelemetry.under(otlp, "metrics"))
                                  .setTimeout(TIMEOUT)
                                  .build(),
                              failed))
                      .setInterval(EVERY)
                      .build())
              .build();
    } else {
      meters = null;
    }
    if (sendLogs) {
      var failed = new LongAdder();
      metrics.counter(
          "kith_denial_records_failed_total",
          "Log records of denials that the collector did not take.",
          failed::sum);
      metrics.counter(
          "kith_denial_records_dropped_total",
          "Log records of denials that were left out, since as many waited as may: the collector is"
              + " slow.",
          dropped::sum);
      loggers =
          SdkLoggerProvider.builder()
              .setResource(resource)
              .addLogRecordProcessor(
                  BatchLogRecordProcessor.builder(
                          new CountedLogs(
                              OtlpHttpLogRecordExporter.builder()
                                  .setEndpoint(CheckTelemetry.under(otlp, "logs"))
                                  .setTimeout(TIMEOUT)
                                  .build(),
                              waiting,
                              failed))
                      .setMaxQueueSize(QUEUE)
                      .setScheduleDelay(LOGS_EVERY)
                      .build())
              .build();
      denials = loggers.get(OtlpMetrics.SCOPE.getName());
    } else {
      loggers = null;
      denials = null;
    }
  }

  /** A denial, as a log record that names its trace. */
  void denied(Answered answered, Deny deny) {
    if (denials == null) {
      return;
    }
    if (waiting.incrementAndGet() > QUEUE) {
      waiting.decrementAndGet();
      dropped.increment();
      return;
    }
    var record = answered.record();
    var workload = record.workload();
    var reporter = record.reporter();
    var subject = record.decision().subject();
    var flow = record.flow();
    var log =
        denials
            .logRecordBuilder()
            .setTimestamp(answered.started())
            .setSeverity(Severity.WARN)
            .setSeverityText("WARN")
            .setBody("check denied")
            .setAttribute(SpanAttributes.REASON, deny.reason().code())
            .setAttribute(SpanAttributes.MODE, record.decision().mode().word())
            .setAttribute(SpanAttributes.DECISION_ID, record.decisionId())
            .setAttribute(TRACE_ID, record.traceId())
            .setAttribute(SpanAttributes.EXPLANATION, CheckSpans.explanation(answered));
    put(log, SpanAttributes.WORKLOAD, workload == null ? null : workload.owner().toString());
    put(log, SpanAttributes.SPIFFE_ID, reporter == null ? null : reporter.toString());
    put(log, SpanAttributes.PROCESS, subject == null ? null : subject.fingerprint().words());
    put(
        log,
        SpanAttributes.DESTINATION,
        flow == null ? null : flow.resolved().destination().words());
    log.emit();
  }

  /** In full: the span that it belongs to may not have been made. */
  static final AttributeKey<String> TRACE_ID = AttributeKey.stringKey("kith.trace_id");

  private static void put(LogRecordBuilder log, AttributeKey<String> key, @Nullable String value) {
    if (value != null) {
      var _ = log.setAttribute(key, value);
    }
  }

  /** Delivers what waits, as far as it goes within the limit. */
  void flush(Duration limit) {
    if (meters != null) {
      var _ = meters.forceFlush().join(limit.toMillis(), TimeUnit.MILLISECONDS);
    }
    if (loggers != null) {
      var _ = loggers.forceFlush().join(limit.toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  @Override
  public void close() {
    if (meters != null) {
      var _ = meters.shutdown().join(2, TimeUnit.SECONDS);
    }
    if (loggers != null) {
      var _ = loggers.shutdown().join(2, TimeUnit.SECONDS);
    }
  }

  private static CompletableResultCode counted(
      CompletableResultCode result, LongAdder failed, int count) {
    return result.whenComplete(
        () -> {
          if (!result.isSuccess()) {
            failed.add(count);
          }
        });
  }

  private record CountedMetrics(MetricExporter exporter, LongAdder failed)
      implements MetricExporter {
    @Override
    public CompletableResultCode export(Collection<MetricData> metrics) {
      return counted(exporter.export(metrics), failed, 1);
    }

    @Override
    public AggregationTemporality getAggregationTemporality(InstrumentType type) {
      return exporter.getAggregationTemporality(type);
    }

    @Override
    public CompletableResultCode flush() {
      return exporter.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return exporter.shutdown();
    }
  }

  private record CountedLogs(LogRecordExporter exporter, AtomicInteger waiting, LongAdder failed)
      implements LogRecordExporter {
    @Override
    public CompletableResultCode export(Collection<LogRecordData> logs) {
      waiting.addAndGet(-logs.size());
      return counted(exporter.export(logs), failed, logs.size());
    }

    @Override
    public CompletableResultCode flush() {
      return exporter.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return exporter.shutdown();
    }
  }
}
