package io.kith.bridge.process;

import org.jspecify.annotations.Nullable;

/** Remembers who forked whom, also of processes that are gone. Thread-safe and quick. */
@FunctionalInterface
public interface Births {
  /** Nothing is remembered. */
  Births UNKNOWN = _ -> null;

  /** The birth of the last process that had this pid, or null when it was not seen. */
  @Nullable Birth of(int pid);
}
