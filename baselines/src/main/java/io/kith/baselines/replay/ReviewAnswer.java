package io.kith.baselines.replay;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * What an operator would answer.
 *
 * @param host or {@code ip}, one of them null
 * @param after seconds after the item opens
 */
public record ReviewAnswer(
    String app,
    @Nullable String path,
    @Nullable String script,
    @Nullable String host,
    @Nullable String ip,
    int port,
    boolean approve,
    double after) {
  public ReviewAnswer {
    requireNonNull(app, "app");
    if (!(after >= 0) || after > 1e11) {
      throw new IllegalArgumentException("after: " + after + " (expected: seconds, 0 or more)");
    }
  }

  /** What an item is asked about, so that an answer finds it. */
  record Subject(
      String app,
      @Nullable String path,
      @Nullable String script,
      @Nullable String host,
      @Nullable String ip,
      int port) {}

  Subject subject() {
    return new Subject(app, path, script, host, host == null ? ip : null, port);
  }
}
