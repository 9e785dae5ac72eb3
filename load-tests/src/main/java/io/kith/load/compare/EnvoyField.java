package io.kith.load.compare;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.load.lab.EnvoyProxy;
import io.kith.load.lab.LoadNetwork;
import io.kith.load.tools.Command;
import io.kith.load.tools.Envoy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What a comparison through Envoy runs in: a network, where all requests end, the servers, and a
 * pod for each row.
 */
final class EnvoyField implements AutoCloseable {
  /** Where no pod may go; whatever listens there is the upstream, too. */
  private static final int FORBIDDEN = 200;

  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final int DIRECT_CONNECTIONS = 4;
  private static final int DIRECT_SOCKETS = 250;

  private final Path folder;
  private final Identities identities;
  private final Envoy program;
  private final Cores cores;
  private final int pods;
  private final int kithPods;
  private final Consumer<String> say;
  private final Map<String, Started> servers = new HashMap<>();
  private final LoadThread thread = new LoadThread();
  private List<Integer> redirects = List.of();

  /**
   * Nothing runs yet.
   *
   * @param cores its server's processor is that of the Envoys here
   * @param pods one for each row
   * @param kithPods so many of them, the first, are known to Kith
   */
  EnvoyField(
      Path folder,
      Identities identities,
      Envoy program,
      Cores cores,
      int pods,
      int kithPods,
      Consumer<String> say) {
    this.folder = folder;
    this.identities = identities;
    this.program = program;
    this.cores = cores;
    this.pods = pods;
    this.kithPods = kithPods;
    this.say = say;
  }

  /** One row, whose server runs. */
  final class Lane {
    private final EnvoyConfig config;
    private final @Nullable Started server;

    private Lane(EnvoyConfig config, @Nullable Started server) {
      this.config = config;
      this.server = server;
    }

    EnvoyConfig config() {
      return config;
    }

    /** The end of what the server that is asked wrote. */
    String said() {
      return server == null ? "" : Command.tail(server.process().log(), 15);
    }

    EnvoyProxy startEnvoy() throws IOException, InterruptedException {
      return EnvoyProxy.startWorker(
          folder,
          config.authorizer().id() + "-" + config.shape(),
          program,
          config.yaml(identities::socketOf),
          config.adminPort(),
          cores.serverPrefix());
    }

    /** Requests of its pod. */
    HttpLoad load(List<InetSocketAddress> to, int connections) {
      return new HttpLoad(
          thread,
          new InetSocketAddress(address(Traffic.pod(config.pod())), 0),
          to,
          connections,
          config.shape() == EnvoyShape.l7);
    }

    private boolean allows(InetSocketAddress to) throws IOException, InterruptedException {
      try (var one = load(List.of(to), 1)) {
        return one.run(Duration.ZERO).denied() == 0;
      }
    }

    /** Whether another program of its pod gets there. */
    private boolean allowsStranger(InetSocketAddress to) throws IOException, InterruptedException {
      var arguments = Stranger.arguments(Traffic.pod(config.pod()), to);
      var outcome = Command.run(PATIENCE, JavaProgram.argv(Stranger.class, arguments)).orFail();
      return outcome.output().contains(Stranger.PASSED);
    }
  }

  /** Gives the network its addresses and an upstream, and redirects what comes from pods. */
  void prepare(LoadNetwork network, List<EnvoyConfig> rows)
      throws IOException, InterruptedException {
    var addresses =
        new HashSet<>(destinations().stream().map(InetSocketAddress::getAddress).toList());
    addresses.add(forbidden().getAddress());
    var ports = new LinkedHashMap<InetAddress, Integer>();
    for (var row : rows) {
      ports.put(address(Traffic.pod(row.pod())), row.capturePort());
    }
    addresses.addAll(ports.keySet());
    network.add(addresses);
    network.redirect(ports);
    redirects = List.copyOf(ports.values());
    var _ = HttpUpstream.listen(thread, new InetSocketAddress(Traffic.PORT));
  }

  /**
   * Starts the server of a row, or finds it started.
   *
   * @throws Unmeasured when that is not possible here
   */
  Lane start(EnvoyConfig row, Duration warmUp)
      throws Unmeasured, IOException, InterruptedException {
    var server = server(row, warmUp);
    return new Lane(
        new EnvoyConfig(
            row.authorizer(), row.shape(), row.pod(), server == null ? 1 : server.port()),
        server);
  }

