package io.kith.load.bench;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Rung;
import io.kith.bridge.Bridge;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.capture.SocketOwners;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.identity.ProcessIdentities;
import io.kith.bridge.stream.NodeView;
import io.kith.load.lab.Image;
import io.kith.load.lab.Lab;
import io.kith.load.lab.Pod;
import io.kith.load.tools.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** The bridge on this machine, in a pod of its own that leads nowhere. */
final class BridgeBench {
  private static final List<Integer> PROXY_PORTS = List.of(15_001, 15_006);
  private static final int PROXY_UID = 1_337;
  private static final int ENTRIES = 65_536;
  private static final SocketOwners.Settings SETTINGS =
      new SocketOwners.Settings(PROXY_PORTS, PROXY_UID, ENTRIES, null);
  private static final int PER_CLIENT = 4_000;
  private static final int LOOK_UPS = 20_000;

  /** A bridge answers for days; the compiler is done after some of these. */
  private static final int WARM_UP_ROUNDS = 6;

  private static final int SHORT_LIVED = 200;
  private static final Duration LIMIT = Duration.ofMinutes(2);

  /** Holds connections to random destinations. Argument: how many. */
  private static final String HOLDER =
      """
      use strict; use Socket;
      my @held;
      for my $i (1 .. $ARGV[0]) {
        my $host = join ".", 198, 18 + int(rand 2), int(rand 256), 1 + int(rand 254);
        socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
        connect($s, sockaddr_in(443, inet_aton($host))) or die "connect: $!";
        syswrite $s, "$$ $host 443\\n";
        push @held, $s;
      }
      <STDIN>;
      """;

  private final Consumer<String> say;

  BridgeBench(Consumer<String> say) {
    this.say = say;
  }

  private record Redirected(
      long count, long rewritten, long wrong, long unknown, Latency latency) {}

  private record Latency(double p50Micros, double p99Micros) {}

  BridgeFigures run() throws IOException, InterruptedException, ConfigException {
    try (var lab = Lab.open("kb", say)) {
      var pod = lab.addPod("client", Image.of(Map.of(), say));
      say.accept("connections, with and without a bridge …");
      var connects = ConnectBench.run(lab.addHost("plain").namespace(), SETTINGS);
      say.accept("redirected connections of two processes …");
      Rung rung;
      Redirected redirected;
      try (var owners = SocketOwners.open(SETTINGS)) {
        rung = owners.rung();
        owners.problems().forEach(problem -> say.accept("not better: " + problem));
        redirected = redirected(pod, owners);
      }
      say.accept("processes that connect and go …");
      var config = lab.folder().resolve("bench.yaml");
      Files.writeString(
          config,
          """
          bridge:
            spiffeId: spiffe://dev.kith.local/ns/kith/sa/identity-bridge
            serverId: spiffe://dev.kith.local/ns/kith/sa/authz-server
            servers: ["unix:%s/nobody.sock"]
            entries: %d
            pin: off
            status: "%s/bridge.sock"
          """
              .formatted(lab.folder(), ENTRIES, lab.folder()));
      BridgeFigures.ShortLived shortLived;
      long resident;
      try (var process = BridgeProcess.start(config, lab.folder().resolve("bridge.log"))) {
        shortLived = shortLived(pod, config);
        resident = process.residentMebibytes();
      }
      say.accept("a bridge that starts where 10,000 processes are …");
      var late = StartUpBench.run(pod, config, lab.folder().resolve("late.log"), this::late);
      return new BridgeFigures(
          rung.letter(),
          connects,
          redirected.wrong,
          redirected.unknown,
          redirected.count,
          redirected.rewritten,
          redirected.latency.p50Micros,
          redirected.latency.p99Micros,
          shortLived,
          late.startUp(),
          Math.max(resident, late.residentMebibytes()));
    }
  }

