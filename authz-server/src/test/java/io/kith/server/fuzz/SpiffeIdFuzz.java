package io.kith.server.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.identity.SpiffeIdPattern;
import java.net.URI;
import java.util.List;

/** Only what the SPIFFE-ID standard calls one is one; an ID matches itself as a pattern. */
public final class SpiffeIdFuzz {
  private SpiffeIdFuzz() {}

  /** One input, as Jazzer calls it. */
  public static void fuzzerTestOneInput(byte[] data) {
    var text = new String(data, UTF_8);
    try {
      var _ = SpiffeIdPattern.parse(text);
    } catch (IllegalArgumentException _) {
      // nothing else may come of it
    }
    SpiffeId id;
    try {
      id = SpiffeId.parse(text);
    } catch (IllegalArgumentException _) {
      return;
    }
    require(id.toString().equals(text), "is not the text");
    require(isByTheStandard(text), "is none by the standard");
    require(
        id.path().isEmpty() || SpiffeIdPattern.parse(text).matches(id), "does not match itself");
  }

  /** Written anew, by another parser and character by character: section 2 of the standard. */
  private static boolean isByTheStandard(String text) {
    var uri = URI.create(text);
    var domain = uri.getRawAuthority();
    var path = uri.getRawPath();
    return text.length() <= 2_048
        && "spiffe".equals(uri.getScheme())
        && uri.getRawQuery() == null
        && uri.getRawFragment() == null
        && domain != null
        && domain.length() <= 255
        && domain.chars().allMatch(one -> isLower(one) || isOther(one))
        && (path.isEmpty()
            || (path.startsWith("/")
                && List.of(path.substring(1).split("/", -1)).stream()
                    .allMatch(SpiffeIdFuzz::isSegment)));
  }

  private static boolean isSegment(String segment) {
    return !segment.isEmpty()
        && !segment.equals(".")
        && !segment.equals("..")
        && segment.chars().allMatch(one -> isLower(one) || isUpper(one) || isOther(one));
  }

  private static boolean isLower(int one) {
    return one >= 'a' && one <= 'z';
  }

  private static boolean isUpper(int one) {
    return one >= 'A' && one <= 'Z';
  }

  private static boolean isOther(int one) {
    return (one >= '0' && one <= '9') || one == '.' || one == '-' || one == '_';
  }

  private static void require(boolean fact, String otherwise) {
    if (!fact) {
      throw new AssertionError("it " + otherwise);
    }
  }
}
