package io.kith.baselines.store;

import java.io.Serial;

/** The store could not do it, and did none of it. The message says what to do. */
public final class StoreException extends Exception {
  @Serial private static final long serialVersionUID = 1;

  public StoreException(String message) {
    super(message);
  }

  public StoreException(String message, Throwable cause) {
    super(message, cause);
  }
}
