package io.kith.bridge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.Attest;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.Endpoint;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.Identity;
import io.kith.baselines.process.Rung;
import io.kith.bridge.capture.SocketOwners;
import io.kith.bridge.guard.GuardLock;
import io.kith.bridge.identity.DevIdentities;
import io.kith.bridge.identity.ProcessIdentities;
import io.kith.bridge.identity.SpireIdentities;
import io.kith.bridge.stream.BridgeStream;
import io.kith.bridge.stream.NodeView.IdentitySource;
import io.kith.bridge.stream.ServerFolder;
import io.kith.bridge.stream.ServerStreams;
import io.kith.spiffe.FileSource;
import io.kith.spiffe.WorkloadApiSource;
import io.kith.spiffe.X509Source;
import io.kith.spiffe.spire.SpireAgent;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith bridge}. */
@Command(
    name = "bridge",
    subcommands = {BridgeStatusCommand.class},
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "Runs the identity bridge of this node: it sees which process opens which connection, and"
          + " tells the authorization servers when they ask.",
      ""
    },
    footer = {
      "",
      "It sees best as root, or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_PTRACE,"
          + " CAP_DAC_READ_SEARCH and CAP_SYS_ADMIN, in the host's PID namespace. With less it says"
          + " what is lost. Rungs, best first:",
      "  A  exact process and executable, frozen in the kernel at connect()",
      "  B  exact process; its executable is read from /proc",
      "  C  whoever holds the socket now",
      "  D  nothing about processes",
      "bridge.minimumRung refuses to start below one of them.",
      "",
      "bridge.attest (or KITH_BRIDGE_ATTEST) names who says which SPIFFE IDs a process has; one"
          + " that is not its sidecar's is denied:",
      "  spire-delegated:SOCKET  a SPIRE agent's admin_socket_path; the agent lists the bridge's"
          + " SPIFFE ID under authorized_delegates",
      "  spire-broker:SOCKET     a SPIRE agent's experimental broker.socket_path (1.15.2)",
      "  dev                     kith.yaml, which proves nothing: for development",
      "  none                    nobody",
      "A pid must mean the same to both: bridge and agent run in the host's PID namespace.",
      "",
      "Exit codes: 0 stopped by a signal, 1 could not run, 2 wrong arguments or configuration."
    })
final class BridgeCommand implements Callable<Integer> {
  private static final String VERSION = "0.1.0";

  /** As long as connection tracking keeps a closed connection. */
  private static final Duration KEPT = Duration.ofMinutes(2);

