package io.kith.server.telemetry;

import static java.util.Objects.requireNonNull;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.data.Data;
import io.opentelemetry.sdk.metrics.data.GaugeData;
import io.opentelemetry.sdk.metrics.data.HistogramData;
import io.opentelemetry.sdk.metrics.data.HistogramPointData;
import io.opentelemetry.sdk.metrics.data.LongPointData;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.data.MetricDataType;
import io.opentelemetry.sdk.metrics.data.SumData;
import io.opentelemetry.sdk.metrics.export.MetricProducer;
import io.opentelemetry.sdk.resources.Resource;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The same metrics as {@link Metrics#text} has, under the same names, for OpenTelemetry's SDK to
 * collect: cumulative since the start.
 */
final class OtlpMetrics implements MetricProducer {
  static final InstrumentationScopeInfo SCOPE = InstrumentationScopeInfo.create("io.kith.server");

  private final Metrics metrics;
  private final InstantSource clock;
  private final long began;

  OtlpMetrics(Metrics metrics, InstantSource clock) {
    this.metrics = requireNonNull(metrics, "metrics");
    this.clock = requireNonNull(clock, "clock");
    this.began = nanos(clock.instant());
  }

  private static long nanos(Instant time) {
    return TimeUnit.SECONDS.toNanos(time.getEpochSecond()) + time.getNano();
  }

  private record Reading(
      Resource resource, Metrics.Family family, MetricDataType type, Data<?> data)
      implements MetricData {
    @Override
    public Resource getResource() {
      return resource;
    }

    @Override
    public InstrumentationScopeInfo getInstrumentationScopeInfo() {
      return SCOPE;
    }

    @Override
    public String getName() {
      return family.name();
    }

    @Override
    public String getDescription() {
      return family.help();
    }

    @Override
    public String getUnit() {
      // None of the others: "1" would have Prometheus call a gauge a ratio, by its name.
      return type == MetricDataType.HISTOGRAM ? "s" : "";
    }

    @Override
    public MetricDataType getType() {
      return type;
    }

    @Override
    public Data<?> getData() {
      return data;
    }
  }

  @Override
  public Collection<MetricData> produce(Resource resource) {
    var now = nanos(clock.instant());
    return metrics.families().stream()
        .<MetricData>map(
            family ->
                switch (family.kind()) {
                  case "counter" ->
                      new Reading(
                          resource,
                          family,
                          MetricDataType.LONG_SUM,
                          SumData.createLongSumData(
                              true, AggregationTemporality.CUMULATIVE, points(family, now)));
                  case "histogram" ->
                      new Reading(
                          resource,
                          family,
                          MetricDataType.HISTOGRAM,
                          HistogramData.create(
                              AggregationTemporality.CUMULATIVE, durations(family, now)));
                  default ->
                      new Reading(
                          resource,
                          family,
                          MetricDataType.LONG_GAUGE,
                          GaugeData.createLongGaugeData(points(family, now)));
                })
        .toList();
  }

  private List<LongPointData> points(Metrics.Family family, long now) {
    return family.samples().stream()
        .map(sample -> LongPointData.create(began, now, labels(sample.labels()), sample.value()))
        .toList();
  }

  private List<HistogramPointData> durations(Metrics.Family family, long now) {
    return family.durations().entrySet().stream()
        .map(
            part ->
                HistogramPointData.create(
                    began,
                    now,
                    labels(Map.of("part", part.getKey())),
                    part.getValue().sumSeconds(),
                    false,
                    0,
                    false,
                    0,
                    LatencyHistogram.boundsSeconds(),
                    part.getValue().counts()))
        .toList();
  }

  private static Attributes labels(Map<String, String> labels) {
    var attributes = Attributes.builder();
    labels.forEach(attributes::put);
    return attributes.build();
  }
}
