package io.kith.server.rehearsal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
class RehearsalTest {
  @TempDir Path folder;

  /** All verdicts are required inside: of a learned flow, and of a stranger, in two lives. */
  @Test
  void run_realServerBridgeAndChecks_endsInOrder() throws Exception {
    var operators = new AtomicInteger();
    var java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    var classes = System.getProperty("java.class.path");
    var operator =
        Rehearsal.process(
            java,
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classes,
            RehearsedOperator.class.getName());

    Rehearsal.run(
        folder,
        (config, owner, decision) -> {
          operator.operate(config, owner, decision);
          operators.incrementAndGet();
        });

    assertThat(operators).hasValue(1);

    assertThat(Files.exists(folder.resolve("kith.db"))).isTrue();
    assertThat(Files.exists(folder.resolve("admin.sock"))).isFalse();
  }
}
