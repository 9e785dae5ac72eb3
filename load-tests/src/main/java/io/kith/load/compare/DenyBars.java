package io.kith.load.compare;

import io.grpc.ManagedChannel;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.DenyRequest;
import io.kith.admin.v1.ListEdgesRequest;
import io.kith.admin.v1.ListRulesRequest;
import io.kith.admin.v1.RemoveRuleRequest;
import io.kith.load.tools.Command;
import io.kith.load.tools.MissingToolException;
import io.kith.load.tools.Postgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * How soon a deny by hand is in force on all of two servers, while they answer: from its RPC, and
 * from the start of a person's command. The figure is the worst of all trials.
 */
final class DenyBars {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  /**
   * Of each server, so that a refusal is seen within four milliseconds. More of them would measure
   * how long a command takes on processors that are busy with the measurement.
   */
  private static final double PER_SECOND = 500;

  private static final double BAR = 250;

  static final String RPC = "its RPC";
  static final String COMMAND = "the start of kith deny";

  /** The first socket of a pod: its first program, to the first destination. */
  private static final String PROGRAM = "/app/shop";

  /** The folder of the launcher, as it says itself; empty in tests, which it does not run. */
  private static final String HOME = System.getProperty("kith.home", "");

  /** Of a deny, at one of the servers. */
  @FunctionalInterface
  private interface Way {
    void deny(int server) throws IOException, InterruptedException;
  }

  private final BarsBench.Bench bench;
  private final List<Path> homes;
  private final List<Driver> drivers;
  private final List<ManagedChannel> admins;
  private final String edge;

  private DenyBars(
      BarsBench.Bench bench,
      List<Path> homes,
      List<Driver> drivers,
      List<ManagedChannel> admins,
      String edge) {
    this.bench = bench;
    this.homes = homes;
    this.drivers = drivers;
    this.admins = admins;
    this.edge = edge;
  }

  static List<Bar> measure(BarsBench.Bench bench) throws IOException, InterruptedException {
    try (var postgres = Postgres.start(bench.say())) {
      return measured(bench, postgres);
    } catch (MissingToolException e) {
      return List.of(
          new Bar("deny_rpc", words(RPC), "ms", BAR, true, null, String.valueOf(e.getMessage())));
    }
  }

  private static String words(String from) {
    return "deny by hand, from " + from + ", on both servers";
  }

  private static List<Bar> measured(BarsBench.Bench bench, Postgres postgres)
      throws IOException, InterruptedException {
    var secret = Files.writeString(bench.folder().resolve("password"), Postgres.PASSWORD + "\n");
    var store =
        "{type: postgresql, url: \"%s\", user: %s, passwordFile: \"%s\"}"
            .formatted(database(postgres), Postgres.USER, secret);
    var keys = bench.folder().resolve("keys");
    var homes = List.of(bench.folder().resolve("one"), bench.folder().resolve("two"));
    try (var identities = new Identities(bench.folder(), 1)) {
      var servers =
          homes.stream()
              .map(
                  home ->
                      new KithServer(
                          home,
                          identities,
                          1,
                          KithServer.Options.of(home)
                              .storedIn(
                                  store.replace("}", ", replica: " + home.getFileName() + "}"),
                                  keys)))
              .toList();
      bench.say().accept("starting two servers on one PostgreSQL");
      try (var one = servers.getFirst().start(bench.cores());
          var two = servers.getLast().join(bench.cores());
          var driverOfOne = driver(one, identities);
          var driverOfTwo = driver(two, identities)) {
        var contexts = identities.contexts();
        var traffic = KithServer.traffic(Shape.l4, 1, 250);
        bench.warmUp("the first", one, traffic, contexts);
        bench.warmUp("the second", two, traffic, contexts);
        var admins = servers.stream().map(KithServer::admin).toList();
        try {
          return new DenyBars(
                  bench, homes, List.of(driverOfOne, driverOfTwo), admins, edge(admins.getFirst()))
              .bars();
        } finally {
          admins.forEach(ManagedChannel::shutdownNow);
        }
      }
    }
  }

  private static String database(Postgres postgres) throws IOException {
    try {
      return postgres.newDatabase();
    } catch (SQLException e) {
      throw new IOException(e);
    }
  }

