package io.kith.server.check;

import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * A log that writes at most so many lines a second and counts the others.
 *
 * <p>A line is a constant text and key-values: {@code check denied reason=new_process workload=…}.
 */
public final class BoundedLog {
  private final Logger logger;
  private final int perSecond;
  // Second on the scale of nanoTime in the upper half, lines in it in the lower.
  private final AtomicLong window = new AtomicLong();
  private final LongAdder dropped = new LongAdder();

  public BoundedLog(Class<?> owner, int perSecond) {
    this.logger = Logger.getLogger(owner.getName());
    this.perSecond = perSecond;
  }

  /** Writes a line, or counts it. Values are made plain here. */
  public void log(
      Level level, String text, Map<String, String> values, @Nullable Throwable thrown) {
    if (!logged(level, text, values, thrown)) {
      dropped.increment();
    }
  }

  /** Writes a line; false when there were too many, for those who say it again later. */
  public boolean logged(
      Level level, String text, Map<String, String> values, @Nullable Throwable thrown) {
    if (!logger.isLoggable(level)) {
      return true; // nobody wants it
    }
    if (!admitted()) {
      return false;
    }
    var line = new StringBuilder(text);
    values.forEach(
        (key, value) ->
            line.append(' ')
                .append(key)
                .append('=')
                .append(
                    value.indexOf(' ') < 0 && !value.isEmpty()
                        ? Untrusted.plain(value, 500)
                        : "\"" + Untrusted.plain(value, 500).replace('"', '\'') + "\""));
    logger.logp(level, logger.getName(), "", line.toString(), thrown);
    return true;
  }

  /** Lines that were not written. */
  public long dropped() {
    return dropped.sum();
  }

  private boolean admitted() {
    var second = (System.nanoTime() / 1_000_000_000L) & 0x7fff_ffffL;
    var after =
        window.updateAndGet(before -> before >>> 32 == second ? before + 1 : second << 32 | 1);
    return (after & 0xffff_ffffL) <= perSecond;
  }
}
