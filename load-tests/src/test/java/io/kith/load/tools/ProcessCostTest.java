package io.kith.load.tools;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class ProcessCostTest {
  @Test
  void processor_nameWithBracketsAndSpaces_isReadBehindIt() {
    assertThat(
            ProcessCost.processor(
                "42 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 20 0 1 0 100 0 0"))
        .isEqualTo(Duration.ofSeconds(2));
  }

  @Test
  void residentMebibytes_ofThisProcess_isSome() throws Exception {
    assertThat(ProcessCost.residentMebibytes(ProcessHandle.current().pid())).isPositive();
  }
}
