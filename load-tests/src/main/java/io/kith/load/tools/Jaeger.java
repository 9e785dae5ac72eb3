package io.kith.load.tools;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A Jaeger that can be run, and where it came from. */
public record Jaeger(Path program, String from) {
  /** The version that is fetched. */
  public static final String VERSION = "1.76.0";

  /** The same version as a container image, whose numbers run differently. */
  private static final String IMAGE = "jaegertracing/jaeger:2.13.0";

  private static final GoBuild BUILD =
      new GoBuild(
          "Jaeger " + VERSION,
          List.of("github.com/jaegertracing/jaeger/cmd/jaeger"),
          "v" + VERSION,
          List.of(),
          Map.of("CGO_ENABLED", "0"),
          5,
          "install it, Docker or Go, set KITH_JAEGER to its program, or go on without it:"
              + " --no-jaeger");

  /**
   * Jaeger from {@code KITH_JAEGER}, else from {@code PATH}, else from the cache, else out of its
   * Docker image, else built with Go (some five minutes).
   *
   * @param say takes lines of progress
   */
  public static Jaeger find(Consumer<String> say) throws InterruptedException {
    var chosen = System.getenv("KITH_JAEGER");
    if (chosen != null && !chosen.isBlank()) {
      return new Jaeger(Envoy.requireExecutable("KITH_JAEGER", chosen), "KITH_JAEGER");
    }
    var onPath = Command.find("jaeger");
    if (onPath != null) {
      return new Jaeger(onPath, "PATH");
    }
    var folder = ToolCache.ofUser().fetch("jaeger", VERSION, fresh -> fill(fresh, say), say);
    return new Jaeger(folder.resolve("jaeger"), "cache");
  }

  /** Whether {@link #find} would have to build it first. */
  public static boolean isAtHand() {
    return System.getenv("KITH_JAEGER") != null
        || Command.find("jaeger") != null
        || Files.isDirectory(ToolCache.ofUser().folder("jaeger", VERSION));
  }

  private static void fill(Path folder, Consumer<String> say)
      throws IOException, InterruptedException {
    var docker = Command.find("docker");
    if (docker != null) {
      var created =
          Command.run(
              Duration.ofMinutes(5), List.of(docker.toString(), "create", "--quiet", IMAGE));
      if (created.succeeded()) {
        var container = Command.tail(created.output(), 1);
        var program =
            Command.run(
                Duration.ofMinutes(1),
                List.of(
                    docker.toString(),
                    "inspect",
                    "--format",
                    "{{index .Config.Entrypoint 0}}",
                    container));
        var copied =
            Command.run(
                Duration.ofMinutes(1),
                List.of(
                    docker.toString(),
                    "cp",
                    container + ":" + program.output().strip(),
                    folder.resolve("jaeger").toString()));
        Command.run(Duration.ofMinutes(1), List.of(docker.toString(), "rm", "--force", container));
        if (copied.succeeded()) {
          return;
        }
      }
    }
    BUILD.into(folder, say);
  }

  /**
   * A Jaeger that runs and keeps its traces in memory.
   *
   * @param api where its HTTP API is, such as {@code http://127.0.0.1:16686}
   */
  public record Running(RunningProcess process, URI api, int otlpGrpcPort, int otlpHttpPort)
      implements AutoCloseable {
    @Override
    public void close() {
      process.close();
    }
  }

  /** The ports of one Jaeger. */
  public record Ports(int api, int otlpGrpc, int otlpHttp, int apiGrpc) {
    /** Those that Jaeger's users expect. */
    public static final Ports USUAL = new Ports(16686, 4317, 4318, 16685);
  }

  /**
   * Starts Jaeger.
   *
   * @param folder for its configuration and its log
   * @param otlp address where it takes spans; its API listens on loopback
   */
  public Running start(Path folder, InetAddress otlp, Ports ports)
      throws IOException, InterruptedException {
    var config = folder.resolve("jaeger.yaml");
    Files.writeString(config, config(otlp, ports));
    var process =
        RunningProcess.start(
            "Jaeger",
            folder.resolve("jaeger.log"),
            Map.of("OTEL_TRACES_SAMPLER", "always_off"),
            List.of(program.toString(), "--config", config.toString()));
    var api = URI.create("http://127.0.0.1:" + ports.api());
    try {
      process.awaitReady(Duration.ofMinutes(2), () -> answers(api));
    } catch (IllegalStateException e) {
      process.close();
      throw e;
    }
    return new Running(process, api, ports.otlpGrpc(), ports.otlpHttp());
  }

  private static String config(InetAddress otlp, Ports ports) {
    return """
    service:
      extensions: [jaeger_storage, jaeger_query]
      pipelines:
        traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}
      telemetry:
        metrics: {level: none}
        logs: {level: warn}
    extensions:
      jaeger_query:
        storage: {traces: memory}
        http: {endpoint: "127.0.0.1:%d"}
        grpc: {endpoint: "127.0.0.1:%d"}
      jaeger_storage:
        backends: {memory: {memory: {max_traces: 100000}}}
    receivers:
      otlp:
        protocols: {grpc: {endpoint: "%s:%d"}, http: {endpoint: "%s:%d"}}
    exporters:
      jaeger_storage_exporter: {trace_storage: memory}
    """
        .formatted(
            ports.api(),
            ports.apiGrpc(),
            otlp.getHostAddress(),
            ports.otlpGrpc(),
            otlp.getHostAddress(),
            ports.otlpHttp());
  }

  private static boolean answers(URI api) {
    try (var client = HttpClient.newHttpClient()) {
      var request =
          HttpRequest.newBuilder(api.resolve("/api/services"))
              .timeout(Duration.ofSeconds(10))
              .build();
      return client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
