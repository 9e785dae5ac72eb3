package io.kith.istio.doctor;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A version as far as it matters here. */
record Version(int major, int minor, String text) {
  private static final Pattern NUMBERS = Pattern.compile("v?(\\d{1,4})\\.(\\d{1,4})(?:[.-].*)?");

  /** The version that a text begins with, or null. */
  static @Nullable Version parse(String text) {
    var matcher = NUMBERS.matcher(text);
    return matcher.matches()
        ? new Version(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)), text)
        : null;
  }
}
