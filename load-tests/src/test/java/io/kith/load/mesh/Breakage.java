package io.kith.load.mesh;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.SetModeRequest;
import io.kith.baselines.identity.SpiffeId;
import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.Pod;
import io.kith.load.lab.PodProcess;
import io.kith.load.mesh.Fault.Cell;
import io.kith.load.tools.Envoy;
import io.kith.spiffe.dev.DevIdentity;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** What breaks in a mesh, and how it is mended; each way asserts that it really was broken. */
final class Breakage {
  /**
   * So many connections are open at once, half of them in each of two pods: each takes an Envoy two
   * open files, which ends when it may have no more.
   */
  private static final int STORM = Integer.getInteger("kith.failure.connections", 10_000);

  /** What Kith calls who opens them. */
  static final String STORM_PROCESS = "/usr/bin/perl /tmp/many.pl";

  /** So many of them by each process, below the usual limit of open files. */
  private static final int EACH = 250;

  /**
   * A connection takes two ports of its pod to one destination, for a minute longer than it lasts:
   * the kernel looks long for a free one when there are few left.
   */
  private static final Path LOCAL_PORTS = Path.of("/proc/sys/net/ipv4/ip_local_port_range");

  private static final Duration LIMIT = Duration.ofMinutes(4);

  private static final String OVERFLOWS = "cluster.kith_server.upstream_rq_active_overflow";
  private static final String CONNECTIONS = "cluster.kith_server.upstream_cx_active";
  private static final String TIMEOUTS = "cluster.kith_server.upstream_rq_timeout";

  private static final String UNKNOWN_REPORTERS =
      "kith_checks_total{verdict=\"deny\",reason=\"unknown_reporter\",mode=\"enforce\"}";

  private final Mesh mesh;
  private final Envoy envoy;
  private final Path ballast;
  private final FakeTime time;
  private boolean enforced;
  private @Nullable Stutter slowness;
  private @Nullable Pod replica;
  private @Nullable EnvoyProxy secondEnvoy;
  private List<PodProcess> storm = List.of();
  private Instant stormBegan = Instant.EPOCH;
  private @Nullable LyingBridge liar;
  private @Nullable DevIdentity stranger;
  private long before;

  /**
   * All is well, and observed.
   *
   * @param disk where the server's store is: a small file system
   * @param time of the server
   */
  Breakage(Mesh mesh, Envoy envoy, Path disk, FakeTime time) {
    this.mesh = mesh;
    this.envoy = envoy;
    this.ballast = disk.resolve("ballast");
    this.time = time;
    mesh.checkout().write("/tmp/many.pl", text());
  }

