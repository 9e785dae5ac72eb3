package io.kith.baselines.identity;

import java.util.List;

/**
 * A SPIFFE ID in which a segment may be {@code *}, standing for any one segment: {@code
 * spiffe://prod.example/ns/*}{@code /sa/checkout}.
 *
 * <p>Compared by segments, never by prefix: {@code /ns/a} does not match {@code /ns/ab}.
 */
public final class SpiffeIdPattern {
  private static final String ANY = "*";

  private final String text;
  private final String trustDomain;
  private final List<String> segments;

  private SpiffeIdPattern(String text, String trustDomain, List<String> segments) {
    this.text = text;
    this.trustDomain = trustDomain;
    this.segments = segments;
  }

  /**
   * Reads a pattern.
   *
   * @throws IllegalArgumentException when it is not a SPIFFE ID after each {@code *} segment is
   *     replaced by a name, or has no path
   */
  public static SpiffeIdPattern parse(String text) {
    // not after two slashes: a trust domain is one, never any
    var id = SpiffeId.parse(text.replaceAll("(?<!/)/\\*(?=/|$)", "/any"));
    if (id.path().isEmpty()) {
      throw new IllegalArgumentException(
          "SPIFFE ID pattern '" + text + "': no path (expected: spiffe://trust.domain/path)");
    }
    var path = text.substring("spiffe://".length() + id.trustDomain().length() + 1);
    return new SpiffeIdPattern(text, id.trustDomain(), List.of(path.split("/")));
  }

  /** Whether the ID has the pattern's trust domain and, segment by segment, its path. */
  public boolean matches(SpiffeId id) {
    if (!id.trustDomain().equals(trustDomain)) {
      return false;
    }
    var actual = id.segments();
    if (actual.size() != segments.size()) {
      return false;
    }
    for (var i = 0; i < actual.size(); i++) {
      if (!segments.get(i).equals(ANY) && !segments.get(i).equals(actual.get(i))) {
        return false;
      }
    }
    return true;
  }

  @Override
  public String toString() {
    return text;
  }
}
