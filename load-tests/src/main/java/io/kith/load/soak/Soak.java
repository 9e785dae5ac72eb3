package io.kith.load.soak;

import io.grpc.ManagedChannel;
import io.kith.admin.v1.AdminServiceGrpc;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.GetStatusRequest;
import io.kith.admin.v1.ListDecisionsRequest;
import io.kith.admin.v1.RemoveRuleRequest;
import io.kith.admin.v1.SetModeRequest;
import io.kith.load.compare.Cores;
import io.kith.load.compare.Driver;
import io.kith.load.compare.Identities;
import io.kith.load.compare.KithServer;
import io.kith.load.compare.Shape;
import io.kith.load.compare.Started;
import io.kith.load.compare.Traffic;
import io.kith.load.tools.Jcmd;
import io.kith.load.tools.ProcessCost;
import io.kith.load.tools.RunningProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * One run: a server process with its store, four pods, a bridge that comes and goes, and changes.
 * Every answer is compared with what it has to be.
 */
final class Soak {
  private static final int PODS = 4;
  private static final int EDGES = Traffic.DESTINATIONS * Traffic.PROGRAMS;
  private static final int IN_FLIGHT = 8;
  private static final int SOCKETS = 250;
  private static final int RULED = 0;
  private static final Duration LIMIT = Duration.ofMinutes(2);

  /**
   * What to do.
   *
   * @param perSecond Checks, about
   * @param window of traffic, after which the server is looked at
   * @param connectionAge after which the server ends connections
   * @param bridgeEvery so many windows the bridge ends and comes back
   */
  record Plan(
      Duration time, double perSecond, Duration window, Duration connectionAge, int bridgeEvery) {}

  private final Plan plan;
  private final Consumer<String> say;

  private final KithServer server;
  private final Started started;
  private final Identities identities;
  private final ManagedChannel admin;
  private final SoakState state;
  private final int run;
  private final long began = System.nanoTime();
  private RunningProcess bridge;

  private long wrong;
  private int changes;
  private int connections;

  private Soak(
      Plan plan,
      KithServer server,
      Started started,
      Identities identities,
      SoakState state,
      Consumer<String> say) {
    this.plan = plan;
    this.state = state;
    this.run = state.nextRun();
    this.server = server;
    this.started = started;
    this.identities = identities;
    this.say = say;
    this.admin = server.admin();
    this.bridge = started.beside().getFirst();
  }

  /** Runs below a folder until its time is over, and adds its windows to the state. */
  static void run(Path folder, Plan plan, SoakState state, Consumer<String> say)
      throws IOException, InterruptedException {
    try (var identities = new Identities(folder, PODS)) {
      var server = new KithServer(folder.resolve("kith"), identities, PODS, plan.connectionAge());
      say.accept("starting a server");
      try (var started = server.start(Cores.shared())) {
        var soak = new Soak(plan, server, started, identities, state, say);
        try {
          soak.windows();
        } finally {
          soak.bridge.close();
          soak.admin.shutdownNow();
        }
      }
    }
  }

  private void windows() throws IOException, InterruptedException {
    try (var driver = connect()) {
      var renewed = 0;
      for (var number = 1; System.nanoTime() - began < plan.time().toNanos(); number++) {
        wrong = 0;
        changes = 0;
        connections = 0;
        var answers = driver.run(plan.window(), IN_FLIGHT, plan.perSecond());
        wrong(answers.denied(), "Checks of what was learned were denied");
        newConnections();
        ruleByHand(driver);
        mode(driver);
        var bridges = 0;
        if (number % plan.bridgeEvery() == 0) {
          bridgeGoesAndComes(driver);
          bridges++;
        }
        connections += driver.renewed() - renewed;
        renewed = driver.renewed();
        state.add(window(answers, bridges));
        tell(state.windows().getLast());
      }
    }
  }

  private void tell(SoakWindow window) {
    say.accept(
        String.format(
            java.util.Locale.ROOT,
            "%.0f s: %,d Checks, %d wrong, p50 %.0f µs, p99 %.0f µs, %d MiB resident, %.1f MiB"
                + " heap",
            window.second(),
            window.checks(),
            wrong,
            window.p50Micros(),
            window.p99Micros(),
            window.residentKib() / 1_024,
            window.heapKib() / 1_024.0));
  }

  private double second() {
    return (System.nanoTime() - began) / 1e9;
  }

