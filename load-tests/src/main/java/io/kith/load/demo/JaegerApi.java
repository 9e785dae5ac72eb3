package io.kith.load.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Jaeger's HTTP API, as its own pages use it. */
public final class JaegerApi {
  /** The name under which Kith's server sends its spans. */
  public static final String SERVICE = "kith-authz-server";

  private static final ObjectMapper JSON = new ObjectMapper();

  private final URI api;

  /**
   * A Jaeger.
   *
   * @param api such as {@code http://127.0.0.1:16686}
   */
  public JaegerApi(URI api) {
    this.api = api;
  }

  /** Ids of the traces of the last hour that have a span of Kith with all these tags. */
  public List<String> traces(Map<String, String> tags) throws IOException, InterruptedException {
    var now = Instant.now();
    var query =
        "/api/traces?service="
            + SERVICE
            + "&limit=1000&tags="
            + URLEncoder.encode(JSON.writeValueAsString(tags), StandardCharsets.UTF_8)
            + "&start="
            + micros(now.minus(Duration.ofHours(1)))
            + "&end="
            + micros(now.plus(Duration.ofMinutes(1)));
    var ids = new ArrayList<String>();
    for (var trace : get(query).path("data")) {
      ids.add(trace.path("traceID").asText());
    }
    return ids;
  }

  /** Names of the spans of a trace, each with the name of its service. */
  public List<String> spans(String traceId) throws IOException, InterruptedException {
    var names = new ArrayList<String>();
    for (var trace : get("/api/traces/" + traceId).path("data")) {
      for (var span : trace.path("spans")) {
        var service =
            trace.path("processes").path(span.path("processID").asText()).path("serviceName");
        names.add(service.asText() + ": " + span.path("operationName").asText());
      }
    }
    return names;
  }

  private static long micros(Instant time) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, time);
  }

  private JsonNode get(String path) throws IOException, InterruptedException {
    try (var client = HttpClient.newHttpClient()) {
      var request =
          HttpRequest.newBuilder(api.resolve(path)).timeout(Duration.ofSeconds(30)).build();
      var response = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() != 200 && response.statusCode() != 404) {
        throw new IOException("Jaeger answers " + response.statusCode() + ": " + response.body());
      }
      return JSON.readTree(response.body());
    }
  }
}
