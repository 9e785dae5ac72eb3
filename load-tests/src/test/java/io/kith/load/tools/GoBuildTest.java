package io.kith.load.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GoBuildTest {
  @TempDir Path folder;

  /** What a cold machine waits for is read from a run's output. */
  @Test
  void build_saysInTheEndHowLongItTook() throws Exception {
    var said = new ArrayList<String>();
    var program =
        new GoProgram("Nothing 1.0", "package main\nfunc main() {}\n", List.of(), "install Go");

    program.into(folder, said::add);

    assertThat(folder.resolve("main")).isExecutable();
    assertThat(said.getLast()).matches("built Nothing 1\\.0 in [0-9]+ s");
  }
}
