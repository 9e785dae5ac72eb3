package io.kith.bridge.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProcessStartsTest {
  private static final int NOBODY = Integer.MAX_VALUE;

  @Test
  void oldest_realProcesses_isTheStartOfTheFirst_asAnotherReaderSaysIt() throws Exception {
    var own = ProcessHandle.current();
    var child = child();
    try {
      var pids = List.of((int) child.pid(), NOBODY, (int) own.pid());

      // the other reader takes the boot time in whole seconds
      assertThat(ProcessStarts.oldest(pids))
          .isCloseTo(own.info().startInstant().orElseThrow(), within(2, ChronoUnit.SECONDS));
      assertThat(ProcessStarts.oldest(List.of((int) child.pid())))
          .isCloseTo(child.info().startInstant().orElseThrow(), within(2, ChronoUnit.SECONDS))
          .isAfter(ProcessStarts.oldest(pids));
    } finally {
      child.destroyForcibly().waitFor();
    }
  }

  private static Process child() throws IOException {
    return new ProcessBuilder("sleep", "60").start();
  }

  @Test
  void oldest_processesThatAreGone_isNotKnown() {
    assertThat(ProcessStarts.oldest(List.of(NOBODY))).isNull();
    assertThat(ProcessStarts.oldest(List.of())).isNull();
  }
}