  private SocketOwners late() {
    try {
      return SocketOwners.open(SETTINGS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  // ---- redirected connections

  private record Held(int pid, Tuple seen, List<Integer> found, int originalPort) {}

  private static Redirected redirected(Pod pod, SocketOwners owners)
      throws IOException, InterruptedException {
    Queue<Held> answers = new ConcurrentLinkedQueue<>();
    try (var listener =
        RedirectedListener.open(
            pod.namespace(),
            (pid, seen) -> {
              var resolution = owners.resolve(seen);
              answers.add(
                  new Held(
                      pid,
                      seen,
                      resolution.owners().stream().map(Owner::pid).toList(),
                      resolution.originalSourcePort()));
            })) {
      var script = pod.folder().resolve("holder.pl");
      Files.writeString(script, HOLDER);
      var clients = List.of(holder(pod, script), holder(pod, script));
      try {
        await("redirected connections", () -> listener.served() >= 2 * PER_CLIENT);
        var all = List.copyOf(answers);
        return summary(all, latency(owners, all));
      } finally {
        clients.forEach(Process::destroyForcibly);
      }
    }
  }

  private static Process holder(Pod pod, Path script) throws IOException {
    return new ProcessBuilder(
            "nsenter",
            "--net=" + pod.namespace().handle(),
            "sh",
            "-c",
            "ulimit -n 8192; exec perl \"$@\"",
            "sh",
            script.toString(),
            Integer.toString(PER_CLIENT))
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start();
  }

  private static Redirected summary(List<Held> answers, Latency latency) {
    return new Redirected(
        answers.size(),
        answers.stream().filter(held -> held.originalPort != held.seen.sourcePort()).count(),
        answers.stream()
            .filter(held -> !held.found.isEmpty() && !held.found.equals(List.of(held.pid)))
            .count(),
        answers.stream().filter(held -> held.found.isEmpty()).count(),
        latency);
  }

  private static Latency latency(SocketOwners owners, List<Held> held) throws InterruptedException {
    var nanos = new long[LOOK_UPS];
    for (var round = 0; round <= WARM_UP_ROUNDS; round++) { // the last counts
      for (var i = 0; i < LOOK_UPS; i++) {
        var seen = held.get(i % held.size()).seen;
        var began = System.nanoTime();
        owners.resolve(seen);
        nanos[i] = System.nanoTime() - began;
      }
    }
    Arrays.sort(nanos);
    return new Latency(nanos[LOOK_UPS / 2] / 1e3, nanos[LOOK_UPS * 99 / 100] / 1e3);
  }

  // ---- processes that connect and go

  private static BridgeFigures.ShortLived shortLived(Pod pod, Path config)
      throws IOException, InterruptedException, ConfigException {
    var attributed = new AtomicInteger();
    var hashed = new AtomicInteger();
    var settings = KithConfig.parse(config.toString(), Files.readString(config), Map.of());
    try (var bridge = Bridge.start(settings.bridge(), ProcessIdentities.NONE);
        var listener =
            RedirectedListener.open(
                pod.namespace(),
                (pid, seen) -> {
                  var answer = bridge.answer(question(seen));
                  if (answer.candidates().size() == 1
                      && answer.candidates().getFirst().process().pid() == pid) {
                    attributed.incrementAndGet();
                    if (answer.candidates().getFirst().fingerprint().sha256() != null) {
                      hashed.incrementAndGet();
                    }
                  }
                })) {
      // The first sight of the file is another matter: it is hashed then.
      Command.run(LIMIT, List.of("bash", "-c", "sleep 0.5; true")).orFail();
      // Each is a new process: dash execs bash, which connects, says its pid and is gone.
      Command.run(
              LIMIT,
              List.of(
                  "nsenter",
                  "--net=" + pod.namespace().handle(),
                  "bash",
                  "-c",
                  "for i in $(seq 1 "
                      + SHORT_LIVED
                      + "); do bash -c 'exec 3<>/dev/tcp/198.18.7.'$((1 + i % 250))'/443;"
                      + " echo \"$$ 198.18.7.'$((1 + i % 250))' 443\" >&3'; done"))
          .orFail();
      await("short-lived processes", () -> listener.served() >= SHORT_LIVED);
    }
    return new BridgeFigures.ShortLived(SHORT_LIVED, attributed.get(), hashed.get());
  }

  private static NodeView.Question question(Tuple seen) {
    return new NodeView.Question(
        Protocol.TCP,
        seen.source(),
        seen.sourcePort(),
        IpAddress.of(seen.destination().bytes()),
        seen.destinationPort(),
        Duration.ofMillis(100));
  }

  @FunctionalInterface
  private interface Condition {
    boolean holds();
  }

  private static void await(String what, Condition condition)
      throws IOException, InterruptedException {
    var end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > end) {
        throw new IOException(what + ": not all arrived within " + LIMIT.toSeconds() + " s");
      }
      Thread.sleep(Duration.ofMillis(10));
    }
  }
}
