package io.kith.server.check;

/** Who hears of Checks after their answers: port to telemetry. Must not block or throw. */
public interface CheckObserver {
  /** An answer was sent. */
  void answered(Answered answered);

  /**
   * The process of what was answered before became known: the answer stays.
   *
   * @param known with the flow, and no snapshot, as it was not decided by one
   */
  default void late(Answered known) {}

  /** The caller went away before the answer. */
  void cancelled();

  /** Hears nothing. */
  static CheckObserver none() {
    return new CheckObserver() {
      @Override
      public void answered(Answered answered) {}

      @Override
      public void cancelled() {}
    };
  }
}
