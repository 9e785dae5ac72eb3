package io.kith.load.score;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.replay.FlowRecord;
import io.kith.server.replay.ReplayRun;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparseLogTest {
  @TempDir private Path folder;

  @Test
  void write_thenRead_areTheSameRecordsEachTime() throws Exception {
    var log = new SparseLog(2_000, 10, 16, 4, 7);
    var file = folder.resolve("sparse.jsonl.gz");

    log.write(file);

    assertThat(read(file)).isEqualTo(log.records().toList());
    assertThat(log.records().toList())
        .isNotEqualTo(new SparseLog(2_000, 10, 16, 4, 8).records().toList());
  }

  private static List<FlowRecord> read(Path file) throws Exception {
    var read = new ArrayList<FlowRecord>();
    new ReplayRun(
            new ReplayRun.Files(List.of(file), List.of(), List.of(), List.of(), List.of()),
            LearningSettings.defaults(),
            true,
            _ -> {})
        .run((_, flow, _) -> read.add(flow), false);
    return read;
  }
}
