package io.kith.load.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.learning.LearningSettings;
import io.kith.server.replay.ReplayRun;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GeneratedLogTest {
  @TempDir private Path folder = Path.of("");

  @Test
  void log_isReadStrictly_andLearnedUntilFlowsAreJudged() throws Exception {
    var flows = folder.resolve("flows.jsonl.gz");
    var pods = folder.resolve("pods.jsonl.gz");
    var log = new GeneratedLog(1);
    log.writeInventory(pods);
    log.writeFlows(flows, 20_000);
    var enforced = new int[1];

    var outcome =
        new ReplayRun(
                new ReplayRun.Files(List.of(flows), List.of(pods), List.of(), List.of(), List.of()),
                LearningSettings.defaults(),
                true,
                _ -> {})
            .run((_, _, verdict) -> enforced[0] += verdict.enforced() ? 1 : 0, false);

    assertThat(outcome.summary().flows()).isEqualTo(20_000);
    assertThat(outcome.summary().workloads()).hasSize(20);
    assertThat(enforced[0]).isGreaterThan(1_000);
  }

  @Test
  void records_ofTheInventory_areReadInOrder() throws Exception {
    var pods = folder.resolve("pods.jsonl.gz");
    new GeneratedLog(1).writeInventory(pods);

    var records = LogRecords.read(pods);

    assertThat(records)
        .hasSize(20 * 3 * 5)
        .isSortedAccordingTo((a, b) -> Double.compare(a.start(), b.start()));
    assertThat(records.getFirst().ip()).isEqualTo("10.42.0.1");
  }
}
