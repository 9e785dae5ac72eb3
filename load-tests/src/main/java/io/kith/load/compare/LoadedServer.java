package io.kith.load.compare;

import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.bundle.Bundles;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.StaticWorkloadDirectory;
import io.kith.baselines.identity.StaticWorkloadDirectory.Entry;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessClass;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.server.control.AllowListFiles;
import io.kith.server.control.ControlSettings;
import io.kith.server.control.ControlState;
import io.kith.server.control.HighWaterMark;
import io.kith.server.control.Housekeeping;
import io.kith.server.control.Imports;
import io.kith.server.control.KeyFiles;
import io.kith.server.control.RefusedException;
import io.kith.server.control.ServerKeys;
import io.kith.server.net.CheckServer;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.replay.ListedSuffixes;
import io.kith.server.store.LearnedFlusher;
import io.kith.server.store.Stores;
import io.kith.server.telemetry.CheckTelemetry;
import io.kith.server.verb.ConfigFile;
import io.kith.server.verb.OwnIdentity;
import io.kith.server.verb.Surroundings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/*
 * A mesh of many workloads is more than kith.yaml takes, so the program gives the server its
 * directory. What decides is read from a store that was filled before, as after a restart: what the
 * filling left in memory would be measured as well.
 */
/**
 * The parts of {@code kith server} around a mesh of many workloads, each with an enforced baseline
 * of thirty edges. A program of its own; without an admin API.
 */
public final class LoadedServer {
  private static final int NAMESPACES = 10;
  private static final int BUNDLE = 500;
  private static final String ENVIRONMENT = "bench";

  private LoadedServer() {}

  /** The command line that fills the store. */
  static List<String> fill(Path config, int workloads, int pods) {
    return List.of("fill", config.toString(), Integer.toString(workloads), Integer.toString(pods));
  }

  /** The command line of a server on what was filled. */
  static List<String> serve(Path config, int workloads, int pods) {
    return List.of("serve", config.toString(), Integer.toString(workloads), Integer.toString(pods));
  }

  /** Arguments: what to do, the configuration, how many workloads, how many of them are asked. */
  public static void main(String[] arguments) throws Exception {
    var settings = ConfigFile.read(Path.of(arguments[1]), Surroundings.ofThisProcess());
    var workloads = Integer.parseInt(arguments[2]);
    var pods = Integer.parseInt(arguments[3]);
    if (arguments[0].equals("fill")) {
      fill(settings, workloads, pods);
    } else {
      serve(settings, workloads, pods);
    }
  }

  // ---- what is in the mesh: the pods that are asked, then workloads that are only there

  private static Owner owner(int workload, int pods) {
    return Owner.parse(
        workload < pods
            ? KithServer.owner(workload)
            : "team-" + workload % NAMESPACES + "/deployment/app-" + letters(workload));
  }

  private static List<Entry> directory(int workloads, int pods) {
    var entries = new ArrayList<Entry>();
    for (var i = 0; i < workloads; i++) {
      entries.add(
          new Entry(
              owner(i, pods),
              i < pods
                  ? Identities.pod(i)
                  : SpiffeId.parse(
                      "spiffe://%s/ns/team-%d/sa/app-%s"
                          .formatted(Identities.TRUST_DOMAIN, i % NAMESPACES, letters(i))),
              ENVIRONMENT,
              List.of(
                  IpAddress.parse(
                      i < pods
                          ? Traffic.pod(i)
                          : "10.%d.%d.%d".formatted(96 + (i >> 16), i >> 8 & 255, i & 255))),
              List.of()));
    }
    for (var i = 0; i < Traffic.DESTINATIONS; i++) {
      entries.add(
          new Entry(
              Owner.parse(KithServer.destination(i)),
              null,
              ENVIRONMENT,
              List.of(IpAddress.parse(Traffic.destination(i))),
              List.of()));
    }
    return entries;
  }

  private static Baseline baseline(int workload, int pods) {
    var edges = new ArrayList<Edge>();
    for (var program : ScriptedBridge.PROGRAMS) {
      var process = processClass(workload < pods ? program : program + "-" + letters(workload));
      for (var to = 0; to < Traffic.DESTINATIONS; to++) {
        edges.add(
            Edge.learned(
                process,
                new DestinationPattern.Exact(
                    workload < pods
                        ? KithServer.destination(to)
                        : "team-%d/deployment/backend-%s-%d".formatted(to, letters(workload), to),
                    Evidence.OWNER,
                    Traffic.PORT,
                    Protocol.TCP)));
      }
    }
    return Baseline.of(owner(workload, pods), null, edges);
  }

