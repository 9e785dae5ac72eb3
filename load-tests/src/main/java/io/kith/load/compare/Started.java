package io.kith.load.compare;

import io.kith.load.tools.RunningProcess;
import java.util.List;

/**
 * A server that runs.
 *
 * @param port where it takes Checks
 * @param beside what it needs, closed after it
 */
public record Started(RunningProcess process, int port, List<RunningProcess> beside)
    implements AutoCloseable {
  public Started {
    beside = List.copyOf(beside);
  }

  @Override
  public void close() {
    process.close();
    beside.forEach(RunningProcess::close);
  }
}
