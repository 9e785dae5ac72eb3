package io.kith.baselines.yaml;

import java.net.URI;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Pattern;

/** Readers of single values; each refuses with what it got and what it expected. */
public final class Values {
  private static final Pattern DURATION = Pattern.compile("(\\d{1,9})(ms|s|m|h|d)");
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9})(B|KiB|MiB|GiB)");

  private Values() {}

  public static String text(String text) {
    if (text.isBlank()) {
      throw new IllegalArgumentException("blank (expected: a value)");
    }
    return text;
  }

  /** This text and no other. */
  public static Function<String, String> exactly(String expected) {
    return text -> {
      if (!text.equals(expected)) {
        throw new IllegalArgumentException("'" + text + "' (expected: " + expected + ")");
      }
      return text;
    };
  }

  public static Duration duration(String text) {
    var matcher = DURATION.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("'" + text + "' (expected: 200ms, 90s, 5m, 4h or 7d)");
    }
    var amount = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(amount);
      case "s" -> Duration.ofSeconds(amount);
      case "m" -> Duration.ofMinutes(amount);
      case "h" -> Duration.ofHours(amount);
      default -> Duration.ofDays(amount);
    };
  }

  /** Bytes. */
  public static long size(String text) {
    var matcher = SIZE.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("'" + text + "' (expected: 4096B, 512KiB or 64MiB)");
    }
    var shift =
        switch (matcher.group(2)) {
          case "B" -> 0;
          case "KiB" -> 10;
          case "MiB" -> 20;
          default -> 30;
        };
    return Long.parseLong(matcher.group(1)) << shift;
  }

  public static boolean bool(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new IllegalArgumentException("'" + text + "' (expected: true or false)");
    };
  }

  public static Function<String, Integer> integer(int min, int max) {
    return text -> {
      try {
        var number = Integer.parseInt(text);
        if (number >= min && number <= max) {
          return number;
        }
      } catch (NumberFormatException _) {
        // told below
      }
      throw new IllegalArgumentException(
          "'" + text + "' (expected: a whole number from " + min + " to " + max + ")");
    };
  }

  public static Function<String, Double> fraction() {
    return text -> {
      try {
        var number = Double.parseDouble(text);
        if (number >= 0 && number <= 1) {
          return number;
        }
      } catch (NumberFormatException _) {
        // told below
      }
      throw new IllegalArgumentException("'" + text + "' (expected: a number from 0 to 1)");
    };
  }

  public static Path path(String text) {
    try {
      return Path.of(text(text));
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("'" + text + "' is not a path", e);
    }
  }

  public static URI httpUri(String text) {
    try {
      var uri = URI.create(text);
      if (uri.getHost() != null
          && ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))) {
        return uri;
      }
    } catch (IllegalArgumentException _) {
      // told below
    }
    throw new IllegalArgumentException("'" + text + "' (expected: http://host:port)");
  }

  public static <E extends Enum<E>> Function<String, E> oneOf(Class<E> type) {
    return text -> {
      var names = new StringBuilder();
      for (var constant : type.getEnumConstants()) {
        var name = constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
        if (name.equals(text)) {
          return constant;
        }
        names.append(names.isEmpty() ? "" : ", ").append(name);
      }
      throw new IllegalArgumentException("'" + text + "' (expected: one of " + names + ")");
    };
  }
}
