package io.kith.baselines.config;

/**
 * How often each caller may call the admin API.
 *
 * @param reads questions
 * @param changes what changes something
 * @param streams calls at a time that follow decisions, 1 or more
 */
public record AdminLimits(Rate reads, Rate changes, int streams) {
  /** What a person and their scripts do not reach. */
  public static final AdminLimits DEFAULT = new AdminLimits(new Rate(50, 100), new Rate(5, 20), 4);

  public AdminLimits {
    if (streams < 1) {
      throw new IllegalArgumentException("streams: " + streams + " (expected: 1 or more)");
    }
  }

  /**
   * A rate.
   *
   * @param perSecond calls each second, in the long run
   * @param burst calls at once after a pause
   */
  public record Rate(int perSecond, int burst) {
    public Rate {
      if (perSecond < 1 || burst < 1) {
        throw new IllegalArgumentException(
            "rate: " + perSecond + " a second, burst " + burst + " (expected: 1 or more)");
      }
    }
  }
}
