package io.kith.server.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every input of the corpora: the seeds, and what {@link Fuzzing} found worth keeping. */
class FuzzCorpusTest {
  @ParameterizedTest
  @EnumSource(FuzzTarget.class)
  void corpus_findsNothing(FuzzTarget target) throws Exception {
    assertThat(files(target.seeds())).isNotEmpty();

    var all = new ArrayList<>(files(target.seeds()));
    all.addAll(files(target.found()));
    for (var file : all) {
      var data = Files.readAllBytes(file);
      assertThatCode(() -> target.tryOne(data)).as("%s", file).doesNotThrowAnyException();
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (var files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }
}
