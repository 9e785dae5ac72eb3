package io.kith.load.tools;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Prometheus and promtool, as the operating system's package has them. */
public final class Prometheus {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path prometheus;
  private final Path promtool;

  private Prometheus(Path prometheus, Path promtool) {
    this.prometheus = prometheus;
    this.promtool = promtool;
  }

  /**
   * Finds it: in the folder that {@code KITH_PROMETHEUS} names, else on {@code PATH}.
   *
   * @throws MissingToolException when it is not there
   */
  public static Prometheus find() {
    var chosen = System.getenv("KITH_PROMETHEUS");
    if (chosen != null && !chosen.isBlank()) {
      var folder = Path.of(chosen);
      Envoy.requireExecutable("KITH_PROMETHEUS", folder.resolve("prometheus").toString());
      Envoy.requireExecutable("KITH_PROMETHEUS", folder.resolve("promtool").toString());
      return new Prometheus(folder.resolve("prometheus"), folder.resolve("promtool"));
    }
    @Nullable Path prometheus = Command.find("prometheus");
    @Nullable Path promtool = Command.find("promtool");
    if (prometheus == null || promtool == null) {
      throw new MissingToolException(
          "Prometheus is missing: no KITH_PROMETHEUS, and no prometheus with promtool on PATH"
              + " (install it, as apt-get install --no-install-recommends prometheus does, or set"
              + " KITH_PROMETHEUS to the folder of both programs)");
    }
    return new Prometheus(prometheus, promtool);
  }

  /** What promtool says of a file of rules. */
  public String checkRules(Path rules) throws IOException, InterruptedException {
    return Command.run(LIMIT, List.of(promtool.toString(), "check", "rules", rules.toString()))
        .orFail()
        .output();
  }

  /** What promtool finds wrong with a page of metrics; empty when nothing is. */
  public String check(String metrics, Path folder) throws IOException, InterruptedException {
    var page = folder.resolve("metrics");
    Files.writeString(page, metrics);
    var outcome =
        Command.run(
            LIMIT,
            List.of(
                "sh",
                "-c",
                "exec \"$1\" check metrics < \"$2\"",
                "sh",
                promtool.toString(),
                page.toString()));
    return outcome.succeeded() ? "" : outcome.output() + " (exit " + outcome.exit() + ")";
  }

  /**
   * Starts one that reads the metrics of a server every second, on a loopback port.
   *
   * @param folder for its data
   * @param target host and port of the server's metrics
   */
  public Running start(Path folder, String target) throws IOException, InterruptedException {
    var config = folder.resolve("prometheus.yml");
    Files.writeString(
        config,
        """
        global: {scrape_interval: 1s, scrape_timeout: 1s}
        scrape_configs:
        - job_name: kith
          static_configs:
          - targets: ["%s"]
        """
            .formatted(target));
    var port = FreePorts.next();
    var process =
        RunningProcess.start(
            "Prometheus",
            folder.resolve("prometheus.log"),
            Map.of(),
            List.of(
                prometheus.toString(),
                "--config.file=" + config,
                "--storage.tsdb.path=" + folder.resolve("tsdb"),
                "--web.listen-address=127.0.0.1:" + port,
                "--log.level=warn"));
    var running = new Running(process, URI.create("http://127.0.0.1:" + port));
    process.awaitReady(LIMIT, running::ready);
    return running;
  }

  /** One that runs. */
  public static final class Running implements AutoCloseable {
    private final RunningProcess process;
    private final URI api;
    private final HttpClient client = HttpClient.newHttpClient();

    private Running(RunningProcess process, URI api) {
      this.process = process;
      this.api = api;
    }

    private boolean ready() {
      try {
        return get("/-/ready").statusCode() == 200;
      } catch (IOException _) {
        return false;
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return false;
      }
    }

    /**
     * The result of an instant query: an array of series, empty when there are none.
     *
     * @throws IOException when Prometheus refuses the query, with its words
     */
    public JsonNode query(String expression) throws IOException, InterruptedException {
      var answer =
          JSON.readTree(
              get("/api/v1/query?query=" + URLEncoder.encode(expression, StandardCharsets.UTF_8))
                  .body());
      if (!answer.path("status").asText().equals("success")) {
        throw new IOException(expression + ": " + answer.path("error").asText());
      }
      return Objects.requireNonNull(answer.path("data").path("result"), "a result");
    }

    private HttpResponse<String> get(String path) throws IOException, InterruptedException {
      var request = HttpRequest.newBuilder(api.resolve(path)).timeout(LIMIT).build();
      return client.send(request, HttpResponse.BodyHandlers.ofString());
    }

    @Override
    public void close() {
      client.shutdownNow();
      process.close();
    }
  }
}
