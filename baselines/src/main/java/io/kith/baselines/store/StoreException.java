package io.kith.baselines.store;

import java.io.Serial;

/**
 * The store could not do it. It did none of it, unless {@link #isUnknown}. The message says what to
 * do.
 */
public final class StoreException extends Exception {
  @Serial private static final long serialVersionUID = 1;

  private final boolean unknown;

  public StoreException(String message) {
    super(message);
    this.unknown = false;
  }

  public StoreException(String message, Throwable cause) {
    this(message, cause, false);
  }

  /**
   * What went wrong.
   *
   * @param unknown the answer was lost, so it may have been done, or be done yet
   */
  public StoreException(String message, Throwable cause, boolean unknown) {
    super(message, cause);
    this.unknown = unknown;
  }

  /** Whether it may have been done all the same, or be done yet. */
  public boolean isUnknown() {
    return unknown;
  }
}
