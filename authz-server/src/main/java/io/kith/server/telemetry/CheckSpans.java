package io.kith.server.telemetry;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Explanation;
import io.kith.baselines.decision.Flow;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.server.check.Answered;
import io.kith.server.check.CheckFacts;
import io.kith.server.check.GuardRefusal;
import io.kith.server.check.TraceParent;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.time.Duration;
import java.util.Collection;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Makes the span of a Check, after its answer, and that of what a guard refused.
 *
 * <p>What is not sampled costs nothing but the look at its trace id. Spans beyond {@link #QUEUE}
 * that wait for the exporter are dropped and counted.
 */
final class CheckSpans implements AutoCloseable {
  /** Spans that may wait for the exporter. */
  static final int QUEUE = 4096;

  private static final Duration EXPORT_EVERY = Duration.ofMillis(500);
  private static final Duration EXPORT_TIMEOUT = Duration.ofSeconds(10);

  /** Of a trace's state. Source: W3C Trace Context, section 3.3.1.1. */
  private static final int MOST_MEMBERS = 32;

  private static final Destination NOWHERE =
      new Destination("nowhere", Evidence.ADDRESS, null, 1, Protocol.TCP);

  private final GivenTraceIds ids = new GivenTraceIds();
  private final AtomicLong waiting = new AtomicLong();
  private final LongAdder exported = new LongAdder();
  private final LongAdder failed = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private final SdkTracerProvider provider;
  private final Tracer tracer;
  private final double sampleAllows;

  /**
   * @param sampleAllows share of allowed Checks that get a span, 0 to 1
   */
  CheckSpans(SpanExporter exporter, Resource resource, double sampleAllows) {
    this.provider =
        SdkTracerProvider.builder()
            .setResource(resource)
            .setIdGenerator(ids)
            .setSampler(Sampler.alwaysOn())
            .addSpanProcessor(
                BatchSpanProcessor.builder(new Counting(requireNonNull(exporter, "exporter")))
                    .setMaxQueueSize(QUEUE)
                    .setScheduleDelay(EXPORT_EVERY)
                    .setExporterTimeout(EXPORT_TIMEOUT)
                    .build())
            .build();
    this.tracer = provider.get("io.kith.server");
    this.sampleAllows = sampleAllows;
  }

  void answered(Answered answered) {
    var record = answered.record();
    if (record.decision().applied() instanceof Allow && !sampled(record.traceId())) {
      return;
    }
    if (admitted()) {
      var span = start(answered);
      describe(span, answered);
      span.end(answered.started().plusNanos(answered.totalNanos()));
    }
  }

  private boolean admitted() {
    if (waiting.incrementAndGet() > QUEUE) {
      waiting.decrementAndGet();
      dropped.increment();
      return false;
    }
    return true;
  }

  /** A span of its own, at the time of the report, with what a denial's span says. */
  void refused(GuardRefusal refusal, @Nullable Workload workload) {
    if (!admitted()) {
      return;
    }
    ids.give(refusal.traceId());
    var span =
        tracer
            .spanBuilder(SpanAttributes.GUARD)
            .setSpanKind(SpanKind.INTERNAL)
            .setNoParent()
            .startSpan();
    put(span, SpanAttributes.WORKLOAD, workload == null ? null : workload.owner().toString());
    put(span, SpanAttributes.SPIFFE_ID, onlyId(workload));
    span.setAttribute(SpanAttributes.NODE, refusal.node());
    span.setAttribute(SpanAttributes.LAYER, "guard");
    span.setAttribute(SpanAttributes.VERDICT, "deny");
    span.setAttribute(SpanAttributes.MODE, Mode.ENFORCE.word());
    span.setAttribute(SpanAttributes.REASON, refusal.reason());
    span.setAttribute(SpanAttributes.REFUSED, refusal.refused());
    span.setAttribute(SpanAttributes.DESTINATION, refusal.destinationWords());
    if (refusal.destination() != null) {
      span.setAttribute(SpanAttributes.DESTINATION_ADDRESS, refusal.destination().toString());
      span.setAttribute(SpanAttributes.DESTINATION_PORT, refusal.port());
    }
    put(span, SpanAttributes.NETWORK_TRANSPORT, transport(refusal.protocol()));
    var fingerprint = refusal.fingerprint();
    if (fingerprint != null) {
      process(span, fingerprint, refusal.fingerprintId());
    }
    var explanation =
        (fingerprint == null ? "a process that is not known" : fingerprint.words())
            + " went past its sidecar to "
            + refusal.destinationWords()
            + " ("
            + refusal.reason()
            + ")";
    span.setAttribute(SpanAttributes.EXPLANATION, explanation);
    span.setStatus(StatusCode.ERROR, explanation);
    span.end();
  }

  /** Of one that has several it is not known which process has which. */
  private static @Nullable String onlyId(@Nullable Workload workload) {
    return workload == null || workload.spiffeIds().size() != 1
        ? null
        : workload.spiffeIds().iterator().next().toString();
  }

  private static @Nullable String transport(int protocol) {
    return switch (protocol) {
      case 6 -> "tcp";
      case 17 -> "udp";
      default -> null;
    };
  }

  /** By the id, so that all Checks of one trace are kept or none. */
  private boolean sampled(String traceId) {
    return sampleAllows >= 1
        || Long.parseUnsignedLong(traceId, 18, 32, 16) < (long) (sampleAllows * (1L << 56));
  }

  private Span start(Answered answered) {
    var builder =
        tracer
            .spanBuilder(SpanAttributes.CHECK)
            .setSpanKind(SpanKind.SERVER)
            .setStartTimestamp(answered.started());
    var parent = answered.parent();
    if (parent == null) {
      ids.give(answered.record().traceId());
      return builder.setNoParent().startSpan();
    }
    var context =
        SpanContext.createFromRemoteParent(
            parent.traceId(),
            parent.spanId(),
            parent.sampled() ? TraceFlags.getSampled() : TraceFlags.getDefault(),
            stateOf(parent));
    return builder.setParent(Context.root().with(Span.wrap(context))).startSpan();
  }

  /** What other tracing systems handed on, which is theirs to read; without what is not as W3C. */
  private static TraceState stateOf(TraceParent parent) {
    var members = parent.state().split(",", MOST_MEMBERS + 1);
    if (members.length > MOST_MEMBERS) {
      return TraceState.getDefault();
    }
    var state = TraceState.builder();
    for (var i = members.length - 1; i >= 0; i--) { // each goes before those that are there
      var equals = members[i].indexOf('=');
      if (equals > 0) {
        var _ =
            state.put(
                members[i].substring(0, equals).strip(), members[i].substring(equals + 1).strip());
      }
    }
    return state.build();
  }

  private static void describe(Span span, Answered answered) {
    var record = answered.record();
    var decision = record.decision();
    var reason = answered.reason();
    span.setAttribute(SpanAttributes.DECISION_ID, record.decisionId());
    span.setAttribute(SpanAttributes.VERDICT, decision.applied().word());
    span.setAttribute(SpanAttributes.MODE, decision.mode().word());
    put(span, SpanAttributes.REASON, reason == null ? null : reason.code());
    put(span, SpanAttributes.REVISION, decision.revision());
    var reporter = record.reporter();
    put(span, SpanAttributes.SPIFFE_ID, reporter == null ? null : reporter.toString());
    var workload = record.workload();
    put(span, SpanAttributes.WORKLOAD, workload == null ? null : workload.owner().toString());
    var shadow = decision.shadow();
    if (shadow != null) {
      span.setAttribute(SpanAttributes.SHADOW_VERDICT, shadow.word());
      if (shadow instanceof Deny(_, var shadowReason)) {
        span.setAttribute(SpanAttributes.SHADOW_REASON, shadowReason.code());
      }
    }
    switch (decision.applied()) {
      case Allow(var edge) -> put(span, SpanAttributes.EDGE, edge == null ? null : edge.id());
      case Deny deny -> {
        var nearest = deny.nearest();
        put(span, SpanAttributes.NEAREST, nearest == null ? null : nearest.words());
        var explanation = explanation(answered);
        span.setAttribute(SpanAttributes.EXPLANATION, explanation);
        span.setStatus(StatusCode.ERROR, explanation);
      }
    }
    switch (answered.facts()) {
      case CheckFacts.Connection connection -> connection(span, connection);
      case CheckFacts.Request request -> request(span, request);
      case CheckFacts.Malformed _ -> {}
      case null -> {}
    }
    if (record.flow() != null) {
      flow(span, record.flow());
    }
    if (decision.subject() != null) {
      process(span, decision.subject());
    }
    span.setAttribute(SpanAttributes.BRIDGE_MICROS, answered.bridgeNanos() / 1000);
    span.setAttribute(SpanAttributes.TOTAL_MICROS, answered.totalNanos() / 1000);
  }

  /** A denial in one sentence; empty for what was allowed. */
  static String explanation(Answered answered) {
    var record = answered.record();
    if (!(record.decision().applied() instanceof Deny deny)) {
      return "";
    }
    var flow = record.flow();
    return Explanation.of(
        deny, record.decision().subject(), flow == null ? NOWHERE : flow.resolved().destination());
  }

  private static void connection(Span span, CheckFacts.Connection connection) {
    span.setAttribute(SpanAttributes.LAYER, word(connection.layer()));
    span.setAttribute(SpanAttributes.SOURCE_ADDRESS, connection.source().address().toString());
    span.setAttribute(SpanAttributes.SOURCE_PORT, connection.source().port());
    span.setAttribute(
        SpanAttributes.DESTINATION_ADDRESS, connection.destination().address().toString());
    span.setAttribute(SpanAttributes.DESTINATION_PORT, connection.destination().port());
    span.setAttribute(SpanAttributes.NETWORK_TRANSPORT, word(connection.protocol()));
    put(span, SpanAttributes.SERVER_ADDRESS, connection.authority());
    put(span, SpanAttributes.TLS_SERVER_NAME, connection.sni());
  }

  private static void request(Span span, CheckFacts.Request request) {
    span.setAttribute(SpanAttributes.LAYER, "inbound");
    var caller = request.caller();
    put(span, SpanAttributes.CALLER, caller == null ? null : caller.toString());
    span.setAttribute(SpanAttributes.SOURCE_ADDRESS, request.source().address().toString());
    span.setAttribute(SpanAttributes.SOURCE_PORT, request.source().port());
    span.setAttribute(
        SpanAttributes.DESTINATION_ADDRESS, request.destination().address().toString());
    span.setAttribute(SpanAttributes.DESTINATION_PORT, request.destination().port());
  }

  private static void flow(Span span, Flow flow) {
    span.setAttribute(SpanAttributes.DESTINATION, flow.resolved().destination().words());
    span.setAttribute(SpanAttributes.RUNG, flow.attribution().foundBy().letter());
    var remarks = flow.attribution().remarks();
    put(span, SpanAttributes.REMARKS, remarks.isEmpty() ? null : String.join("; ", remarks));
  }

  private static void process(Span span, Candidate subject) {
    process(span, subject.fingerprint(), subject.fingerprintId());
    span.setAttribute(SpanAttributes.QUALITY, word(subject.quality()));
  }

  private static void process(Span span, ProcessFingerprint fingerprint, String id) {
    span.setAttribute(SpanAttributes.PROCESS, fingerprint.words());
    span.setAttribute(SpanAttributes.FINGERPRINT, id);
    span.setAttribute(SpanAttributes.EXECUTABLE_PATH, fingerprint.path());
    span.setAttribute(
        SpanAttributes.EXECUTABLE_NAME,
        fingerprint.path().substring(fingerprint.path().lastIndexOf('/') + 1));
    put(span, SpanAttributes.CONTAINER_NAME, fingerprint.container());
  }

  private static <T> void put(Span span, AttributeKey<T> key, @Nullable T value) {
    if (value != null) {
      span.setAttribute(key, value);
    }
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  long exported() {
    return exported.sum();
  }

  /** Spans that the exporter could not deliver. */
  long failed() {
    return failed.sum();
  }

  /** Spans that were not made since too many waited. */
  long dropped() {
    return dropped.sum();
  }

  /** Delivers what waits, as far as it goes within the limit. */
  void flush(Duration limit) {
    var _ =
        provider.forceFlush().join(limit.toMillis(), java.util.concurrent.TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() {
    var _ = provider.shutdown().join(2, java.util.concurrent.TimeUnit.SECONDS);
  }

  /** Keeps count of what became of the spans. */
  private final class Counting implements SpanExporter {
    private final SpanExporter exporter;

    Counting(SpanExporter exporter) {
      this.exporter = exporter;
    }

    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      var count = spans.size();
      waiting.addAndGet(-count);
      var result = delivered(spans);
      result.whenComplete(() -> (result.isSuccess() ? exported : failed).add(count));
      return result;
    }

    private CompletableResultCode delivered(Collection<SpanData> spans) {
      try {
        return exporter.export(spans);
      } catch (RuntimeException e) {
        return CompletableResultCode.ofExceptionalFailure(e);
      }
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
