package io.kith.load.bench;

import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.replay.FlowRecord;
import io.kith.baselines.replay.InstanceRecord;
import io.kith.baselines.replay.Replay;
import io.kith.server.replay.ListedSuffixes;
import io.kith.server.replay.MalformedLineException;
import io.kith.server.replay.ReplayRun;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Flows per second, on one thread.
 *
 * @param learned through learner and decider, from records that are parsed already
 * @param replayed from a gzip'd log on disk to the summary
 * @param flows of the log
 */
record LearningRates(double learned, double replayed, int flows) {
  /** Records that are copied before the clock starts, as a reader has just parsed them. */
  private static final int CHUNK = 256;

  /**
   * Replays a log again and again until the time is over, for each of the two.
   *
   * @param inventory when its pods ran, or null
   * @param limit flows that are kept for the learner; a longer log is replayed whole
   */
  static LearningRates measure(Path log, @Nullable Path inventory, Duration time, int limit)
      throws IOException, MalformedLineException {
    var records = new ArrayList<FlowRecord>();
    replay( // also warms up
        log,
        inventory,
        (_, flow, _) -> {
          if (records.size() < limit) {
            records.add(flow);
          }
        });
    if (records.isEmpty()) {
      throw new IOException(log + ": no flow that can be read");
    }
    var pods = inventory == null ? List.<InstanceRecord>of() : LogRecords.read(inventory);
    learn(records, pods);
    var nanos = 0L;
    var flows = 0L;
    while (nanos < time.toNanos()) {
      nanos += learn(records, pods);
      flows += records.size();
    }
    var learned = flows * 1e9 / nanos;
    nanos = 0;
    flows = 0;
    while (nanos < time.toNanos()) {
      var counted = new long[1];
      var started = System.nanoTime();
      replay(log, inventory, (_, _, _) -> counted[0]++);
      nanos += System.nanoTime() - started;
      flows += counted[0];
    }
    return new LearningRates(learned, flows * 1e9 / nanos, records.size());
  }

  private static void replay(Path log, @Nullable Path inventory, ReplayRun.Listener listener)
      throws IOException, MalformedLineException {
    new ReplayRun(
            new ReplayRun.Files(
                List.of(log),
                inventory == null ? List.of() : List.of(inventory),
                List.of(),
                List.of(),
                List.of()),
            LearningSettings.defaults(),
            true,
            _ -> {})
        .run(listener, false);
  }

  /** Nanoseconds within the learner and the decider. */
  private static long learn(List<FlowRecord> records, List<InstanceRecord> pods) {
    var replay = new Replay(LearningSettings.defaults(), new ListedSuffixes());
    var environment = records.getFirst().environment();
    var chunk = new ArrayList<FlowRecord>(CHUNK);
    var pod = 0;
    var nanos = 0L;
    for (var from = 0; from < records.size(); from += CHUNK) {
      chunk.clear();
      for (var record : records.subList(from, Math.min(records.size(), from + CHUNK))) {
        chunk.add(LogRecords.copy(record));
      }
      var started = System.nanoTime();
      for (var flow : chunk) {
        while (pod < pods.size() && pods.get(pod).start() <= flow.time()) {
          replay.started(pods.get(pod++), environment);
        }
        replay.decide(flow);
      }
      nanos += System.nanoTime() - started;
    }
    return nanos;
  }
}
