package io.kith.baselines.destination;

import java.util.regex.Pattern;

/**
 * Ports from one to another, both included.
 *
 * @param first 1 to 65535
 * @param last {@code first} to 65535
 */
public record Ports(int first, int last) {
  private static final Pattern FORM = Pattern.compile("(\\d{1,5})(?:-(\\d{1,5}))?");

  /** All of them. */
  public static final Ports ANY = new Ports(1, 65_535);

  public Ports {
    if (first < 1 || last > 65_535 || first > last) {
      throw new IllegalArgumentException(
          "ports: " + first + "-" + last + " (expected: 1 to 65535, the lower one first)");
    }
  }

  /**
   * Reads {@code 443} or {@code 9000-9100}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Ports parse(String text) {
    var matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("'" + text + "' (expected: 443 or 9000-9100)");
    }
    var first = Integer.parseInt(matcher.group(1));
    return new Ports(first, matcher.group(2) == null ? first : Integer.parseInt(matcher.group(2)));
  }

  public boolean contains(int port) {
    return port >= first && port <= last;
  }

  public boolean contains(Ports other) {
    return other.first >= first && other.last <= last;
  }

  /** How many. */
  public int size() {
    return last - first + 1;
  }

  @Override
  public String toString() {
    return this.equals(ANY) ? "*" : first == last ? "" + first : first + "-" + last;
  }
}
