package io.kith.server.telemetry;

import static io.kith.server.check.Samples.CURL;
import static io.kith.server.check.Samples.attributed;
import static io.kith.server.check.Samples.l4;
import static io.kith.server.check.ServiceUnderTest.said;
import static io.kith.server.check.ServiceUnderTest.settings;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;
import static org.assertj.core.api.Assertions.tuple;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import com.sun.net.httpserver.HttpServer;
import io.kith.baselines.config.KithConfig;
import io.kith.server.check.Await;
import io.kith.server.check.Samples;
import io.kith.server.check.ServiceUnderTest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What a collector gets. Field numbers are those of opentelemetry/proto: metrics/v1/metrics.proto,
 * logs/v1/logs.proto, common/v1/common.proto.
 */
class OtlpExportTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private record Request(String path, ByteString body) {}

  private final List<Request> requests = new CopyOnWriteArrayList<>();
  private volatile int status = 200;
  private volatile @Nullable CountDownLatch holding;
  private HttpServer collector;

  @BeforeEach
  void listen() throws IOException {
    collector = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    collector.createContext(
        "/",
        exchange -> {
          try (exchange) {
            held();
            requests.add(
                new Request(
                    exchange.getRequestURI().getPath(),
                    ByteString.readFrom(exchange.getRequestBody())));
            exchange.sendResponseHeaders(status, -1);
          }
        });
    collector.start();
  }

  @AfterEach
  void stop() {
    collector.stop(0);
  }

  private void held() throws IOException {
    var until = holding;
    try {
      if (until != null) {
        until.await();
      }
    } catch (InterruptedException e) {
      throw new IOException("stopped", e);
    }
  }

  private CheckTelemetry telemetry(boolean metrics, boolean logs) {
    var base = URI.create("http://127.0.0.1:" + collector.getAddress().getPort());
    return CheckTelemetry.of(new KithConfig.Telemetry(base, metrics, logs, 0), "1.2.3", Map.of());
  }

  private List<UnknownFieldSet> sent(String path) {
    return requests.stream()
        .filter(request -> request.path().equals(path))
        .map(
            request -> {
              try {
                return UnknownFieldSet.parseFrom(request.body());
              } catch (InvalidProtocolBufferException e) {
                throw new AssertionError(e);
              }
            })
        .toList();
  }

  /** All messages that are reached by fields, one within the other. */
  private static List<UnknownFieldSet> within(UnknownFieldSet message, int... fields) {
    var reached = List.of(message);
    for (var field : fields) {
      reached =
          reached.stream()
              .flatMap(one -> one.getField(field).getLengthDelimitedList().stream())
              .map(
                  bytes -> {
                    try {
                      return UnknownFieldSet.parseFrom(bytes);
                    } catch (InvalidProtocolBufferException e) {
                      throw new AssertionError(e);
                    }
                  })
              .toList();
    }
    return reached;
  }

  private static String text(UnknownFieldSet message, int field) {
    return message.getField(field).getLengthDelimitedList().getFirst().toStringUtf8();
  }

  private static Map<String, String> attributes(UnknownFieldSet message, int field) {
    return within(message, field).stream()
        .collect(Collectors.toMap(one -> text(one, 1), one -> text(within(one, 2).getFirst(), 1)));
  }

  private Map<String, UnknownFieldSet> metrics() {
    var metrics = new TreeMap<String, UnknownFieldSet>();
    for (var metric : within(sent("/v1/metrics").getLast(), 1, 2, 2)) {
      metrics.put(text(metric, 1), metric);
    }
    return metrics;
  }

  private UnknownFieldSet metric(String name) {
    return requireNonNull(metrics().get(name), name);
  }

  @Test
  void denied_isInTheMetricsAndALogRecord() throws IOException {
    try (var telemetry = telemetry(true, true);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      kith.processes.answer(attributed(CURL));
      var response = kith.check(l4());

      telemetry.flush(LIMIT);

      var counted = within(metric("kith_checks_total"), 7, 1);
      assertThat(counted).hasSize(1);
      assertThat(attributes(counted.getFirst(), 7))
          .containsOnly(
              entry("verdict", "deny"), entry("reason", "new_process"), entry("mode", "enforce"));
      assertThat(counted.getFirst().getField(6).getFixed64List()).containsExactly(1L);
      var times = within(metric("kith_check_duration_seconds"), 9, 1);
      assertThat(times).hasSize(2);
      assertThat(times.getFirst().getField(4).getFixed64List()).containsExactly(1L);
      assertThat(attributes(times.getFirst(), 9)).containsOnly(entry("part", "total"));

      Await.until("the record is there", () -> !sent("/v1/logs").isEmpty());
      var records = within(sent("/v1/logs").getFirst(), 1, 2, 2);
      assertThat(records).hasSize(1);
      assertThat(text(within(records.getFirst(), 5).getFirst(), 1)).isEqualTo("check denied");
      assertThat(attributes(records.getFirst(), 6))
          .contains(
              entry("kith.reason", "new_process"),
              entry("kith.workload", "shop/deployment/checkout"),
              entry("kith.spiffe_id", Samples.CHECKOUT.toString()),
              entry("kith.process", "/usr/bin/curl"),
              entry("kith.decision_id", said(response, "decision_id")),
              entry("kith.trace_id", said(response, "trace_id")));
      assertThat(attributes(within(sent("/v1/logs").getFirst(), 1, 1).getFirst(), 1))
          .contains(entry("service.name", "kith-authz-server"));
    }
  }

  @Test
  void metrics_areThoseOfPrometheus() {
    try (var telemetry = telemetry(true, false)) {
      telemetry.metrics().gauge("kith_some", "Some.", () -> 7);
      telemetry.metrics().facts("kith_facts", "Facts.", () -> List.of(Map.of("node", "a\"b")));
      telemetry.flush(LIMIT);

      var names =
          telemetry
              .metrics()
              .text()
              .lines()
              .filter(line -> line.startsWith("# TYPE "))
              .map(line -> line.split(" ", 4)[2])
              .toList();

      // The SDK leaves out what has no value yet.
      assertThat(names).containsAll(metrics().keySet());
      assertThat(metrics()).containsKeys("kith_some", "kith_facts", "kith_spans_failed_total");
      assertThat(metrics())
          .as("units, which names in Prometheus follow")
          .allSatisfy(
              (name, metric) ->
                  assertThat(metric.getField(3).getLengthDelimitedList())
                      .allMatch(
                          unit -> unit.isEmpty() || name.equals("kith_check_duration_seconds")));
      var some = within(metric("kith_some"), 5, 1).getFirst();
      assertThat(some.getField(6).getFixed64List()).containsExactly(7L);
      assertThat(attributes(within(metric("kith_facts"), 5, 1).getFirst(), 7))
          .containsOnly(entry("node", "a\"b"));
    }
  }

  @Test
  void notAskedFor_areNotSent() throws IOException {
    try (var telemetry = telemetry(false, false);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      kith.processes.answer(attributed(CURL));
      var _ = kith.check(l4());
      telemetry.flush(LIMIT);

      assertThat(requests).extracting(Request::path).containsOnly("/v1/traces");
    }
  }

  /** What a collector says of which server each of its requests is of. */
  private Set<Map<String, String>> resources(String path) {
    return sent(path).stream()
        .flatMap(request -> within(request, 1, 1).stream())
        .map(resource -> attributes(resource, 1))
        .collect(Collectors.toSet());
  }

  @Test
  void twoServers_atOneCollector_areToldApart() throws IOException {
    var base = URI.create("http://127.0.0.1:" + collector.getAddress().getPort());
    var settings = new KithConfig.Telemetry(base, true, true, 0);
    for (var pod : List.of("kith-server-0", "kith-server-1")) {
      try (var telemetry =
              CheckTelemetry.of(settings, ServerResource.of("1.2.3", pod, 1, Map.of()));
          var kith = new ServiceUnderTest(settings(), telemetry)) {
        kith.processes.answer(attributed(CURL));
        assertThat(kith.check(l4()).getStatus().getCode()).isEqualTo(7);
        telemetry.flush(LIMIT);
      }
    }

    for (var path : List.of("/v1/traces", "/v1/metrics", "/v1/logs")) {
      Await.until(path + " of both", () -> resources(path).size() >= 2);
      assertThat(resources(path))
          .as(path)
          .extracting(
              resource -> resource.get("service.name"),
              resource -> resource.get("service.instance.id"),
              resource -> resource.get("host.name"))
          .containsExactlyInAnyOrder(
              tuple("kith-authz-server", "kith-server-0", "kith-server-0"),
              tuple("kith-authz-server", "kith-server-1", "kith-server-1"));
    }
  }

  @Test
  void environment_addsToTheResource() throws IOException {
    var base = URI.create("http://127.0.0.1:" + collector.getAddress().getPort());
    var named =
        Map.of(
            "OTEL_RESOURCE_ATTRIBUTES", "k8s.namespace.name=kith,service.instance.id=a%2Cb+c",
            "OTEL_SERVICE_NAME", "checks");
    try (var telemetry =
            CheckTelemetry.of(new KithConfig.Telemetry(base, false, false, 0), "1.2.3", named);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      kith.processes.answer(attributed(CURL));
      assertThat(kith.check(l4()).getStatus().getCode()).isEqualTo(7);
      telemetry.flush(LIMIT);
    }

    assertThat(resources("/v1/traces"))
        .singleElement()
        .satisfies(
            resource ->
                assertThat(resource)
                    .contains(
                        entry("service.name", "checks"),
                        entry("service.version", "1.2.3"),
                        entry("service.instance.id", "a,b+c"),
                        entry("k8s.namespace.name", "kith")));
  }

  @Test
  void denials_whileTheCollectorStandsStill_areCountedWhereTheyDoNotFit() throws IOException {
    try (var telemetry = telemetry(false, true);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      kith.processes.answer(attributed(CURL));
      try {
        holding = new CountDownLatch(1);
        for (var i = 0; i < 4_000; i++) {
          assertThat(kith.check(l4()).getStatus().getCode()).isEqualTo(7);
        }
      } finally {
        requireNonNull(holding).countDown();
      }
      telemetry.flush(LIMIT);

      Await.until(
          "each was delivered or counted",
          () -> {
            var delivered =
                sent("/v1/logs").stream().mapToInt(one -> within(one, 1, 2, 2).size()).sum();
            var dropped = counted(telemetry, "kith_denial_records_dropped_total");
            return dropped > 0
                && delivered + dropped + counted(telemetry, "kith_denial_records_failed_total")
                    >= 4_000;
          });
    }
  }

  private static long counted(CheckTelemetry telemetry, String name) {
    return telemetry
        .metrics()
        .text()
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .mapToLong(line -> Long.parseLong(line.substring(name.length() + 1)))
        .sum();
  }

  /** As a Jaeger does, which takes spans alone. */
  @Test
  void collectorThatTakesNone_isCountedAndCostsNoAnswer() throws IOException {
    status = 404;
    try (var telemetry = telemetry(true, true);
        var kith = new ServiceUnderTest(settings(), telemetry)) {
      kith.processes.answer(attributed(CURL));

      assertThat(kith.check(l4()).getStatus().getCode()).isEqualTo(7);
      telemetry.flush(LIMIT);

      Await.until(
          "both are counted",
          () ->
              telemetry.metrics().text().contains("kith_metrics_exports_failed_total 1\n")
                  && telemetry.metrics().text().contains("kith_denial_records_failed_total 1\n"));
    }
  }
}