  /** Connects many times. */
  static String text() {
    try (var stream = requireNonNull(Breakage.class.getResourceAsStream("many.pl"), "many.pl")) {
      return new String(stream.readAllBytes(), UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** From now on nothing passes that nobody knows, or again all of it. */
  void enforced(boolean now) {
    enforced = now;
  }

  // ---- the server

  void killServer() {
    mesh.server().kill();
  }

  void startServer() throws InterruptedException {
    mesh.startServer();
    awaitBridge();
  }

  /** There is no other one, and it is ready again. */
  void restartServer() throws InterruptedException {
    killServer();
    startServer();
  }

  /** Envoy's filter is as `failure: open` makes it, in each mode. */
  void openFilter() throws Exception {
    mesh.startEnvoy(envoy, true);
    awaitConnections();
  }

  void rightFilter() throws Exception {
    mesh.startEnvoy(envoy, !enforced);
  }

  private void awaitBridge() throws InterruptedException {
    Mesh.await("the bridge is attached", LIMIT, mesh::bridgeAttached);
  }

  void freezeServer() throws Exception {
    mesh.server().freeze();
  }

  void thawServer() throws Exception {
    mesh.server().thaw();
    awaitBridge();
  }

  void slowServer() throws Exception {
    before = mesh.envoy().stat(TIMEOUTS);
    slowness = Stutter.of(mesh.server());
    workUntil("some Check is not answered in time", () -> mesh.envoy().stat(TIMEOUTS) > before);
  }

  void fastServer() throws Exception {
    requireNonNull(slowness, "it is slow").end();
    awaitBridge();
  }

  /** Its clock is far behind the end of every certificate, and Envoy has to connect anew. */
  void clockAhead() throws Exception {
    time.jump(Duration.ofDays(1));
    Mesh.await("its own certificate has ended", LIMIT, () -> secondsToExpiry() <= 0);
    mesh.startEnvoy(envoy, !enforced);
  }

  /** The same, and Envoy goes on with the connections that it has. */
  void clockAheadUnderway() throws Exception {
    awaitConnections();
    before = counted(UNKNOWN_REPORTERS);
    time.jump(Duration.ofDays(1));
    Mesh.await("its own certificate has ended", LIMIT, () -> secondsToExpiry() <= 0);
  }

  /** Its clock is before the beginning of every certificate; Envoy goes on with its connections. */
  void clockBackUnderway() throws Exception {
    awaitConnections();
    before = counted(UNKNOWN_REPORTERS);
    time.jump(Duration.ofDays(-1));
    var day = Duration.ofDays(1).toSeconds();
    Mesh.await("its own certificate is not yet valid", LIMIT, () -> secondsToExpiry() > day);
  }

  /** Its clock is before the beginning of every certificate, and Envoy has to connect anew. */
  void clockBack() throws Exception {
    time.jump(Duration.ofDays(-1));
    var day = Duration.ofDays(1).toSeconds();
    Mesh.await("its own certificate is not yet valid", LIMIT, () -> secondsToExpiry() > day);
    mesh.startEnvoy(envoy, !enforced);
  }

  void clockRight() throws Exception {
    time.jump(Duration.ZERO);
    var day = Duration.ofDays(1).toSeconds();
    Mesh.await(
        "its own certificate is valid",
        LIMIT,
        () -> secondsToExpiry() > 0 && secondsToExpiry() < day);
    awaitBridge();
  }

  /** The same, after Checks came on connections that were open before. */
  void clockRightUnderway() throws Exception {
    var refused = counted(UNKNOWN_REPORTERS);
    clockRight();
    assertThat(refused).as(UNKNOWN_REPORTERS).isGreaterThan(before);
  }

  private long secondsToExpiry() {
    return metric("kith_identity_seconds_to_expiry");
  }

  // ---- between Envoy and the server

  void silenceNetwork() throws Exception {
    before = mesh.envoy().stat(TIMEOUTS);
    network("-A");
  }

  void healNetwork() throws Exception {
    network("-D");
    assertThat(mesh.envoy().stat(TIMEOUTS)).as(TIMEOUTS).isGreaterThan(before);
  }

  /** No byte to the server leaves the pod, and nobody is told. */
  private void network(String change) throws Exception {
    mesh.lab()
        .changeFilter(
            mesh.checkout(),
            change + " OUTPUT -p tcp --dport " + mesh.shop().ports().checks() + " -j DROP");
  }

  /**
   * Four Checks fit in, and stay: the server stands still, and a score of connections is opened.
   */
  void fillCircuitBreaker() throws Exception {
    mesh.startEnvoy(
        envoy,
        !enforced,
        recipe -> {
          var cluster = recipe.indexOf("name: kith_server\n");
          var limit = recipe.indexOf("max_requests: 100000", cluster);
          assertThat(limit).isPositive();
          return recipe.substring(0, limit)
              + "max_requests: 4"
              + recipe.substring(limit + "max_requests: 100000".length());
        });
    awaitConnections();
    freezeServer();
    var outcome = connections(mesh.checkout(), 1, 20).await(LIMIT);
    assertThat(outcome.stdout())
        .as(outcome.stderr())
        .isEqualTo("opened 20, answered %d\n".formatted(enforced ? 0 : 20));
    assertThat(mesh.envoy().stat(OVERFLOWS)).as(OVERFLOWS).isPositive();
  }

  void emptyCircuitBreaker() throws Exception {
    thawServer();
    mesh.startEnvoy(envoy, !enforced);
  }

  /**
   * Each of Envoy's workers has one to the server: a Check without one waits, and is not counted.
   */
  private void awaitConnections() throws Exception {
    workUntil("both workers of Envoy are connected", () -> mesh.envoy().stat(CONNECTIONS) >= 2);
  }

  /** Normal work, whatever becomes of it, again and again. */
  private void workUntil(String what, Callable<Boolean> seen) throws Exception {
    Mesh.await(
        what,
        LIMIT,
        () -> {
          try {
            var _ = mesh.work();
            return seen.call();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        });
  }

  /** A program that nobody knows connects so often by each of its processes, and asks on each. */
  private PodProcess connections(Pod pod, int processes, int each) throws IOException {
    var database = mesh.shop().place(mesh.database());
    return pod.start(
        1000,
        "",
        List.of(
            "/usr/bin/perl",
            "/tmp/many.pl",
            database.host(),
            Integer.toString(database.port()),
            Integer.toString(processes),
            Integer.toString(each)));
  }

  void beginStorm() throws Exception {
    stormBegan = Instant.now();
    var second = replica();
    secondEnvoy = mesh.startEnvoyBeside(second, envoy, !enforced);
    var processes = STORM / 2 / EACH;
    storm =
        List.of(
            connections(mesh.checkout(), processes, EACH), connections(second, processes, EACH));
  }

  /** Another pod of the workload; it comes once all is learned, which would wait for it too. */
  private Pod replica() throws Exception {
    var there = replica;
    if (there == null) {
      there = mesh.lab().addPod("replica", mesh.checkout().image());
      there.write("/tmp/many.pl", text());
      for (var pod : List.of(mesh.checkout(), there)) {
        pod.namespace().call(() -> Files.writeString(LOCAL_PORTS, "10240 65000"));
      }
      replica = there;
    }
    return there;
  }

  /** Waits until it is over. */
  void endStorm() throws Exception {
    try {
      var opened = STORM / 2;
      for (var half : storm) {
        var outcome = half.await(LIMIT);
        assertThat(outcome.stdout())
            .as("%s; refused: %s", outcome.stderr(), refusalsOfStorm())
            .isEqualTo("opened %d, answered %d\n".formatted(opened, enforced ? 0 : opened));
      }
    } finally {
      requireNonNull(secondEnvoy, "it began").close();
    }
  }

  /** How many of the latest decisions refused it, by mode and reason. */
  private Map<String, Long> refusalsOfStorm() {
    return mesh.denialsSince(stormBegan).stream()
        .filter(denial -> denial.getProcess().equals(STORM_PROCESS))
        .collect(
            Collectors.groupingBy(
                denial -> denial.getMode() + " " + denial.getReason(),
                TreeMap::new,
                Collectors.counting()));
  }

  // ---- the bridge

  void killBridge() {
    mesh.bridge().kill();
  }

  void startBridge() throws InterruptedException {
    mesh.startBridge();
  }

  void freezeBridge() throws Exception {
    mesh.bridge().freeze();
  }

  void thawBridge() throws Exception {
    mesh.bridge().thaw();
    awaitBridge();
  }

  /** It stands still for longer than the server waits, and answers then. */
  void slowBridge() throws Exception {
    before = metric("kith_answers_late_total");
    slowness = Stutter.of(mesh.bridge());
    workUntil("some answer is late", () -> metric("kith_answers_late_total") > before);
  }

  /** What it answered too late was learned from. */
  void fastBridge() throws Exception {
    requireNonNull(slowness, "it is slow").end();
    awaitBridge();
  }

  /** Another bridge, of another node, says that the pod is its own and every process known. */
  void lieAboutPod() throws Exception {
    liar = LyingBridge.attach(mesh);
  }

  void endLie() {
    var told = requireNonNull(liar, "it lied").close();
    assertThat(told).as("questions about the pod that the liar was asked").isZero();
  }

  // ---- certificates

  /** Envoy has the certificate of the same name in another trust domain, and trusts that one. */
  void strangeSidecar() throws Exception {
    var id = SpiffeId.parse(Mesh.CHECKOUT_ID.replace("dev.kith.local", "dev.other.local"));
    stranger =
        DevIdentity.start(
            new DevIdentity.Settings(
                mesh.shop().folder().resolve("other"),
                "dev.other.local",
                Duration.ofHours(1),
                Set.of(id)),
            Clock.systemUTC());
    var socket = stranger.socketOf(id).toString();
    mesh.startEnvoy(
        envoy,
        !enforced,
        recipe ->
            recipe
                .replace(mesh.socketOf(Mesh.CHECKOUT_ID).toString(), socket)
                .replace(Mesh.CHECKOUT_ID, id.toString()));
  }

  void knownSidecar() throws Exception {
    mesh.startEnvoy(envoy, !enforced);
    requireNonNull(stranger, "it was strange").close();
  }

  void killIdentity() {
    mesh.identity().kill();
  }

  void startIdentity() throws InterruptedException {
    mesh.startIdentity();
  }

  // ---- the store

  /** Fills the disk, and makes changes until one is refused: the log had some room left. */
  void fillDisk() throws Exception {
    try (OutputStream out = Files.newOutputStream(ballast)) {
      var block = new byte[1_024];
      while (true) {
        out.write(block);
      }
    } catch (IOException e) {
      assertThat(e).hasMessageContaining("No space left");
    }
    for (var i = 0; i < 2_000; i++) {
      try {
        change();
      } catch (StatusRuntimeException e) {
        assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.ABORTED);
        assertThat(e.getStatus().getDescription()).contains("nothing was changed", "is full");
        return;
      }
    }
    throw new AssertionError("the disk is full and changes are taken");
  }

  void freeDisk() throws Exception {
    Files.delete(ballast);
    Mesh.await(
        "changes are taken again",
        LIMIT,
        () -> {
          try {
            change();
            return true;
          } catch (StatusRuntimeException _) {
            return false;
          }
        });
  }

  /** Something that is no workload's business here. */
  private void change() {
    var _ =
        mesh.admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope("partners/*")
                    .setMode("observe")
                    .setNote("x".repeat(900))
                    .build());
  }

  // ---- telemetry: nobody ever listens where spans go

  void noteFailedSpans() throws Exception {
    before = failedSpans();
  }

  void awaitFailedSpans() throws InterruptedException {
    Mesh.await("spans fail, and are counted", LIMIT, () -> failedSpans() > before);
  }

  private long failedSpans() {
    return metric("kith_spans_failed_total");
  }

  private long metric(String name) {
    return told(name).orElseThrow();
  }

  /** Nothing is told of what has not happened yet. */
  private long counted(String name) {
    return told(name).orElse(0);
  }

  /** How often it happened what a cell says that it is counted; none where it says nothing. */
  long counted(Cell cell) {
    return cell.counter().isEmpty() ? 0 : values(cell.counter()).sum();
  }

  void awaitCounted(Cell cell, long before) throws InterruptedException {
    if (!cell.counter().isEmpty()) {
      Mesh.await(cell.counter() + " grows", LIMIT, () -> counted(cell) > before);
    }
  }

  private OptionalLong told(String name) {
    return values(name + " ").findFirst();
  }

  /** Of all lines with the same begin. */
  private LongStream values(String begin) {
    try {
      return mesh.shop()
          .ask("/metrics")
          .body()
          .lines()
          .filter(line -> line.startsWith(begin))
          .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
