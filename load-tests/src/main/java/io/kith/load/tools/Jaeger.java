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
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** A Jaeger that can be run, and where it came from. */
public record Jaeger(Path program, String from) {
  /** The version that is fetched. */
  public static final String VERSION = "1.76.0";

  /** The same version as a container image, whose numbers run differently. */
  private static final String IMAGE = "jaegertracing/jaeger:2.13.0";

  private static final String MODULE = "github.com/jaegertracing/jaeger/cmd/jaeger";

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
    var folder = ToolCache.ofUser().fetch("jaeger", VERSION, fresh -> fill(fresh, say));
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
    build(folder, say);
  }

  /**
   * Builds Jaeger in a module of its own, with the versions of its dependencies that its authors
   * chose.
   */
  private static void build(Path folder, Consumer<String> say)
      throws IOException, InterruptedException {
    var go = Command.find("go");
    if (go == null) {
      throw new MissingToolException(
          "Jaeger is missing: not in KITH_JAEGER, not on PATH, not to be had from Docker, and there is no Go to build it with"
              + " (install Jaeger "
              + VERSION
              + ", Docker or Go, or go on without it: --no-jaeger)");
    }
    var module = Files.createTempDirectory("kith-jaeger-");
    var done = new AtomicBoolean();
    var clock = Thread.ofVirtual().start(() -> tick(done, say));
    try {
      var environment =
          Map.of("GOBIN", folder.toString(), "GOFLAGS", "-mod=mod", "CGO_ENABLED", "0");
      for (var arguments :
          List.of(
              List.of("mod", "init", "scratch"),
              List.of("get", "-tool", MODULE + "@v" + VERSION),
              List.of("install", MODULE))) {
        var argv = new ArrayList<>(List.of(go.toString()));
        argv.addAll(arguments);
        var outcome = Command.run(Duration.ofMinutes(20), module, environment, argv);
        if (!outcome.succeeded()) {
          throw new MissingToolException(
              "Jaeger could not be built: 'go "
                  + String.join(" ", arguments)
                  + "' says: "
                  + Command.tail(outcome.output(), 3)
                  + " (set KITH_JAEGER to its program, or go on without it: --no-jaeger)");
        }
      }
    } finally {
      done.set(true);
      clock.interrupt();
      ToolCache.delete(module);
    }
  }

  private static void tick(AtomicBoolean done, Consumer<String> say) {
    for (int seconds = 0; !done.get(); seconds += 15) {
      say.accept(
          "building Jaeger "
              + VERSION
              + " with Go, once, some five minutes: "
              + seconds
              + " s so far");
      try {
        Thread.sleep(Duration.ofSeconds(15));
      } catch (InterruptedException _) {
        return;
      }
    }
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
      process.awaitReady(Duration.ofSeconds(30), () -> answers(api));
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
              .timeout(Duration.ofSeconds(1))
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
