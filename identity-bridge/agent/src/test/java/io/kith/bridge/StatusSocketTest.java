package io.kith.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class StatusSocketTest {
  @TempDir private Path folder;
  private Path path;

  @BeforeEach
  void place() {
    path = folder.resolve("kith").resolve("bridge.sock");
  }

  @Test
  void ask_runningBridge_isTheStatusOfThatMoment() throws Exception {
    var text = new String[] {"rung A\n"};
    try (var _ = StatusSocket.open(path, () -> text[0])) {
      assertThat(StatusSocket.ask(path)).isEqualTo("rung A\n");

      text[0] = "rung B\n".repeat(100_000);
      assertThat(StatusSocket.ask(path)).isEqualTo(text[0]);
      assertThat(Files.getPosixFilePermissions(path))
          .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    }

    assertThat(path).doesNotExist();
  }

  @Test
  void open_anotherBridgeIsThere_isRefused_andWhatADeadOneLeftIsReplaced() throws Exception {
    try (var _ = StatusSocket.open(path, () -> "one")) {
      assertThatThrownBy(() -> StatusSocket.open(path, () -> "two"))
          .isInstanceOf(IOException.class)
          .hasMessage(path + ": another bridge is there (bridge.status)");
    }
    Files.writeString(path, "left");

    try (var _ = StatusSocket.open(path, () -> "two")) {
      assertThat(StatusSocket.ask(path)).isEqualTo("two");
    }
  }

  @Test
  void status_command_printsIt_orSaysThatNobodyAnswers() throws Exception {
    var config = folder.resolve("kith.yaml");
    Files.writeString(config, "bridge: {status: \"" + path + "\"}\n");
    try (var _ = StatusSocket.open(path, () -> "rung A\n")) {
      assertThat(status(config)).isEqualTo("0 rung A\n");
    }

    assertThat(status(config)).startsWith("1 kith bridge status: no bridge answers at " + path);
  }

  private static String status(Path config) {
    var text = new StringWriter();
    var exit =
        new CommandLine(new BridgeStatusCommand())
            .setOut(new PrintWriter(text))
            .setErr(new PrintWriter(text, true))
            .execute("--config", config.toString());
    return exit + " " + text;
  }
}
