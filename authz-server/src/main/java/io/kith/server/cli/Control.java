package io.kith.server.cli;

import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.StoreSettings;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.store.BaselineStore;
import io.kith.baselines.store.StoreException;
import io.kith.server.control.AllowListFiles;
import io.kith.server.control.ControlSettings;
import io.kith.server.control.ControlState;
import io.kith.server.control.HighWaterMark;
import io.kith.server.control.Housekeeping;
import io.kith.server.control.KeyFiles;
import io.kith.server.control.ProvenanceSecrets;
import io.kith.server.control.WorkloadState;
import io.kith.server.fleet.ControlStore;
import io.kith.server.fleet.SharedSidecars;
import io.kith.server.provenance.MeshKeys;
import io.kith.server.replay.ListedSuffixes;
import io.kith.server.store.LearnedFlusher;
import io.kith.server.store.PostgresStore;
import io.kith.server.store.Stores;
import io.kith.server.telemetry.Metrics;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Surroundings;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The control side of a server, from its configuration. */
record Control(
    BaselineStore store,
    ControlState state,
    MeshKeys provenance,
    LearnedFlusher flusher,
    Housekeeping housekeeping,
    @Nullable SharedSidecars sidecars)
    implements AutoCloseable {
  /** All edges of all workloads are looked at, so not at every reading of the metrics. */
  private static final Duration TOTALS_EVERY = Duration.ofSeconds(10);

  static Control open(KithConfig settings, WorkloadDirectory directory, Surroundings here)
      throws Failure, IOException {
    var base = here.directory();
    var suffixes = new ListedSuffixes();
    var folder = directoryOf(settings, here);
    var keys = KeyFiles.read(settings.keys(), folder, base);
    var provenance = ProvenanceSecrets.read(settings, folder, base);
    var outlives = !(settings.store() instanceof StoreSettings.Memory);
    BaselineStore store = null;
    try {
      var lists =
          AllowListFiles.read(settings.allowLists().stream().map(base::resolve).toList(), suffixes);
      store = Stores.open(settings.store());
      var control =
          new ControlSettings(
              directory,
              settings.scopes(),
              settings.learning(),
              suffixes,
              keys,
              store,
              kind(settings.store()),
              ReplicaName.of(settings.store(), folder),
              outlives && folder != null ? new HighWaterMark(folder.resolve("log.mark")) : null,
              ControlSettings.QUEUE);
      var state = ControlState.open(control, lists, InstantSource.system(), ControlState::toLog);
      return new Control(
          store,
          state,
          provenance,
          new LearnedFlusher(store, state::changedParts, settings.store().flushInterval()),
          new Housekeeping(state, Housekeeping.INTERVAL),
          store instanceof PostgresStore shared
              ? new SharedSidecars(
                      shared.sidecars(),
                      state.sidecars(),
                      directory,
                      control.replica(),
                      keys.learner(),
                      keys.ring(),
                      InstantSource.system())
                  .start()
              : null);
    } catch (StoreException | IOException | RuntimeException e) {
      if (store != null) {
        store.close();
      }
      if (e instanceof StoreException) {
        throw Failure.refused(String.valueOf(e.getMessage()));
      }
      if (e instanceof IOException io) {
        throw io;
      }
      throw (RuntimeException) e;
    }
  }

  /** Where keys and the high-water mark are, or null where nothing outlives the server. */
  private static @Nullable Path directoryOf(KithConfig settings, Surroundings here) {
    var base = here.directory();
    var named = settings.keys().directory();
    if (named != null) {
      return base.resolve(named);
    }
    return switch (settings.store()) {
      case StoreSettings.Memory _ -> null;
      case StoreSettings.Sqlite(var path, _) -> base.resolve(path).toAbsolutePath().getParent();
      case StoreSettings.Postgresql _ -> here.stateDirectory();
      case StoreSettings.Control(_, _, var directory, _, _, _) -> base.resolve(directory);
    };
  }

  static String kind(StoreSettings store) {
    return switch (store) {
      case StoreSettings.Memory _ -> "memory";
      case StoreSettings.Sqlite _ -> "sqlite";
      case StoreSettings.Postgresql _ -> "postgresql";
      case StoreSettings.Control _ -> "control";
    };
  }

  /** For people: what a restart keeps. */
  static String words(StoreSettings store) {
    return switch (store) {
      case StoreSettings.Memory _ -> "memory: a restart begins learning anew";
      case StoreSettings.Sqlite(var path, _) -> "sqlite: " + path;
      case StoreSettings.Postgresql(var url, _, _, _, _, _) -> "postgresql: " + url;
      case StoreSettings.Control control ->
          "control: "
              + control.servers().stream().map(Object::toString).collect(Collectors.joining(", "));
    };
  }

  void measure(Metrics metrics) {
    metrics.counter(
        "kith_answers_dropped_total",
        "Answers that were counted and not learned from, as the queue was full.",
        state::dropped);
    metrics.counter(
        "kith_answers_late_total",
        "Answers given before their process was known, which a bridge told within ten seconds;"
            + " the answer stays, the connection is learned from.",
        state::late);
    metrics.counter(
        "kith_answers_routine_total",
        "Allowed Checks like others a moment ago on the same connection: the log has the others.",
        state::routine);
    metrics.counter(
        "kith_compile_failures_total",
        "Times that what is decided by for a workload could not be compiled; until it can its"
            + " Checks are refused as internal under enforce.",
        state::compileFailures);
    metrics.counter(
        "kith_log_refused_total",
        "Times that an entry of the log of changes was refused: altered, missing or of an unknown"
            + " key.",
        state::refusedEntries);
    metrics.gauge(
        "kith_log_position",
        "Position of the last change that is applied.",
        () -> state.store().position());
    metrics.gauge(
        "kith_store_healthy",
        "1 when changes can be written and all of the log is applied, else 0.",
        () -> state.store().problem() == null ? 1 : 0);
    metrics.counter(
        "kith_learned_refused_total",
        "Learned parts in the store that were not used: altered, or of a server that is not"
            + " trusted. Each reading counts.",
        state::refusedParts);
    metrics.counter(
        "kith_learned_write_failures_total",
        "Times that what was learned could not be written; it is kept and tried again.",
        flusher::failures);
    metrics.counter(
        "kith_allow_lists_reloads_total",
        "Times that other allow-lists came into use.",
        () -> state.allowLists().reloads());
    metrics.gauge(
        "kith_allow_lists_problems",
        "Problems of allow-list files that are not in use as they are.",
        () -> state.allowLists().problems().size());
    metrics.gauges(
        "kith_sidecars",
        "Sidecars by what their filters do with what cannot be asked about, as they said last to"
            + " this server, to check servers that follow it, or to others on its PostgreSQL.",
        "failure",
        () ->
            Map.of("open", state.sidecars().count(true), "closed", state.sidecars().count(false)));
    if (store instanceof ControlStore followed) {
      metrics.gauge(
          "kith_control_connected",
          "1 when a control server is followed, else 0: checks go on by the last good state.",
          () -> followed.isConnected() ? 1 : 0);
      metrics.gauge(
          "kith_held_workloads",
          "Workloads whose snapshots this check server holds.",
          () -> state.held().workloads());
    }
    measureLearning(metrics);
  }

  private void measureLearning(Metrics metrics) {
    var totals = new Lately<>(TOTALS_EVERY, () -> state.reports().totals());
    metrics.gauges(
        "kith_workloads",
        "Workloads by the stage of their baseline.",
        "stage",
        () -> {
          var stages = new TreeMap<String, Long>();
          for (var stage : WorkloadState.Stage.values()) {
            stages.put(stage.word(), totals.get().stages().getOrDefault(stage, 0L));
          }
          return stages;
        });
    metrics.gauges(
        "kith_edges",
        "Edges of all workloads: in baselines (approved), learned and not yet in one (candidate),"
            + " or never learnable by themselves (quarantined).",
        "state",
        () ->
            Map.of(
                "approved", totals.get().approved(),
                "candidate", totals.get().candidates(),
                "quarantined", totals.get().quarantined()));
    metrics.gauge(
        "kith_review_items",
        "Edges that wait for a person: kith show --review lists them.",
        () -> totals.get().reviewItems());
  }

  @Override
  public void close() {
    if (sidecars != null) {
      sidecars.close();
    }
    housekeeping.close();
    state.close();
    flusher.close();
    store.close();
  }
}