  private @Nullable Started server(EnvoyConfig row, Duration warmUp)
      throws Unmeasured, IOException, InterruptedException {
    var gateOfOpa = row.authorizer() == Authorizer.OPA && row.shape() == EnvoyShape.gate;
    var asked = row.authorizer().isKith() ? Authorizer.KITH : row.authorizer();
    var name = asked.id() + (gateOfOpa ? "-gate" : "");
    var known = servers.get(name);
    if (known != null || !row.authorizer().asks()) {
      return known;
    }
    say.accept("starting " + asked.words() + (gateOfOpa ? ", for the gate" : ""));
    var here = Files.createDirectories(folder.resolve(name));
    var elsewhere = Cores.shared(); // stays where this process is
    var others = new Servers(here, elsewhere, identities, pods, say);
    var started =
        switch (asked) {
          case NULL_JAVA_DIRECT -> others.start(Contender.NULL_JAVA_DIRECT, true);
          case OPA ->
              gateOfOpa
                  ? OpaEnvoy.startForGate(here, elsewhere, pods)
                  : others.start(Contender.OPA, false);
          case KITH ->
              new KithServer(here, identities, kithPods)
                  .watching(ProcessHandle.current().pid(), redirects)
                  .start(elsewhere);
          case NONE, RBAC, KITH_SHORT_CUT -> throw new IllegalStateException("no server of " + row);
        };
    servers.put(name, started);
    if (!gateOfOpa) { // the Checks of the direct comparison have no headers of the gate
      warmUp(asked, started, warmUp);
    }
    return started;
  }

  /** As in the direct comparison: through Envoy it would take an hour. */
  private void warmUp(Authorizer authorizer, Started server, Duration time)
      throws IOException, InterruptedException {
    var tls = authorizer.takesTls();
    var connections = Math.min(DIRECT_CONNECTIONS, authorizer.isKith() ? kithPods : pods);
    for (var shape : Shape.values()) {
      say.accept("warming up " + authorizer.words() + ", " + shape);
      // New connections are what comes through Envoy; requests are of known ones.
      var sockets = shape == Shape.l4 ? Traffic.ALL_NEW : DIRECT_SOCKETS;
      var traffic =
          IntStream.range(0, connections)
              .mapToObj(pod -> new Traffic(shape, tls, pod, sockets))
              .toList();
      WarmUp.of(authorizer != Authorizer.OPA, time, 64 / connections)
          .of(authorizer.words(), server, traffic, tls ? identities.contexts() : null);
    }
  }

  /** Where the pods of a comparison go. */
  static List<InetSocketAddress> destinations() {
    return IntStream.range(0, Traffic.DESTINATIONS)
        .mapToObj(to -> new InetSocketAddress(address(Traffic.destination(to)), Traffic.PORT))
        .toList();
  }

  /**
   * A row that decides refuses where its pod may not go, and Kith a program that it does not know;
   * one that does not decide lets it pass.
   */
  static void requireDecisions(Lane lane) throws IOException, InterruptedException {
    var authorizer = lane.config().authorizer();
    if (lane.allows(forbidden()) == authorizer.decides()) {
      throw new IllegalStateException(
          authorizer.words() + " does not decide by the policy, " + lane.config().shape());
    }
    if (authorizer.isKith() && lane.allowsStranger(destinations().getFirst())) {
      throw new IllegalStateException("Kith allows a program that is in no baseline");
    }
  }

  /**
   * An Envoy has asked about all that it let pass, and by its own count was told to; with the short
   * cut it has asked about no request.
   */
  static void requireChecked(EnvoyConfig row, EnvoyProxy envoy, long passed)
      throws IOException, InterruptedException {
    if (!row.authorizer().asks()) {
      return;
    }
    var allowed = envoy.stat(row.allowedCounter());
    if (row.authorizer() == Authorizer.KITH_SHORT_CUT ? allowed > 0 : allowed < passed) {
      throw new IllegalStateException(
          "%d requests passed and %s allowed %d"
              .formatted(passed, row.authorizer().words(), allowed));
    }
  }

  /** How often Kith's bridge was spared a question, if Kith is among the servers. */
  void sayWhoWasAsked() throws IOException {
    var kith = servers.get(Authorizer.KITH.id());
    if (kith == null) {
      return;
    }
    var url =
        URI.create("http://127.0.0.1:" + KithServer.port(kith.process(), "health") + "/metrics");
    try (var page = url.toURL().openStream()) {
      var metrics = new String(page.readAllBytes(), UTF_8).lines().toList();
      say.accept(
          String.format(
              Locale.ROOT,
              "of %,.0f Checks Kith knew %,.0f by the kernel's table of openers, %,.0f by an answer"
                  + " about the same connection",
              sum(metrics, "kith_checks_total"),
              sum(metrics, "kith_bridge_answers_table_total"),
              sum(metrics, "kith_bridge_answers_reused_total")));
    }
  }

  private static double sum(List<String> metrics, String name) {
    return metrics.stream()
        .filter(line -> line.startsWith(name))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  private static InetSocketAddress forbidden() {
    return new InetSocketAddress(address(Traffic.destination(FORBIDDEN)), Traffic.PORT);
  }

  private static InetAddress address(String literal) {
    return InetAddress.ofLiteral(literal);
  }

  @Override
  public void close() {
    thread.close(); // and with it the upstream
    servers.values().forEach(Started::close);
  }
}
