package io.kith.load.score;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergedLogTest {
  @TempDir private Path folder;

  @Test
  void write_severalLogs_mergesByTimeAndTakesTheLabelsAway() throws IOException {
    var benign =
        Files.write(
            folder.resolve("benign.jsonl"),
            List.of(line(1, "benign", "steady"), line(3, "benign", "steady")));
    var attacks = Files.write(folder.resolve("attacks.jsonl"), List.of(line(2, "attack", "A")));
    var merged = folder.resolve("merged.jsonl.gz");

    var truths = MergedLog.write(List.of(benign, attacks), merged);

    assertThat(truths).extracting(Truth::time).containsExactly(1.0, 2.0, 3.0);
    assertThat(truths).extracting(Truth::attack).containsExactly(false, true, false);
    try (var lines = MergedLog.open(merged)) {
      assertThat(lines.lines())
          .containsExactly(
              "{\"t\":1,\"app\":\"a\"}", "{\"t\":2,\"app\":\"a\"}", "{\"t\":3,\"app\":\"a\"}");
    }
  }

  private static String line(int time, String label, String type) {
    return "{\"t\":"
        + time
        + ",\"app\":\"a\",\"stream\":\"s\",\"truth\":{\"label\":\""
        + label
        + "\",\"class\":\""
        + type
        + "\"}}";
  }
}