  private static ProcessClass processClass(String path) {
    return ProcessClass.of(
        new ProcessFingerprint(
            path,
            null,
            Origin.IMAGE,
            1_000,
            EntryKind.NATIVE,
            path.substring(path.lastIndexOf('/') + 1),
            null,
            List.of(),
            null,
            null,
            List.of(),
            false));
  }

  /** Without digits, which a class masks. */
  private static String letters(int number) {
    var text = new StringBuilder();
    for (var rest = number; text.isEmpty() || rest > 0; rest /= 20) {
      text.append((char) ('a' + rest % 20));
    }
    return text.toString();
  }

  // ---- filling

  private static void fill(KithConfig settings, int workloads, int pods) throws Exception {
    var bundler = ServerKeys.fresh();
    try (var store = Stores.open(settings.store());
        var state =
            ControlState.open(
                control(
                    settings,
                    new StaticWorkloadDirectory(directory(workloads, pods)),
                    store,
                    List.of(bundler.publicKey())),
                AllowListFiles.none(),
                InstantSource.system(),
                _ -> {});
        var ahead = Executors.newSingleThreadExecutor()) {
      var next = ahead.submit(() -> arrived(state, 0, workloads, pods, bundler));
      for (var from = 0; from < workloads; from += BUNDLE) {
        var arrived = next.get();
        var behind = from + BUNDLE;
        next = ahead.submit(() -> arrived(state, behind, workloads, pods, bundler));
        if (arrived != null) {
          var _ = state.imports().propose(arrived, "generated", "bench");
        }
      }
      enforce(state, "shop");
      for (var i = 0; i < NAMESPACES && workloads > pods; i++) {
        enforce(state, "team-" + i);
      }
    }
    System.out.println("filled");
  }

  /**
   * The bundle that begins with a workload, taken in as one of another mesh; null behind the last.
   */
  private static Imports.@Nullable Arrived arrived(
      ControlState state, int from, int workloads, int pods, SigningKey bundler)
      throws RefusedException {
    if (from >= workloads) {
      return null;
    }
    var baselines =
        IntStream.range(from, Math.min(workloads, from + BUNDLE))
            .mapToObj(i -> baseline(i, pods))
            .toList();
    var now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    var bundle =
        Bundles.seal(
            new Bundle(ENVIRONMENT, now, now.plus(Duration.ofHours(1)), baselines), bundler);
    var arrived = state.imports().look(bundle.getBytes(StandardCharsets.UTF_8), "");
    if (!arrived.promotion().notMapped().isEmpty()) {
      throw new IllegalStateException(arrived.promotion().notMapped().getFirst().toString());
    }
    return arrived;
  }

  private static void enforce(ControlState state, String namespace) throws RefusedException {
    var _ = state.setMode(new ScopeName.Namespace(namespace), Mode.ENFORCE, "generated", "bench");
  }

  private static ControlSettings control(
      KithConfig settings,
      StaticWorkloadDirectory directory,
      io.kith.baselines.store.BaselineStore store,
      List<java.security.PublicKey> bundlers)
      throws java.io.IOException {
    var folder = Objects.requireNonNull(settings.keys().directory(), "server.keys.directory");
    var own = KeyFiles.read(settings.keys(), folder, folder);
    return new ControlSettings(
        directory,
        settings.scopes(),
        settings.learning(),
        new ListedSuffixes(),
        new ServerKeys(own.learner(), own.approver(), own.approvers(), bundlers, own.trusted()),
        store,
        "sqlite",
        "local",
        new HighWaterMark(folder.resolve("log.mark")),
        ControlSettings.QUEUE);
  }

  // ---- serving

  private static void serve(KithConfig settings, int workloads, int pods) throws Exception {
    var directory = new StaticWorkloadDirectory(directory(workloads, pods));
    try (var identity = OwnIdentity.open(settings.identity(), Identities.SERVER);
        var store = Stores.open(settings.store());
        var state =
            ControlState.open(
                control(settings, directory, store, List.of()),
                AllowListFiles.none(),
                InstantSource.system(),
                ControlState::toLog);
        var flusher =
            new LearnedFlusher(store, state::changedParts, settings.store().flushInterval());
        var housekeeping = new Housekeeping(state, Housekeeping.INTERVAL);
        var telemetry = CheckTelemetry.of(settings.telemetry(), "bench", Map.of());
        var checks =
            CheckServer.start(
                settings.server(),
                identity.source(),
                directory,
                MeshKeys.fresh(),
                state,
                telemetry,
                "bench")) {
      state.follow(checks.bridges());
      System.out.println("  checks       127.0.0.1:" + checks.checkPort());
      System.out.println("  bridges      " + settings.server().bridges());
      System.out.println("ready");
      new CountDownLatch(1).await();
      Objects.requireNonNull(flusher);
      Objects.requireNonNull(housekeeping);
    }
  }
}
