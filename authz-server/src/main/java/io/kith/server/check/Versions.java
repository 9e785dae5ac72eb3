package io.kith.server.check;

import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Numbers of changes, in the order in which they can be seen: who has looked at all up to {@link
 * #latest} misses none that comes later. Thread-safe.
 */
final class Versions {
  private long latest; // guarded by this

  /**
   * Numbers a change.
   *
   * @param change lets it be seen with this number, or does nothing, before anybody has another one
   * @return what that returns
   */
  synchronized <T extends @Nullable Object> T next(LongFunction<T> change) {
    var changed = change.apply(latest + 1);
    latest++;
    return changed;
  }

  /** The number of the latest change that can be seen; 0 before any. */
  synchronized long latest() {
    return latest;
  }
}