  private static Driver driver(Started server, Identities identities)
      throws IOException, InterruptedException {
    return Driver.connect(server.port(), KithServer.traffic(Shape.l4, 1, 1), identities.contexts());
  }

  private static String edge(ManagedChannel admin) {
    return KithServer.stub(admin)
        .listEdges(ListEdgesRequest.newBuilder().setOwner(KithServer.owner(0)).build())
        .getEdgesList()
        .stream()
        .filter(edge -> edge.getProcess().equals(PROGRAM))
        .filter(edge -> edge.getDestination().contains(KithServer.destination(0)))
        .findFirst()
        .orElseThrow()
        .getId();
  }

  private List<Bar> bars() throws IOException, InterruptedException {
    var calls = bar("deny_rpc", RPC, trials("from the RPC", this::call));
    return HOME.isEmpty()
        ? List.of(calls)
        : List.of(calls, bar("deny", COMMAND, trials("from the command", this::command)));
  }

  /**
   * The figure of trials.
   *
   * @param begin from when they count
   * @param millis of each
   */
  static Bar bar(String id, String begin, double[] millis) {
    var sorted = Arrays.stream(millis).sorted().toArray();
    return Bar.atMost(
        id,
        words(begin),
        "ms",
        BAR,
        sorted[sorted.length - 1],
        "the worst of %d; median %s".formatted(sorted.length, millis(sorted[sorted.length / 2])));
  }

  private static String millis(double millis) {
    return String.format(Locale.ROOT, "%.0f ms", millis);
  }

  /** Denies by the admin API, whose client is there already. */
  private void call(int server) {
    var _ =
        KithServer.stub(admins.get(server))
            .deny(
                DenyRequest.newBuilder()
                    .setOwner(KithServer.owner(0))
                    .setEdgeId(edge)
                    .setNote("measured")
                    .build());
  }

  /** Denies as a person does, whose command has to start. */
  private void command(int server) throws IOException, InterruptedException {
    var argv = new ArrayList<>(bench.cores().bothPrefix());
    argv.add(Path.of(HOME, "kith").toString());
    argv.addAll(List.of("deny", KithServer.owner(0), edge, "--note", "measured"));
    argv.addAll(List.of("--config", homes.get(server).resolve("kith.yaml").toString()));
    var _ = Command.run(LIMIT, argv).orFail();
  }

  /** Milliseconds from the begin of each deny to the first refusal by the slower server. */
  private double[] trials(String from, Way way) throws IOException, InterruptedException {
    var millis = new double[Math.max(4, 4 * bench.plan().trials())];
    try (var threads = Executors.newFixedThreadPool(drivers.size())) {
      for (var i = 0; i < millis.length; i++) {
        awaitAllowed();
        var running = new CountDownLatch(drivers.size());
        var refusals =
            drivers.stream()
                .map(
                    driver ->
                        threads.submit(
                            () -> driver.untilDenied(LIMIT, PER_SECOND, running::countDown)))
                .toList();
        if (!running.await(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
          throw new IOException("no answers within " + LIMIT);
        }
        var server = i % admins.size();
        var began = System.nanoTime();
        way.deny(server);
        for (var refusal : refusals) {
          millis[i] = Math.max(millis[i], (refusal.get() - began) / 1e6);
        }
        takeBack(KithServer.stub(admins.get(server)));
      }
    } catch (ExecutionException e) {
      throw new IOException("no refusal", e.getCause());
    }
    bench
        .say()
        .accept("  " + from + ": " + Arrays.stream(millis).mapToObj(DenyBars::millis).toList());
    return millis;
  }

  private static void takeBack(AdminServiceBlockingStub admin) {
    var rules = ListRulesRequest.newBuilder().setOwner(KithServer.owner(0)).build();
    for (var rule : admin.listRules(rules).getRulesList()) {
      var _ =
          admin.removeRule(
              RemoveRuleRequest.newBuilder()
                  .setOwner(KithServer.owner(0))
                  .setId(rule.getId())
                  .setNote("measured")
                  .build());
    }
  }

  private void awaitAllowed() throws IOException {
    var end = System.nanoTime() + LIMIT.toNanos();
    for (var driver : drivers) {
      while (driver.allowed(1) != 1) {
        if (System.nanoTime() > end) {
          throw new IOException("still refused " + LIMIT + " after the rule was removed");
        }
        LockSupport.parkNanos(5_000_000);
      }
    }
  }
}
