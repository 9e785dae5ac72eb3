package io.kith.bridge.process;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MemoryMapsTest {
  @Test
  void code_mappings_areExecutableFilesOnce() {
    var maps =
        """
        55d0-55d1 r--p 00000000 fd:00 100                        /usr/bin/app
        55d1-55d2 r-xp 00001000 fd:00 100                        /usr/bin/app
        7f00-7f01 r-xp 00000000 fd:00 101                        /tmp/a b\\012c.so (deleted)
        7f01-7f02 r-xp 00000000 fd:00 101                        /tmp/a b\\012c.so (deleted)
        7f02-7f03 rwxp 00000000 00:00 0
        7f03-7f04 rwxp 00000000 00:01 5                          /memfd:jit (deleted)
        7f04-7f05 rwxs 00000000 00:01 5                          /dev/zero (deleted)
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
}
