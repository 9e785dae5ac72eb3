package io.kith.bridge.ffm;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelMemoryTest {
  @TempDir Path folder;

  private static boolean isMemory(PosixFile file) throws Exception {
    var stat = file.stat();
    return KernelMemory.has(stat.deviceMajor(), stat.deviceMinor());
  }

  @Test
  void has_deviceOfMemory_isTrueAndOfAFileOfAnyName_false() throws Exception {
    var named = Files.writeString(folder.resolve("memfd:x (deleted)"), "code");

    try (var memory = PosixFile.inMemory(0);
        var file = PosixFile.open(named.toString());
        var shared = PosixFile.openPath("/dev/shm")) {
      assertThat(isMemory(memory)).isTrue();
      assertThat(isMemory(file)).isFalse();
      assertThat(isMemory(shared)).as("a tmpfs with names").isFalse();
    }
  }
}
