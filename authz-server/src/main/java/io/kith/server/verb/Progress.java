package io.kith.server.verb;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.DoubleSupplier;

/**
 * How far something is, with its rate and the time that is left, once a second from the first
 * second on. Shown on a terminal on one line, elsewhere only when asked for, a line each.
 */
public final class Progress implements AutoCloseable {
  private static final long EVERY_NANOS = 1_000_000_000L;
  private static final int LOOKED_AT = 0xfff;

  private final PrintWriter err;
  private final String unit;
  private final DoubleSupplier done;
  private final boolean shown;
  private final boolean terminal;
  private final long started = System.nanoTime();
  private long next = started + EVERY_NANOS;
  private long count;
  private boolean used;

  /**
   * A thing that begins now.
   *
   * @param asked shown also where nobody watches
   * @param unit what is counted, as {@code flows}
   * @param done how much of all is done, 0 to 1; NaN when that is not known
   */
  public Progress(PrintWriter err, boolean asked, String unit, DoubleSupplier done) {
    this.err = err;
    this.unit = unit;
    this.done = done;
    this.terminal = isWatched();
    this.shown = asked || terminal;
  }

  /** One more of very many. */
  public void step() {
    count++;
    if (shown && (count & LOOKED_AT) == 0) {
      look();
    }
  }

  /** One more, each of which takes its time. */
  public void slowStep() {
    count++;
    if (shown) {
      look();
    }
  }

  private void look() {
    var now = System.nanoTime();
    if (now >= next) {
      next = now + EVERY_NANOS;
      used = true;
      var line = words(unit, count, (now - started) / 1e9, done.getAsDouble());
      if (terminal) {
        err.print("\r\u001b[K" + line);
        err.flush();
      } else {
        err.println(line);
      }
    }
  }

  /** {@code 1,234,000 flows, 180,000/s, 42 %, 8 s left}. */
  static String words(String unit, long count, double seconds, double done) {
    var words = String.format(Locale.ROOT, "%,d %s, %,.0f/s", count, unit, count / seconds);
    return done > 0 && done <= 1
        ? words
            + String.format(
                Locale.ROOT, ", %.0f %%, %s left", done * 100, left(seconds * (1 - done) / done))
        : words;
  }

  private static String left(double seconds) {
    var whole = Math.round(seconds);
    return whole < 120 ? whole + " s" : whole < 7_200 ? whole / 60 + " min" : whole / 3_600 + " h";
  }

  @SuppressWarnings("SystemConsoleNull") // null without the module jdk.internal.le
  private static boolean isWatched() {
    var console = System.console();
    return console != null && console.isTerminal();
  }

  @Override
  public void close() {
    if (used && terminal) {
      err.print("\r\u001b[K");
      err.flush();
    }
  }
}
