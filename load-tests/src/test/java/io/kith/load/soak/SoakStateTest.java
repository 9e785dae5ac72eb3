package io.kith.load.soak;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SoakStateTest {
  @TempDir private Path folder;
  private Path file = Path.of("");

  @BeforeEach
  void file() {
    file = folder.resolve("soak.jsonl");
  }

  private static SoakWindow window(int run) {
    return new SoakWindow(run, 10.5, 100, 0, 1, 250.5, 900, 200_000, 20_000, 50, 30, 8, 4, 1);
  }

  @Test
  void resume_hasWhatWasAdded_andIsTheNextRun() throws Exception {
    var state = SoakState.create(file);
    state.add(window(1));
    state.add(window(1));

    var resumed = SoakState.resume(file);

    assertThat(resumed.windows()).containsExactly(window(1), window(1));
    assertThat(resumed.nextRun()).isEqualTo(2);
  }

  @Test
  void resume_lastLineCutOff_leavesItOut_andWritesOverIt() throws Exception {
    SoakState.create(file).add(window(1));
    Files.writeString(file, "{\"run\":1,\"seco", StandardOpenOption.APPEND);

    SoakState.resume(file).add(window(2));

    assertThat(SoakState.resume(file).windows()).containsExactly(window(1), window(2));
  }

  @Test
  void create_fileIsThere_isRefused() throws Exception {
    Files.createFile(file);

    assertThatThrownBy(() -> SoakState.create(file))
        .hasMessage(
            file + ": is there already (go on with it: --resume; or name another with --state)");
  }

  @Test
  void resume_noFile_orAnother_isRefused() throws Exception {
    assertThatThrownBy(() -> SoakState.resume(file))
        .hasMessage(file + ": is not there (begin one without --resume)");

    Files.writeString(file, "something else\n");
    assertThatThrownBy(() -> SoakState.resume(file))
        .hasMessageStartingWith(file + ":1: is no window of a soak (");
  }
}
