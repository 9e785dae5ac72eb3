package io.kith.baselines.identity;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.regex.Pattern;

/**
 * The identity of a workload: {@code spiffe://TRUST-DOMAIN/PATH}.
 *
 * <p>Shape: at most 2048 characters; trust domain 1 to 255 of {@code [a-z0-9._-]}; path segments of
 * {@code [A-Za-z0-9._-]}, none empty, {@code .} or {@code ..}; no port, user, query, fragment or
 * percent sign. The path may be empty (a trust domain's own ID), which no workload has.
 *
 * <p>Source: SPIFFE-ID standard, section 2.
 */
public final class SpiffeId implements Comparable<SpiffeId> {
  private static final int MAX_LENGTH = 2048;
  private static final String EXPECTED =
      "spiffe://trust.domain/path/of/segments with [a-z0-9._-] before the first slash and"
          + " [A-Za-z0-9._-] after it";
  private static final Pattern FORM =
      Pattern.compile("spiffe://([a-z0-9._-]{1,255})((?:/[A-Za-z0-9._-]+)*)");

  private static final int SCHEME = "spiffe://".length();

  private final String text;

  /** Where its path begins; parts are made when asked for, since a mesh has many of these. */
  private final int pathAt;

  private SpiffeId(String text, int pathAt) {
    this.text = text;
    this.pathAt = pathAt;
  }

  /**
   * Reads a SPIFFE ID strictly.
   *
   * @throws IllegalArgumentException when the text is anything else; the message quotes it
   */
  public static SpiffeId parse(String text) {
    requireNonNull(text, "text");
    if (text.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "SPIFFE ID of " + text.length() + " characters (expected: at most " + MAX_LENGTH + ")");
    }
    var matcher = FORM.matcher(text);
    if (!matcher.matches()) {
      throw refused(text, "not a SPIFFE ID");
    }
    var path = matcher.group(2);
    for (var segment : path.split("/", -1)) {
      if (segment.equals(".") || segment.equals("..")) {
        throw refused(text, "a path segment is '" + segment + "'");
      }
    }
    return new SpiffeId(text, matcher.start(2));
  }

  private static IllegalArgumentException refused(String text, String why) {
    return new IllegalArgumentException(
        "SPIFFE ID '" + Printable.of(text, 200) + "': " + why + " (expected: " + EXPECTED + ")");
  }

  /** Lower case, without scheme: {@code prod.mesh.example}. */
  public String trustDomain() {
    return text.substring(SCHEME, pathAt);
  }

  /** With its leading slash, or empty: {@code /ns/shop/sa/checkout}. */
  public String path() {
    return text.substring(pathAt);
  }

  /** The segments of the path, in order; may be empty. */
  public List<String> segments() {
    return pathAt == text.length() ? List.of() : List.of(text.substring(pathAt + 1).split("/"));
  }

  @Override
  public int compareTo(SpiffeId other) {
    return text.compareTo(other.text);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SpiffeId that && text.equals(that.text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  @Override
  public String toString() {
    return text;
  }
}