  /** Written down at once: what ends a window does not lose it. */
  private void wrong(long count, String what) throws IOException {
    if (count > 0) {
      wrong += count;
      state.add(SoakWindow.ofWrong(run, second(), count));
      say.accept("WRONG: %d %s".formatted(count, what));
    }
  }

  /** Two pods with sockets that come again, two with another each time. */
  private Driver connect() throws IOException, InterruptedException {
    var traffic = new ArrayList<Traffic>();
    for (var i = 0; i < PODS; i++) {
      traffic.add(
          new Traffic(
              i % 2 == 0 ? Shape.l4 : Shape.l7, true, i, i < 2 ? SOCKETS : Traffic.ALL_NEW));
    }
    connections += PODS;
    return Driver.connect(started.port(), traffic, identities.contexts());
  }

  private void newConnections() throws IOException, InterruptedException {
    try (var fresh = connect()) {
      wrong((long) EDGES * PODS - fresh.allowed(EDGES), "new connections were not allowed");
    }
  }

  private AdminServiceBlockingStub admin() {
    return AdminServiceGrpc.newBlockingStub(admin)
        .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS);
  }

  /** A program that nobody learned is refused, allowed by hand, and refused again. */
  private void ruleByHand(Driver driver) throws IOException {
    require(driver, false);
    var denied =
        admin()
            .listDecisions(
                ListDecisionsRequest.newBuilder()
                    .setOwner(KithServer.owner(RULED))
                    .setDeniedOnly(true)
                    .setLimit(1)
                    .build());
    if (denied.getDecisionsCount() == 0) {
      return; // that it was allowed is written down
    }
    var decision = denied.getDecisions(0);
    var edge =
        admin()
            .allow(
                AllowRequest.newBuilder()
                    .setOwner(KithServer.owner(RULED))
                    .setDecisionId(decision.getId())
                    .setNote("soak")
                    .build())
            .getEdge();
    require(driver, true);
    var _ =
        admin()
            .removeRule(
                RemoveRuleRequest.newBuilder()
                    .setOwner(KithServer.owner(RULED))
                    .setId(edge.getId())
                    .setNote("soak")
                    .build());
    require(driver, false);
    changes += 2;
  }

  private void mode(Driver driver) throws IOException {
    setMode("observe");
    require(driver, true);
    setMode("enforce");
    require(driver, false);
    changes += 2;
  }

  private void setMode(String mode) {
    var _ =
        admin()
            .setMode(
                SetModeRequest.newBuilder()
                    .setScope(KithServer.owner(RULED))
                    .setMode(mode)
                    .setNote("soak")
                    .build());
  }

  /** Whether a program that nobody learned may connect now. */
  private void require(Driver driver, boolean allowed) throws IOException {
    if (driver.allows(0, Traffic.STRANGE_PORT) != allowed) {
      wrong(1, "strange program is " + (allowed ? "refused" : "allowed"));
    }
  }

  private void bridgeGoesAndComes(Driver driver) throws IOException, InterruptedException {
    bridge.close();
    require(driver, false);
    bridge = server.bridge(started.process());
    started
        .process()
        .awaitReady(
            LIMIT,
            () ->
                admin().getStatus(GetStatusRequest.getDefaultInstance()).getBridgesList().stream()
                    .anyMatch(one -> one.getPods() == PODS));
  }

  private SoakWindow window(Driver.Answers answers, int bridges)
      throws IOException, InterruptedException {
    var pid = started.process().pid();
    var resident = ProcessCost.residentKibibytes(pid);
    Jcmd.collect(pid);
    var nanos = answers.latencyNanos();
    Arrays.sort(nanos);
    return new SoakWindow(
        run,
        second(),
        answers.count(),
        0, // which is written down already
        answers.expired(),
        at(nanos, 0.5),
        at(nanos, 0.99),
        resident,
        Jcmd.heap(pid).usedKib(),
        files(pid),
        threads(pid),
        connections,
        changes,
        bridges);
  }

  private static double at(int[] sorted, double part) {
    return sorted.length == 0
        ? 0
        : sorted[Math.min(sorted.length - 1, (int) (sorted.length * part))] / 1e3;
  }

  private static int files(long pid) throws IOException {
    try (var files = Files.list(Path.of("/proc/" + pid + "/fd"))) {
      return (int) files.count();
    }
  }

  private static int threads(long pid) throws IOException {
    try (var threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
      return (int) threads.count();
    }
  }
}
