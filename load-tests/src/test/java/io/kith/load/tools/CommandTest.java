package io.kith.load.tools;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandTest {
  @TempDir Path folder;

  @Test
  void run_failing_saysWhatAndTheLastLines() {
    assertThatThrownBy(
            () ->
                Command.run(Duration.ofMinutes(1), List.of("sh", "-c", "echo no disk >&2; exit 3"))
                    .orFail())
        .hasMessage("sh -c echo no disk >&2; exit 3 ended with 3: no disk");
  }

  @Test
  void run_tooLong_isKilledWithItsChildren() throws Exception {
    var argv = List.of("sh", "-c", "echo started; sleep 600; true");
    var outcome = Command.run(Duration.ofMillis(300), argv);
    for (var seconds = 1; !outcome.output().startsWith("started") && seconds <= 64; seconds *= 4) {
      outcome = Command.run(Duration.ofSeconds(seconds), argv); // enough for a busy machine
    }

    assertThat(outcome.succeeded()).isFalse();
    assertThat(outcome.output()).startsWith("started").contains("killed after");
  }

  @Test
  void find_unknownName_isAbsent() {
    assertThat(Command.find("kith-no-such-program")).isNull();
    assertThat(Command.find("sh")).isNotNull();
  }

  @Test
  void awaitReady_programEndsFirst_saysSoWithTheEndOfItsLog() {
    var argv = List.of("sh", "-c", "echo port is taken; exit 4");

    try (var process = RunningProcess.start("Envoy", folder.resolve("log"), Map.of(), argv)) {
      assertThatThrownBy(() -> process.awaitReady(Duration.ofMinutes(1), () -> false))
          .hasMessage("Envoy ended with 4 before it was ready:\nport is taken");
    }
  }

  @Test
  void close_running_endsIt() {
    var process =
        RunningProcess.start("sleep", folder.resolve("log"), Map.of(), List.of("sleep", "60"));

    process.close();

    assertThat(process.alive()).isFalse();
  }
}
