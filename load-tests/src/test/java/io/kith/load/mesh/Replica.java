package io.kith.load.mesh;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.load.tools.Command;
import io.kith.load.tools.RunningProcess;
import io.kith.spiffe.UnixChannels;
import java.io.IOException;
import java.io.UncheckedIOException;
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
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One of several servers of a mesh, a process of its own with ports from a first one on. */
public final class Replica implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private final String name;
  private final Path home;
  private final InetAddress address;
  private final int firstPort;
  private final ManagedChannel admin;
  private @Nullable RunningProcess process;

  /**
   * One that does not run yet.
   *
   * @param folder short, since a socket is made below it
   */
  public Replica(String name, Path folder, InetAddress address, int firstPort) throws IOException {
    this.name = name;
    this.home = Files.createDirectory(folder.resolve(name));
    this.address = address;
    this.firstPort = firstPort;
    this.admin = UnixChannels.to(adminSocket(), InsecureChannelCredentials.create()).build();
  }

  public String name() {
    return name;
  }

  public Path home() {
    return home;
  }

  public Path adminSocket() {
    return home.resolve("admin.sock");
  }

  public Path config() {
    return home.resolve("kith.yaml");
  }

  public int checks() {
    return firstPort;
  }

  public int bridges() {
    return firstPort + 1;
  }

  public int health() {
    return firstPort + 3;
  }

  /**
   * Starts it and waits until it is ready.
   *
   * @param command what starts it and changes something about it
   */
  public void start(List<String> command, String kithYaml)
      throws IOException, InterruptedException {
    Files.writeString(config(), kithYaml);
    var started =
        KithProgram.SERVER.start(
            command,
            "kith server " + name,
            home.resolve("log"),
            List.of("server", "--config", config().toString()));
    process = started;
    started.awaitReady(LIMIT, this::isReady);
    admin.resetConnectBackoff(); // of tries while it was away
  }

  private boolean isReady() {
    try (var client = HttpClient.newHttpClient()) {
      return client.send(request("/readyz"), HttpResponse.BodyHandlers.discarding()).statusCode()
          == 200;
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private HttpRequest request(String path) {
    var uri = URI.create("http://" + address.getHostAddress() + ":" + health() + path);
    return HttpRequest.newBuilder(uri).timeout(LIMIT).build();
  }

  /** Ends it. */
  public void stop() {
    if (process != null) {
      process.close();
    }
  }

  /** Ends it without a chance to say goodbye, as a crash would. */
  public void kill() {
    if (process != null) {
      process.kill();
    }
  }

  /** Stops it in the middle of what it does, until {@link #thaw}. */
  public void freeze() throws IOException, InterruptedException {
    Objects.requireNonNull(process).freezeAll();
  }

  /** Lets it go on. */
  public void thaw() throws IOException, InterruptedException {
    Objects.requireNonNull(process).thawAll();
  }

  /** What it says to whoever asks whether it is ready; empty when it does not answer. */
  public String readiness() {
    try (var client = HttpClient.newHttpClient()) {
      return client.send(request("/readyz"), HttpResponse.BodyHandlers.ofString()).body();
    } catch (IOException _) {
      return "";
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return "";
    }
  }

  /** Lines that it wrote so far, over all of its runs. */
  public List<String> log() throws IOException {
    return Files.readAllLines(home.resolve("log"));
  }

  /** What {@code kith status} says of it. */
  public String status() {
    try {
      return kith("status").orFail().output();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  public AdminServiceBlockingStub admin() {
    return AdminServiceGrpc.newBlockingStub(admin)
        .withDeadlineAfter(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Whether a bridge answers for a pod and finds its own connections. */
  public boolean bridgeAnswers() {
    try {
      return admin().getStatus(GetStatusRequest.getDefaultInstance()).getBridgesList().stream()
          .anyMatch(bridge -> bridge.getPods() > 0 && bridge.getCanaryOk());
    } catch (StatusRuntimeException _) {
      return false;
    }
  }

  /** Runs a verb of the {@code kith} command line against it. */
  public Command.Outcome kith(String... arguments) throws IOException, InterruptedException {
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--config", config().toString()));
    return KithProgram.SERVER.run(LIMIT, all);
  }

  /** The value of a metric without labels. */
  public double metric(String metric) throws IOException, InterruptedException {
    var page = metrics();
    return page.lines()
        .filter(line -> line.startsWith(metric + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(metric.length() + 1)))
        .findFirst()
        .orElseThrow(() -> new IOException(metric + " is not among the metrics: " + page));
  }

  /** Its page of metrics. */
  public String metrics() throws IOException, InterruptedException {
    try (var client = HttpClient.newHttpClient()) {
      return client.send(request("/metrics"), HttpResponse.BodyHandlers.ofString()).body();
    }
  }

  /** Kills it: nothing is asked of it any more. */
  @Override
  public void close() {
    admin.shutdownNow();
    kill();
  }
}
