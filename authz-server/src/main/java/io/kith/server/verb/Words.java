package io.kith.server.verb;

import com.google.protobuf.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Values as people read and write them. */
public final class Words {
  private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]");
  private static final Pattern DURATION = Pattern.compile("(\\d{1,9})(s|m|h|d)");

  private Words() {}

  /** Lines of at most so many characters, broken at blanks where there are some. */
  public static List<String> wrap(String text, int width) {
    var lines = new ArrayList<String>();
    var line = new StringBuilder();
    for (var word : text.split(" ", -1)) {
      if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
        lines.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    lines.add(line.toString());
    return lines;
  }

  /** {@code 1 edge}, {@code 2 edges}. */
  public static String count(long number, String one) {
    return number + " " + (number == 1 ? one : one + "s");
  }

  /** The text without what could move the cursor: names of programs are chosen by attackers. */
  public static String safe(String text) {
    return UNPRINTABLE.matcher(text).replaceAll("?");
  }

  /** ISO 8601, UTC, whole seconds. */
  public static String time(Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos())
        .truncatedTo(ChronoUnit.SECONDS)
        .toString();
  }

  public static String destination(String name, int port) {
    if (name.isEmpty()) {
      return "-";
    }
    if (port == 0) {
      return safe(name); // a pattern in words, with its ports
    }
    return safe(name.indexOf(':') >= 0 ? "[" + name + "]" : name) + ":" + port;
  }

  public static String orDash(String text) {
    return text.isEmpty() ? "-" : safe(text);
  }

  /**
   * Reads {@code 90s}, {@code 30m}, {@code 4h} or {@code 7d}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Duration duration(String text) {
    var matcher = DURATION.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("'" + text + "' (expected: 90s, 30m, 4h or 7d)");
    }
    var amount = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "s" -> Duration.ofSeconds(amount);
      case "m" -> Duration.ofMinutes(amount);
      case "h" -> Duration.ofHours(amount);
      default -> Duration.ofDays(amount);
    };
  }
}
