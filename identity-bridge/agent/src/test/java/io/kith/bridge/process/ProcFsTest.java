package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProcFsTest {
  @Test
  void stat_nameWithParenthesesAndNewline_isReadFromTheLastOne() {
    var line =
        "42 (a) Z 1 (\n) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1"
            + " 18446744073709551615 1 1 140721894128784 0";

    var stat = ProcFs.stat(line);

    assertThat(stat.parent()).isEqualTo(7);
    assertThat(stat.zombie()).isFalse();
    assertThat(stat.startNanos()).isEqualTo(123_450_000_000L);
    assertThat(stat.stack()).isEqualTo(140_721_894_128_784L);
    assertThat(stat.startedAt(123_459_999_999L)).isTrue();
    assertThat(stat.startedAt(123_460_000_000L)).isFalse();
  }

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

  @Test
  void words_withoutFinalZero_keepTheLast() {
    assertThat(ProcFs.words("a\0\0b c\0d".getBytes(UTF_8))).containsExactly("a", "", "b c", "d");
    assertThat(ProcFs.words(new byte[0])).isEmpty();
  }
}
