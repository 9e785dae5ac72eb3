package io.kith.baselines.learning;

/** What is known of the other workloads of the mesh. */
@FunctionalInterface
public interface Siblings {
  /** Knows none. */
  Siblings UNKNOWN = _ -> -1;

  /**
   * How many pods of the workload behind a destination's name have started so far.
   *
   * @param name owner or service, as a destination has it
   * @return -1 when that is not known
   */
  int startsOf(String name);
}
