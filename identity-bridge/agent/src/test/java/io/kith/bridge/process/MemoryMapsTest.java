package io.kith.bridge.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.bridge.ffm.KernelMemory;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MemoryMapsTest {
  /** As this kernel shows the device of memfd. */
  private static final String MEMORY =
      "%02x:%02x"
          .formatted(
              0,
              IntStream.range(0, 256)
                  .filter(minor -> KernelMemory.has(0, minor))
                  .findFirst()
                  .orElseThrow());

  @Test
  void code_mappings_areExecutableFilesOnce() {
    var maps =
        """
        55d0-55d1 r--p 00000000 fd:00 100                        /usr/bin/app
        55d1-55d2 r-xp 00001000 fd:00 100                        /usr/bin/app
        7f00-7f01 r-xp 00000000 fd:00 101                        /tmp/a b\\012c.so (deleted)
        7f01-7f02 r-xp 00000000 fd:00 101                        /tmp/a b\\012c.so (deleted)
        7f02-7f03 rwxp 00000000 00:00 0
        7f05-7f06 rwxp 00000000 fd:00 102                        /tmp/rwx.so
        7ffe-7fff r-xp 00000000 00:00 0                          [vdso]
        broken
        """;

    assertThat(MemoryMaps.code(maps))
        .containsExactly(
            new MemoryMaps.Code("55d1-55d2", "/usr/bin/app"),
            new MemoryMaps.Code("7f00-7f01", "/tmp/a b\nc.so (deleted)"),
            new MemoryMaps.Code("7f05-7f06", "/tmp/rwx.so"));
  }

  @Test
  void code_memory_isLeftOutByItsDevice() {
    var maps =
        """
        7f03-7f04 rwxp 00000000 MEMORY 5                          /memfd:jit (deleted)
        7f04-7f05 rwxs 00000000 MEMORY 6                          /dev/zero (deleted)
        7f05-7f06 rwxs 00000000 MEMORY 0                          /SYSV00000000 (deleted)
        """
            .replace("MEMORY", MEMORY);

    assertThat(MemoryMaps.code(maps)).isEmpty();
  }

  /** Whoever is root in a container may name files so. */
  @Test
  void code_filesNamedAsMemory_areFiles() {
    var maps =
        """
        7f03-7f04 r-xp 00000000 fd:00 5                          /memfd:x/evil.so
        7f04-7f05 r-xp 00000000 fd:00 6                          /dev/zero.so
        7f05-7f06 r-xp 00000000 fd:00 7                          /SYSVevil.so
        7f06-7f07 r-xp 00000000 fd:00 8                          /memfd:jit (deleted)
        """;

    assertThat(MemoryMaps.code(maps))
        .extracting(MemoryMaps.Code::path)
        .containsExactly(
            "/memfd:x/evil.so", "/dev/zero.so", "/SYSVevil.so", "/memfd:jit (deleted)");
  }

  /** As where something is mounted over the first. */
  @Test
  void code_twoFilesOfOneName_areTwo() {
    var maps =
        """
        7f03-7f04 r-xp 00000000 fd:00 5                          /lib/a.so
        7f04-7f05 r-xp 00000000 fd:00 6                          /lib/a.so
        7f05-7f06 r-xp 00000000 fd:01 6                          /lib/a.so
        """;

    assertThat(MemoryMaps.code(maps))
        .extracting(MemoryMaps.Code::range)
        .containsExactly("7f03-7f04", "7f04-7f05", "7f05-7f06");
  }
}
