package io.kith.server.telemetry;

import static io.kith.server.check.Samples.CURL;
import static io.kith.server.check.Samples.attributed;
import static io.kith.server.check.Samples.headers;
import static io.kith.server.check.Samples.l4;
import static io.kith.server.check.Samples.l7;
import static io.kith.server.check.ServiceUnderTest.said;
import static io.kith.server.check.ServiceUnderTest.settings;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.server.check.GuardRefusal;
import io.kith.server.check.Samples;
import io.kith.server.check.ServiceUnderTest;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckTelemetryTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String TRACE = "0af7651916cd43dd8448eb211c80319c";

  private final InMemorySpanExporter exporter = InMemorySpanExporter.create();

  private CheckTelemetry telemetry(double sampleAllows) {
    return CheckTelemetry.exportingTo(exporter, "1.2.3", sampleAllows);
  }

  private SpanData onlySpan(CheckTelemetry telemetry) {
    telemetry.flush(LIMIT);
    assertThat(exporter.getFinishedSpanItems()).hasSize(1);
    return exporter.getFinishedSpanItems().getFirst();
  }

  @Test
  void answered_denial_isARootSpanThatSaysWhoWhereAndWhy() throws IOException {
    try (var telemetry = telemetry(0);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      kith.processes.answer(attributed(CURL));

      var response = kith.check(l4());

      var span = onlySpan(telemetry);
      var attributes = span.getAttributes();
      assertThat(span.getName()).isEqualTo("kith.check");
      assertThat(span.getKind()).isEqualTo(SpanKind.SERVER);
      assertThat(span.getTraceId()).isEqualTo(said(response, "trace_id"));
      assertThat(span.getParentSpanContext().isValid()).isFalse();
      assertThat(span.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
      assertThat(span.getStatus().getDescription())
          .isEqualTo(attributes.get(SpanAttributes.EXPLANATION))
          .startsWith("/usr/bin/curl is not one of the programs that speak from here; nearest: ");
      assertThat(span.getResource().getAttributes().asMap().toString())
          .contains("service.name=kith-authz-server", "service.version=1.2.3");
      assertThat(attributes.get(SpanAttributes.WORKLOAD)).isEqualTo("shop/deployment/checkout");
      assertThat(attributes.get(SpanAttributes.SPIFFE_ID)).isEqualTo(Samples.CHECKOUT.toString());
      assertThat(attributes.get(SpanAttributes.PROCESS)).isEqualTo("/usr/bin/curl");
      assertThat(attributes.get(SpanAttributes.EXECUTABLE_PATH)).isEqualTo("/usr/bin/curl");
      assertThat(attributes.get(SpanAttributes.EXECUTABLE_NAME)).isEqualTo("curl");
      assertThat(attributes.get(SpanAttributes.DESTINATION))
          .isEqualTo("shop/statefulset/orders-db:5432");
      assertThat(attributes.get(SpanAttributes.DESTINATION_ADDRESS)).isEqualTo("10.88.2.10");
      assertThat(attributes.get(SpanAttributes.DESTINATION_PORT)).isEqualTo(5432);
      assertThat(attributes.get(SpanAttributes.SOURCE_ADDRESS)).isEqualTo("10.88.1.2");
      assertThat(attributes.get(SpanAttributes.NETWORK_TRANSPORT)).isEqualTo("tcp");
      assertThat(attributes.get(SpanAttributes.LAYER)).isEqualTo("l4");
      assertThat(attributes.get(SpanAttributes.VERDICT)).isEqualTo("deny");
      assertThat(attributes.get(SpanAttributes.REASON)).isEqualTo("new_process");
      assertThat(attributes.get(SpanAttributes.MODE)).isEqualTo("enforce");
      assertThat(attributes.get(SpanAttributes.RUNG)).isEqualTo("A");
      assertThat(attributes.get(SpanAttributes.QUALITY)).isEqualTo("exact");
      assertThat(attributes.get(SpanAttributes.NEAREST)).isEqualTo(Samples.EDGE.words());
      assertThat(attributes.get(SpanAttributes.DECISION_ID))
          .isEqualTo(said(response, "decision_id"));
      assertThat(attributes.get(SpanAttributes.TOTAL_MICROS)).isNotNegative();
      assertThat(attributes.toString()).doesNotContain("secret");
    }
  }

  @Test
  void refused_byTheGuard_isARootSpanWithWhatADenialSays() {
    var refusal =
        new GuardRefusal(
            TRACE,
            "node-1",
            "net:[1]",
            "f1",
            CURL.fingerprint(),
            "proxy_user",
            IpAddress.parse("198.18.1.1"),
            8_080,
            6,
            3);
    try (var telemetry = telemetry(0)) {
      telemetry.refused(
          refusal, Samples.directory().speaking(Samples.CHECKOUT, IpAddress.parse(Samples.POD)));

      var span = onlySpan(telemetry);
      var attributes = span.getAttributes();
      assertThat(span.getName()).isEqualTo("kith.guard");
      assertThat(span.getTraceId()).isEqualTo(TRACE);
      assertThat(span.getParentSpanContext().isValid()).isFalse();
      assertThat(span.getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
      assertThat(span.getStatus().getDescription())
          .isEqualTo("/usr/bin/curl went past its sidecar to 198.18.1.1:8080 (proxy_user)");
      assertThat(attributes.get(SpanAttributes.WORKLOAD)).isEqualTo("shop/deployment/checkout");
      assertThat(attributes.get(SpanAttributes.SPIFFE_ID)).isEqualTo(Samples.CHECKOUT.toString());
      assertThat(attributes.get(SpanAttributes.PROCESS)).isEqualTo("/usr/bin/curl");
      assertThat(attributes.get(SpanAttributes.FINGERPRINT)).isEqualTo("f1");
      assertThat(attributes.get(SpanAttributes.DESTINATION)).isEqualTo("198.18.1.1:8080");
      assertThat(attributes.get(SpanAttributes.DESTINATION_PORT)).isEqualTo(8_080);
      assertThat(attributes.get(SpanAttributes.NETWORK_TRANSPORT)).isEqualTo("tcp");
      assertThat(attributes.get(SpanAttributes.REASON)).isEqualTo("proxy_user");
      assertThat(attributes.get(SpanAttributes.VERDICT)).isEqualTo("deny");
      assertThat(attributes.get(SpanAttributes.LAYER)).isEqualTo("guard");
      assertThat(attributes.get(SpanAttributes.NODE)).isEqualTo("node-1");
      assertThat(attributes.get(SpanAttributes.REFUSED)).isEqualTo(3);
    }
  }

  @Test
  void refused_byAProcessThatIsNotKnown_hasASpanAllTheSame() {
    var refusal = new GuardRefusal(TRACE, "node-1", "net:[1]", "", null, "udp", null, 0, 17, 1);
    try (var telemetry = telemetry(0)) {
      telemetry.refused(refusal, null);

      var span = onlySpan(telemetry);
      assertThat(span.getStatus().getDescription())
          .isEqualTo("a process that is not known went past its sidecar to others (udp)");
      assertThat(span.getAttributes().get(SpanAttributes.WORKLOAD)).isNull();
      assertThat(span.getAttributes().get(SpanAttributes.DESTINATION_ADDRESS)).isNull();
    }
  }

  @Test
  void answered_request_joinsTheTraceOfItsCaller() throws IOException {
    try (var telemetry = telemetry(1);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      var _ =
          kith.check(
              l7("orders.example"),
              headers(
                  "x-kith-direction",
                  "outbound",
                  "traceparent",
                  "00-" + TRACE + "-b7ad6b7169203331-00",
                  "tracestate",
                  "vendor=7:a,other=x"));

      var span = onlySpan(telemetry);

      assertThat(span.getTraceId()).isEqualTo(TRACE);
      assertThat(span.getSpanContext().getTraceState().asMap())
          .containsExactly(entry("vendor", "7:a"), entry("other", "x"));
      assertThat(span.getParentSpanId()).isEqualTo("b7ad6b7169203331");
      assertThat(span.getAttributes().get(SpanAttributes.SERVER_ADDRESS))
          .isEqualTo("orders.example");
      assertThat(span.getAttributes().get(SpanAttributes.EDGE)).isEqualTo(Samples.EDGE.id());
      assertThat(span.getAttributes().toString()).doesNotContain("secret");
    }
  }

  /** Malformed state is nobody's, and costs neither the span nor its place. */
  @Test
  void answered_requestWithAStateThatIsNone_joinsTheTraceWithoutIt() throws IOException {
    try (var telemetry = telemetry(1);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      var _ =
          kith.check(
              l7("orders.example"),
              headers(
                  "x-kith-direction",
                  "outbound",
                  "traceparent",
                  "00-" + TRACE + "-b7ad6b7169203331-00",
                  "tracestate",
                  "=,=,"));

      var span = onlySpan(telemetry);

      assertThat(span.getParentSpanId()).isEqualTo("b7ad6b7169203331");
      assertThat(span.getSpanContext().getTraceState().isEmpty()).isTrue();
    }
  }

  @Test
  void answered_allowsOutsideTheSample_haveATraceIdAndNoSpan() throws IOException {
    try (var telemetry = telemetry(0);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      var response = kith.check(l4());

      telemetry.flush(LIMIT);

      assertThat(said(response, "trace_id")).matches("[0-9a-f]{32}");
      assertThat(exporter.getFinishedSpanItems()).isEmpty();
    }
  }

  @Test
  void answered_failureThatPasses_isCountedByItsReason() throws IOException {
    try (var telemetry = telemetry(0);
        var kith = new ServiceUnderTest(settings(Duration.ofMillis(40)), telemetry)) {
      kith.policy.decideBy(Samples.snapshot(Mode.SHADOW));
      kith.processes.answer(_ -> new java.util.concurrent.CompletableFuture<>());

      var _ = kith.check(l4());

      assertThat(telemetry.metrics().text())
          .contains(
              "kith_checks_total{verdict=\"allow\",reason=\"deadline\",mode=\"shadow\"} 1\n",
              "kith_checks_shadow_denied_total{reason=\"deadline\"} 1\n",
              "kith_check_duration_seconds_count{part=\"total\"} 1\n",
              "kith_check_duration_seconds_bucket{part=\"total\",le=\"0.025\"} 0\n");
    }
  }

  @Test
  void answered_exporterThatThrows_costsNoAnswer() throws IOException {
    var broken =
        new SpanExporter() {
          @Override
          public CompletableResultCode export(Collection<SpanData> spans) {
            throw new IllegalStateException("no collector");
          }

          @Override
          public CompletableResultCode flush() {
            return CompletableResultCode.ofSuccess();
          }

          @Override
          public CompletableResultCode shutdown() {
            return CompletableResultCode.ofSuccess();
          }
        };
    try (var telemetry = CheckTelemetry.exportingTo(broken, "test", 1);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      for (var port = 1; port <= 50; port++) {
        assertThat(kith.check(l4(port)).getStatus().getCode()).isZero();
      }
      telemetry.flush(LIMIT);

      assertThat(telemetry.metrics().text()).contains("kith_spans_failed_total 50\n");
    }
  }

  @Test
  void answered_exporterThatHangs_dropsAndCounts() throws IOException {
    var hanging =
        new SpanExporter() {
          @Override
          public CompletableResultCode export(Collection<SpanData> spans) {
            return new CompletableResultCode();
          }

          @Override
          public CompletableResultCode flush() {
            return CompletableResultCode.ofSuccess();
          }

          @Override
          public CompletableResultCode shutdown() {
            return CompletableResultCode.ofSuccess();
          }
        };
    try (var telemetry = CheckTelemetry.exportingTo(hanging, "test", 1);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      var _ = kith.check(l4());
      var answered = kith.answered.getFirst();

      for (var i = 0; i < 2 * CheckSpans.QUEUE; i++) {
        telemetry.answered(answered);
      }

      assertThat(telemetry.metrics().text()).doesNotContain("kith_spans_dropped_total 0\n");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "http://127.0.0.1:4318,http://127.0.0.1:4318/v1/traces",
    "http://127.0.0.1:4318/,http://127.0.0.1:4318/v1/traces",
    "https://otel.example/base,https://otel.example/base/v1/traces",
  })
  void under_endpoint_addsThePath(String otlp, String traces) {
    assertThat(CheckTelemetry.under(URI.create(otlp), "traces")).isEqualTo(traces);
  }

  @Test
  void health_readiness_followsWhatItIsTold() throws Exception {
    var why = new AtomicReference<>("warming up");
    try (var telemetry = telemetry(0);
        var health =
            new HealthServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                why::get,
                telemetry.metrics());
        var client = HttpClient.newHttpClient()) {
      assertThat(get(client, health, "/healthz")).isEqualTo("200 ok\n");
      assertThat(get(client, health, "/readyz")).isEqualTo("503 not ready: warming up\n");
      why.set("");
      assertThat(get(client, health, "/readyz")).isEqualTo("200 ready\n");
      assertThat(get(client, health, "/metrics")).startsWith("200 # HELP kith_checks_total ");
      assertThat(get(client, health, "/else")).isEqualTo("404 not found\n");
    }
  }

  private static String get(HttpClient client, HealthServer health, String path)
      throws IOException, InterruptedException {
    var response =
        client.send(
            HttpRequest.newBuilder(
                    URI.create("http://127.0.0.1:" + health.address().getPort() + path))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    return response.statusCode() + " " + response.body();
  }

  @Test
  void text_facts_haveTheirLabelsEscaped_andEachOnce() {
    var metrics = new Metrics();
    var fact = Map.of("problem", "no \"types\"\nin C:\\x", "node", "node-1");
    metrics.facts("kith_bridge_problem", "Why.", () -> List.of(fact, fact));

    assertThat(metrics.text())
        .endsWith(
            """
            # HELP kith_bridge_problem Why.
            # TYPE kith_bridge_problem gauge
            kith_bridge_problem{node="node-1",problem="no \\"types\\"\\nin C:\\\\x"} 1
            """);
  }
}