  /** How often the lock is tried that another bridge has. */
  private static final Duration LOCK_AGAIN = Duration.ofMillis(10);

  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      defaultValue = "${env:KITH_CONFIG:-kith.yaml}",
      description = "Configuration (default: ${DEFAULT-VALUE}).")
  private Path config = Path.of("kith.yaml");

  @Option(
      names = "--unpin",
      description =
          "End the capture that a bridge left behind (bridge.pin), and run none. Capture goes on"
              + " without a bridge so that a restart misses nothing; this is for its removal.")
  private boolean unpin;

  @Option(
      names = "--runtime",
      paramLabel = "RUNTIME",
      description = {
        "Container runtime that is asked for names and images of containers (bridge.runtime):",
        "  auto         those with a socket where such sockets are: Docker, Podman,",
        "               containerd, CRI-O, k3s, cri-dockerd",
        "  docker:PATH  Docker Engine, or Podman, at this Unix socket",
        "  cri:PATH     a runtime of Kubernetes, such as containerd, at this Unix socket",
        "  none         nobody"
      })
  private @Nullable String runtime;

  /** What was said of a server, and what of it changes each time. */
  private record Said(String words, String rest) {}

  private final Map<String, Said> servers = new ConcurrentSkipListMap<>();
  private volatile @Nullable ServerStreams streams;
  private volatile String standingBy = "";
  private final List<AutoCloseable> open = new ArrayList<>();
  private final Object closing = new Object();
  private @Nullable X509Source own;

  @Override
  public Integer call() throws InterruptedException {
    var command = requireNonNull(spec, "spec").commandLine();
    var out = command.getOut();
    var err = command.getErr();
    try {
      var settings = read();
      if (unpin) {
        return unpin(settings.bridge().pin(), out, err);
      }
      return run(settings, out, err);
    } catch (ConfigException e) {
      err.println(e.getMessage());
      return 2;
    } catch (IOException e) {
      err.println(
          config
              + ": "
              + (e instanceof NoSuchFileException
                  ? "no such file (name one with --config)"
                  : "cannot be read: " + e.getMessage()));
      return 2;
    }
  }

  private KithConfig read() throws IOException, ConfigException {
    var environment = new HashMap<>(System.getenv());
    if (runtime != null) {
      environment.put("KITH_BRIDGE_RUNTIME", runtime);
    }
    return KithConfig.parse(config.toString(), Files.readString(config), environment);
  }

  private static int unpin(@Nullable Path pin, PrintWriter out, PrintWriter err) {
    try {
      out.println(
          pin != null && SocketOwners.unpin(pin)
              ? "capture ended, and " + pin + " removed"
              : "nothing is pinned (bridge.pin is " + (pin == null ? "off" : pin) + ")");
      return 0;
    } catch (IOException e) {
      err.println("kith bridge: cannot be removed (as root?): " + e.getMessage());
      return 1;
    }
  }

  private int run(KithConfig settings, PrintWriter out, PrintWriter err)
      throws ConfigException, InterruptedException {
    settings.bridge().requireId();
    settings.bridge().requireServerId();
    prepareFolders(settings.bridge(), err);
    var bridge = keep(Bridge.prepare(settings.bridge(), keep(identities(settings, out))));
    report(bridge).stream().map(Printable::line).forEach(out::println);
    out.flush();
    var minimum = settings.bridge().minimumRung();
    var rung = bridge.status().rung();
    if (rung.compareTo(minimum) < 0) {
      err.println(
          "kith bridge: this node reaches rung "
              + rung.letter()
              + " only (bridge.minimumRung is "
              + minimum.letter()
              + "): see above for what is missing, or lower bridge.minimumRung");
      close();
      return 1;
    }
    var stopped = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            Thread.ofPlatform()
                .unstarted(
                    () -> {
                      bridge.quiesce(); // answers meanwhile
                      close();
                      stopped.countDown();
                      Runtime.getRuntime().halt(0); // a signal is how a bridge is stopped
                    }));
    openStatus(settings, bridge, out);
    var servers = servers(settings, bridge, out);
    begin(settings.bridge(), bridge, out);
    servers.begin();
    bridge.watch();
    stopped.await();
    return 0;
  }

  /** Folders that servers of this node need; the bridge works without them. */
  private static void prepareFolders(KithConfig.Bridge settings, PrintWriter err) {
    var group = settings.serversGroup();
    for (var server : settings.servers()) {
      if (group != null && server instanceof Endpoint.Folder(var folder)) {
        try {
          ServerFolder.prepare(folder, group);
        } catch (IOException e) {
          err.println("kith bridge: " + e.getMessage());
          err.flush();
        }
      }
    }
  }

  /** Begins to guard, as soon as no other bridge of this node does. */
  private void begin(KithConfig.Bridge settings, Bridge bridge, PrintWriter out)
      throws InterruptedException {
    try {
      var lock = GuardLock.take(settings.lock());
      if (lock == null) {
        bridge.begin(standBy(settings.lock(), bridge, out)); // what is pinned is guarded meanwhile
      } else {
        bridge.begin(lock);
        bridge.lookAtPods();
      }
    } catch (IOException e) {
      bridge.begin(Bridge.cannotLock(settings, e));
    }
  }

  /**
   * Waits until the other bridge of this node has ended, ready to take over: answers nobody, guards
   * nothing.
   */
  private GuardLock standBy(Path path, Bridge bridge, PrintWriter out)
      throws IOException, InterruptedException {
    standingBy =
        "stands by: another bridge of this node has " + path + " (takes over when it ends)";
    printLine(standingBy, out);
    bridge.keepUp();
    while (true) {
      var lock = GuardLock.take(path);
      if (lock != null) {
        standingBy = "";
        printLine("takes over", out);
        return lock;
      }
      Thread.sleep(LOCK_AGAIN);
    }
  }

  /** How the bridge is, a line each. */
  private static List<String> report(Bridge bridge) {
    var lines = new ArrayList<String>();
    var status = bridge.status();
    lines.add("rung " + status.rung().letter() + ": " + words(status.rung()));
    bridge.rungProblems().forEach(problem -> lines.add("  not better: " + problem));
    Capability.lacking().forEach(line -> lines.add("  " + line));
    lines.add("processes: " + bridge.identityWords());
    lines.add(found(bridge.found()));
    if (status.rung().compareTo(Rung.KERNEL_PID) >= 0) {
      lines.add(capacity(status.capacity(), bridge.reservePerPod()));
    }
    var pods = bridge.pods();
    lines.add(pods.isEmpty() ? "no pods yet" : "pods:");
    for (var pod : pods) {
      lines.add("  " + pod.id() + " " + pod.addresses() + " " + pod.ids());
      var containers = bridge.containersOf(pod.id());
      if (!containers.isEmpty()) {
        lines.add("    " + containers);
      }
    }
    return lines;
  }

  private static String found(Bridge.Found found) {
    return String.format(
        Locale.ROOT,
        "found %,d processes of pods that were there before it, known %,d ms after its start",
        found.processes(),
        found.took().toMillis());
  }

  private String status(Bridge bridge) {
    var lines = report(bridge);
    if (!standingBy.isEmpty()) {
      lines.addFirst(standingBy);
    }
    lines.add(
        "finds its own connections: " + (bridge.status().canaryOk() ? "yes" : "no (see above)"));
    lines.add(
        String.format(
            Locale.ROOT,
            "connections: %,d seen, %,d given up for newer ones",
            bridge.status().connectsSeen(),
            bridge.evicted()));
    if (!bridge.cgroupProblem().isEmpty()) {
      lines.add("containers: cannot be told apart: " + bridge.cgroupProblem());
    }
    lines.addAll(ContainerWords.lines(bridge.containers()));
    lines.addAll(
        GuardWords.lines(bridge.guardProblems(), bridge.guard().states(), bridge.guard().events()));
    var open = streams;
    if (open != null && !open.problem().isEmpty()) {
      lines.add(open.problem());
    }
    lines.add(servers.isEmpty() ? "no servers yet" : "servers:");
    servers.forEach((_, said) -> lines.add("  " + said.words() + said.rest()));
    return lines.stream().map(Printable::line).collect(Collectors.joining("\n", "", "\n"));
  }

  /** The bridge works without it. */
  private void openStatus(KithConfig settings, Bridge bridge, PrintWriter out) {
    try {
      keep(StatusSocket.open(settings.bridge().status(), () -> status(bridge)));
    } catch (IOException e) {
      out.println("'kith bridge status' cannot ask this bridge: " + e.getMessage());
    }
  }

  /** How many connections are remembered and what that is worth. */
  static String capacity(long entries, int reserve) {
    return String.format(
        Locale.ROOT,
        "remembers %,d connections: those of %d s at up to %,d a second, and of each pod the last"
            + " %,d whatever others do (bridge.entries)",
        entries,
        KEPT.toSeconds(),
        entries / KEPT.toSeconds(),
        reserve);
  }

  private static String words(Rung rung) {
    return switch (rung) {
      case KERNEL_EXACT_SENDER ->
          "exact process and executable at connect(), and who sent the first byte";
      case KERNEL_EXACT -> "exact process and executable, frozen in the kernel at connect()";
      case KERNEL_PID -> "exact process; its executable is read from /proc";
      case DIAG -> "whoever holds the socket when it is asked about";
      case WORKLOAD_ONLY, NONE -> "nothing about processes";
    };
  }

  /** Connections to all servers, on which nothing is said yet. */
  private ServerStreams servers(KithConfig settings, Bridge bridge, PrintWriter out)
      throws ConfigException {
    var queries = keep(BridgeStream.workers());
    var credentials =
        BridgeStream.Credentials.of(
            own(settings, out), settings.bridge().requireServerId()::equals);
    var held =
        keep(
            ServerStreams.hold(
                settings.bridge().servers(),
                server ->
                    BridgeStream.hold(
                        server,
                        credentials,
                        node(settings.bridge().node()),
                        VERSION,
                        bridge,
                        queries::execute,
                        event -> tell(event, out)),
                server -> {
                  bridge.guard().gone(server.toString());
                  servers.remove(server.toString());
                  printLine("gone: " + server, out);
                }));
    streams = held;
    return held;
  }

  /** Who attests processes. */
  private ProcessIdentities identities(KithConfig settings, PrintWriter out)
      throws ConfigException {
    Consumer<String> tell = words -> printLine("processes: " + words, out);
    return switch (settings.bridge().attest()) {
      case Attest.None() -> ProcessIdentities.NONE;
      case Attest.Dev() -> new DevIdentities(settings.workloads());
      case Attest.SpireDelegated(var socket) ->
          SpireIdentities.start(SpireAgent.delegated(socket), IdentitySource.SPIRE_DELEGATED, tell);
      case Attest.SpireBroker(var socket) ->
          SpireIdentities.start(
              SpireAgent.broker(socket, own(settings, out), settings.bridge().requireId()),
              IdentitySource.SPIRE_BROKER,
              tell);
    };
  }

  /** The bridge's own identity; whenever it is renewed the streams are, too. */
  private X509Source own(KithConfig settings, PrintWriter out) throws ConfigException {
    if (own == null) {
      own = keep(identity(settings, out));
    }
    return own;
  }

  private X509Source identity(KithConfig settings, PrintWriter out) throws ConfigException {
    var id = settings.bridge().requireId();
    var source =
        switch (settings.identity()) {
          case Identity.Dev dev -> {
            out.println("identity: development only, attested by nobody (identity.provider: dev)");
            yield WorkloadApiSource.start(
                Path.of(dev.directory() + id.path(), "api.sock"), id, Clock.systemUTC());
          }
          case Identity.WorkloadApi(var socket) ->
              WorkloadApiSource.start(socket, id, Clock.systemUTC());
          case Identity.Files(var certificate, var key, var bundle) ->
              FileSource.start(
                  new FileSource.PemFiles(certificate, key, bundle),
                  Duration.ofSeconds(10),
                  Clock.systemUTC(),
                  Executors.newSingleThreadScheduledExecutor(
                      Thread.ofPlatform().daemon().name("kith-certificates").factory()));
        };
    source.addListener(
        event -> {
          out.println("identity: " + source.state().words());
          var open = streams;
          if (event instanceof X509Source.Event.Updated && open != null) {
            open.renew();
          }
        });
    out.flush();
    return source;
  }

  private static String node(@Nullable String named) {
    if (named != null) {
      return named;
    }
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException _) {
      return "localhost";
    }
  }

  private synchronized void tell(BridgeStream.Event event, PrintWriter out) {
    switch (event) {
      case BridgeStream.Event.Attached(var server, var version) ->
          say(server, "attached to " + server + " (server " + version + ")", "", out);
      case BridgeStream.Event.Detached(var server, var why, var retryMillis) ->
          say(server, "not attached to " + server + ": " + why, again(retryMillis), out);
      case BridgeStream.Event.NotRenewed(var server, var why, var retryMillis) ->
          say(
              server,
              "attached to " + server + " with the older certificate, not with the newer: " + why,
              again(retryMillis),
              out);
    }
  }

  private static String again(long retryMillis) {
    return "; again in " + retryMillis + " ms";
  }

  /** Once, as long as it stays so: a name that has no server yet is tried every ten seconds. */
  private void say(Endpoint server, String words, String rest, PrintWriter out) {
    var before = servers.put(server.toString(), new Said(words, rest));
    if (before == null || !before.words().equals(words)) {
      printLine(words + rest, out);
    }
  }

  private static void printLine(String words, PrintWriter out) {
    out.println(words);
    out.flush();
  }

  private synchronized <T extends AutoCloseable> T keep(T thing) {
    open.add(thing);
    return thing;
  }

  /** Not while {@link #tell} is kept waiting: a stream may tell of its end while it is closed. */
  private void close() {
    synchronized (closing) { // whoever comes second waits for the end
      List<AutoCloseable> things;
      synchronized (this) {
        things = List.copyOf(open.reversed());
        open.clear();
      }
      for (var thing : things) {
        try {
          thing.close();
        } catch (Exception e) {
          System.getLogger(BridgeCommand.class.getName())
              .log(System.Logger.Level.WARNING, "a part did not stop cleanly", e);
        }
      }
    }
  }
}
