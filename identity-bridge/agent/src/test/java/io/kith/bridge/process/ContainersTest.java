package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Tag("root")
@Timeout(60)
class ContainersTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** As a runtime does it: the namespace first, then what it holds, then the program. */
  private static final String MAKE =
      """
      set -e
      echo made
      read go
      mount -t tmpfs layers $1
      mkdir $1/upper $1/work $1/merged
      mount -t overlay image -o lowerdir=/,upperdir=$1/upper,workdir=$1/work $1/merged
      cd $1/merged
      pivot_root . mnt
      exec sleep 1000
      """;

  @TempDir private Path folder;

  @Test
  void of_containerThatIsFoundWhileItIsMade_hasTheRootThatItGets() throws Exception {
    var process =
        new ProcessBuilder(
                "unshare", "-m", "--propagation", "private", "sh", "-c", MAKE, "sh", "" + folder)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (var lines = process.inputReader(UTF_8);
        var go = process.outputWriter(UTF_8)) {
      assertThat(lines.readLine()).isEqualTo("made");
      var namespace =
          Files.readSymbolicLink(Path.of("/proc/" + process.pid() + "/ns/mnt")).toString();
      var containers = new Containers(System::nanoTime);
      var early = requireNonNull(containers.of(namespace));
      assertThat(early.overlay()).isFalse();

      go.write("go\n");
      go.flush();
      var until = System.nanoTime() + PATIENCE.toNanos();
      while (!isSleep(process.pid())) {
        assertThat(System.nanoTime()).isLessThan(until);
        Thread.onSpinWait();
      }

      var found = requireNonNull(containers.of(namespace));
      assertThat(found.overlay()).isTrue();
      assertThat(found.root()).isNotEqualTo(early.root());
      assertThat(found.firstPid()).isEqualTo((int) process.pid());
    } finally {
      process.destroyForcibly().onExit().join();
    }
  }

  private static boolean isSleep(long pid) {
    var arguments = ProcFs.of((int) pid).commandLine();
    return arguments != null && arguments.words().equals(List.of("sleep", "1000"));
  }
}
