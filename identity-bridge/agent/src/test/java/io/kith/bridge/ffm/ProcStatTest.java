package io.kith.bridge.ffm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProcStatTest {
  @Test
  void stat_nameWithParenthesesAndNewline_isReadFromTheLastOne() {
    var line =
        "42 (a) Z 1 (\n) S 7 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1"
            + " 18446744073709551615 1 1 140721894128784 0";

    var stat = ProcStat.parse(line);

    assertThat(stat.parent()).isEqualTo(7);
    assertThat(stat.zombie()).isFalse();
    assertThat(stat.startNanos()).isEqualTo(123_450_000_000L);
    assertThat(stat.stack()).isEqualTo(140_721_894_128_784L);
    assertThat(stat.startedAt(123_459_999_999L)).isTrue();
    assertThat(stat.startedAt(123_460_000_000L)).isFalse();
  }
}
