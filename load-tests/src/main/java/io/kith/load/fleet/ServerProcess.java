package io.kith.load.fleet;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.baselines.identity.SpiffeId;
import io.kith.load.tools.Command;
import io.kith.load.tools.RunningProcess;
import io.kith.load.tools.StartCache;
import io.kith.spiffe.UnixChannels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** One run of a server of a {@link Fleet}, from its start to its end. */
public final class ServerProcess implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofMinutes(5);
  private static final Duration CALL_LIMIT = Duration.ofMinutes(3);
  private static final AtomicInteger RUNS = new AtomicInteger();

  private final String name;
  private final RunningProcess process;
  private final Part part;
  private final ManagedChannel admin;

  private ServerProcess(String name, Part part, RunningProcess process, ManagedChannel admin) {
    this.name = name;
    this.part = part;
    this.process = process;
    this.admin = admin;
  }

  /**
   * How a server is set up.
   *
   * @param name of its folder in that of the fleet
   * @param store the value of the key {@code store}
   * @param telemetry the value of the key {@code telemetry}
   * @param part what it does
   */
  public record Setup(
      Fleet fleet, String name, String store, List<Path> allowLists, String telemetry, Part part) {
    /** Does everything. */
    public Setup(Fleet fleet, String name, String store, List<Path> allowLists, String telemetry) {
      this(fleet, name, store, allowLists, telemetry, Part.all());
    }

    /** Has no allow-lists and sends no spans. */
    public Setup(Fleet fleet, String name, String store, Part part) {
      this(fleet, name, store, List.of(), "{}", part);
    }

    public Setup(Fleet fleet, String name, String store) {
      this(fleet, name, store, List.of());
    }

    /** Sends no spans. */
    public Setup(Fleet fleet, String name, String store, List<Path> allowLists) {
      this(fleet, name, store, allowLists, "{}");
    }

    /** Its keys, its mark of the log and its socket are here. */
    public Path home() {
      return fleet.folder().resolve(name);
    }

    /** Starts it; it is not ready yet. */
    public ServerProcess start() throws IOException {
      Files.createDirectories(home());
      var config = home().resolve("kith.yaml");
      Files.writeString(config, fleet.config(part, home(), store, allowLists, telemetry));
      var log = home().resolve("log-" + RUNS.incrementAndGet());
      return new ServerProcess(
          name,
          part,
          RunningProcess.start(
              "server " + name,
              log,
              Map.of(),
              StartCache.argv(
                  "io.kith.server.Main",
                  List.of("-Xmx192m"),
                  List.of("server", "--config", config.toString()))),
          UnixChannels.to(home().resolve("admin.sock"), InsecureChannelCredentials.create())
              .build());
    }

    /** Starts it and waits until it is ready. */
    public ServerProcess startAndWait() throws IOException, InterruptedException {
      var started = start();
      started.awaitReady();
      return started;
    }
  }

  /** Waits until it serves. */
  public void awaitReady() throws InterruptedException {
    process.awaitReady(START_LIMIT, () -> process.log().contains("\nready\n"));
  }

  /** Waits until it has ended by itself, and returns what it wrote. */
  public String awaitRefusal() throws InterruptedException {
    var end = System.nanoTime() + START_LIMIT.toNanos();
    while (process.alive()) {
      if (System.nanoTime() > end || process.log().contains("\nready\n")) {
        throw new IllegalStateException(name + " starts:\n" + Command.tail(process.log(), 15));
      }
      Thread.sleep(20);
    }
    return process.log();
  }

  public String name() {
    return name;
  }

  /** All that it wrote. */
  public String log() {
    return process.log();
  }

  public long pid() {
    return process.pid();
  }

  public boolean alive() {
    return process.alive();
  }

  int port(String key) {
    var prefix = "  " + key + " ";
    var line =
        process
            .log()
            .lines()
            .filter(one -> one.startsWith(prefix))
            .findFirst()
            .orElseThrow(() -> new IllegalStateException(name + " is not ready"));
    return Integer.parseInt(line.substring(line.lastIndexOf(':') + 1));
  }

  /** The admin service, over the socket. */
  public AdminServiceBlockingStub admin() {
    return AdminServiceGrpc.newBlockingStub(admin)
        .withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
  }

  public GetStatusResponse status() {
    return admin().getStatus(GetStatusRequest.getDefaultInstance());
  }

  /** Its identity. */
  SpiffeId id() {
    return part.id();
  }

  /** Whether it knows pods of that many workloads. */
  boolean hasPods(int workloads) {
    try {
      return part.isCheck()
          ? metric("kith_held_workloads") == workloads
          : status().getBridgesList().stream().anyMatch(one -> one.getPods() == workloads);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Host and port of health and metrics. */
  public String healthAddress() {
    return "127.0.0.1:" + port("health");
  }

  /** The page of metrics. */
  public String metrics() throws IOException, InterruptedException {
    try (var client = HttpClient.newHttpClient()) {
      var address = URI.create("http://" + healthAddress() + "/metrics");
      var request = HttpRequest.newBuilder(address).timeout(CALL_LIMIT).build();
      return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
    }
  }

  /** The value of a metric without labels. */
  public double metric(String metric) throws IOException, InterruptedException {
    @Nullable String line =
        metrics().lines().filter(one -> one.startsWith(metric + " ")).findFirst().orElse(null);
    return Double.parseDouble(
        Objects.requireNonNull(line, metric + " is not among the metrics")
            .substring(metric.length() + 1));
  }

  /** How many sidecars it knows that are open, or closed. */
  long sidecars(String failure) {
    try {
      return (long) metric("kith_sidecars{failure=\"" + failure + "\"}");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** kill -9. */
  public void kill() {
    process.kill();
    admin.shutdownNow();
  }

  /** Asks it to end, and waits until it has. */
  @Override
  public void close() {
    admin.shutdownNow();
    ProcessHandle.of(process.pid())
        .filter(ProcessHandle::destroy)
        .ifPresent(one -> one.onExit().completeOnTimeout(one, 60, TimeUnit.SECONDS).join());
    process.close();
  }
}
