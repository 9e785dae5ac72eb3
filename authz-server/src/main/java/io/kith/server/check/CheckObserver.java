package io.kith.server.check;

/** Who hears of Checks after their answers: port to telemetry. Must not block or throw. */
public interface CheckObserver {
  /** An answer was sent. */
  void answered(Answered answered);

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
