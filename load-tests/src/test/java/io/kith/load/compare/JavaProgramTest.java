package io.kith.load.compare;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.Main;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class JavaProgramTest {
  private static final Pattern FLAGS =
      Pattern.compile("readonly (?:SERVER_)?(?:FLAGS|HEAP)=\"([^\"]*)\"");

  /** What is measured is what is delivered: the flags of the launcher, which the image has too. */
  @Test
  void argv_hasTheFlagsOfTheLauncher() throws Exception {
    var flags = new ArrayList<String>();
    FLAGS
        .matcher(Files.readString(Path.of("..", "kith")))
        .results()
        .forEach(match -> flags.addAll(List.of(match.group(1).strip().split("\\s+"))));

    assertThat(flags).hasSizeGreaterThan(10).contains("-XX:+ExitOnOutOfMemoryError");
    assertThat(JavaProgram.argv(Main.class, List.of())).containsAll(flags);
  }
}
