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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

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

  /**
   * One span of a trace.
   *
   * @param parent id of the span that it is a part of, or null
   * @param service who sent it
   * @param tags their values as text
   */
  public record Span(
      String id, @Nullable String parent, String service, String name, Map<String, String> tags) {
    public Span {
      tags = Map.copyOf(tags);
    }

    /** The same in words: who sent it and its name. */
    @Override
    public String toString() {
      return service + ": " + name;
    }
  }

  /** The spans of a trace that are there by now. */
  public List<Span> trace(String id) throws IOException, InterruptedException {
    var spans = new ArrayList<Span>();
    for (var trace : get("/api/traces/" + id).path("data")) {
      for (var span : trace.path("spans")) {
        var service =
            trace.path("processes").path(span.path("processID").asText()).path("serviceName");
        spans.add(
            new Span(
                span.path("spanID").asText(),
                parent(span),
                service.asText(),
                span.path("operationName").asText(),
                tags(span)));
      }
    }
    return spans;
  }

  private static @Nullable String parent(JsonNode span) {
    for (var reference : span.path("references")) {
      if (reference.path("refType").asText().equals("CHILD_OF")) {
        return reference.path("spanID").asText();
      }
    }
    return null;
  }

  private static Map<String, String> tags(JsonNode span) {
    var tags = new HashMap<String, String>();
    for (var tag : span.path("tags")) {
      tags.put(tag.path("key").asText(), tag.path("value").asText());
    }
    return tags;
  }

  /** Names of the spans of a trace, each with the name of its service. */
  public List<String> spans(String traceId) throws IOException, InterruptedException {
    return trace(traceId).stream().map(Span::toString).toList();
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
