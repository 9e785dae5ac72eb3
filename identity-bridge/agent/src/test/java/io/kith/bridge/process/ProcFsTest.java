package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.ffm.PosixFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class ProcFsTest {
  @Test
  void everything_ofAProcessThatNeverWas_isNothing() {
    var nobody = ProcFs.of(Integer.MAX_VALUE);

    assertThat(nobody.stat()).isNull();
    assertThat(nobody.uid()).isNull();
    assertThat(nobody.link("exe")).isNull();
    assertThat(nobody.commandLine()).isNull();
    assertThat(nobody.mounts().mounts()).isEmpty();
    assertThat(nobody.maps()).isEmpty();
  }

  /** As where the first thread has ended. */
  @Tag("root")
  @Test
  void openMapped_ofAThread_isTheSameFile() throws Exception {
    var self = ProcFs.of((int) ProcessHandle.current().pid());
    var thread = new ProcFs("/proc/" + PosixFile.readLink("/proc/thread-self"));
    var code = MemoryMaps.code(self.maps()).getFirst();

    try (var mapped = self.openMapped(code.range());
        var again = thread.openMapped(code.range())) {
      assertThat(mapped.name()).isEqualTo(code.path());
      assertThat(again.stat()).isEqualTo(mapped.stat());
    }
  }

  @Test
  void words_withoutFinalZero_keepTheLast() {
    assertThat(ProcFs.words("a\0\0b c\0d".getBytes(UTF_8))).containsExactly("a", "", "b c", "d");
    assertThat(ProcFs.words(new byte[0])).isEmpty();
  }
}
