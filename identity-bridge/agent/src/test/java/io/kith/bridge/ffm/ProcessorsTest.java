package io.kith.bridge.ffm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProcessorsTest {
  @ParameterizedTest
  @CsvSource({"0, 1", "0-1, 2", "'0-127\n', 128", "'0-3,8-11', 12", "'0-3,6', 7"})
  void count_ofTheKernelsList(String list, int expected) {
    assertThat(Processors.count(list)).isEqualTo(expected);
  }

  @Test
  void count_ofNoList_isRefused() {
    assertThatThrownBy(() -> Processors.count("")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void possible_isNoLessThanThisProcessHas() {
    assertThat(Processors.possible())
        .isGreaterThanOrEqualTo(Runtime.getRuntime().availableProcessors());
  }
}
