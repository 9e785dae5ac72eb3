package io.kith.server.rehearsal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
class RehearsalTest {
  @TempDir Path folder;

  /** All verdicts are required inside: of a learned flow, and of a stranger, in two lives. */
  @Test
  void run_realServerBridgeAndChecks_endsInOrder() throws Exception {
    Rehearsal.run(folder, RehearsedOperator::run);

    assertThat(Files.exists(folder.resolve("kith.db"))).isTrue();
    assertThat(Files.exists(folder.resolve("admin.sock"))).isFalse();
  }
}
