package io.kith.server.rpc;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * What the server holds of Checks that have not come to their end, of all its connections. A Check
 * that comes whole before the next one begins is never counted. Thread-safe.
 */
final class Unfinished {
  private final long most;
  private final AtomicLong octets = new AtomicLong();
  private final LongAdder untaken = new LongAdder();

  /**
   * @param most octets at a time
   */
  Unfinished(long most) {
    this.most = most;
  }

  /** Takes room for so many octets more, to be given back; false when there is not as much. */
  boolean take(int more) {
    if (octets.addAndGet(more) > most) {
      octets.addAndGet(-more);
      return false;
    }
    return true;
  }

  void giveBack(int count) {
    octets.addAndGet(-count);
  }

  long octets() {
    return octets.get();
  }

  /** A connection was ended whose answers were not taken. */
  void endedUntaken() {
    untaken.increment();
  }

  /** How many were. */
  long untaken() {
    return untaken.sum();
  }
}
