package io.kith.bridge.container;

import io.kith.bridge.container.ContainerFacts.Image;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Digests of images as runtimes write them. */
final class Digests {
  private static final Pattern DIGEST = Pattern.compile("sha256:[0-9a-f]{64}");
  private static final Pattern HEX = Pattern.compile("[0-9a-f]{64}");

  private Digests() {}

  static boolean isDigest(String text) {
    return DIGEST.matcher(text).matches();
  }

  /**
   * The image by its manifest, else by its id.
   *
   * @param id {@code sha256:} and 64 hex digits, or the digits only
   * @param asConfigured how the container names its image, which decides between several digests
   * @param byManifest {@code NAME@sha256:…} each
   * @return null when neither can be read
   */
  static @Nullable Image image(String id, String asConfigured, List<String> byManifest) {
    var wanted = repository(asConfigured);
    var manifest =
        byManifest.stream()
            .filter(one -> one.contains("@") && isDigest(digestOf(one)))
            .min(
                Comparator.comparing((String one) -> !repository(one).equals(wanted))
                    .thenComparing(Digests::digestOf));
    if (manifest.isPresent()) {
      return new Image(digestOf(manifest.get()), true);
    }
    var full = HEX.matcher(id).matches() ? "sha256:" + id : id;
    return isDigest(full) ? new Image(full, false) : null;
  }

  private static String digestOf(String reference) {
    return reference.substring(reference.indexOf('@') + 1);
  }

  /** Without tag and digest, and as Docker shortens what is on its Hub. */
  private static String repository(String reference) {
    var at = reference.indexOf('@');
    var name = at < 0 ? reference : reference.substring(0, at);
    var tag = name.indexOf(':', name.lastIndexOf('/') + 1);
    var full = tag < 0 ? name : name.substring(0, tag);
    for (var prefix : List.of("docker.io/", "library/")) {
      full = full.startsWith(prefix) ? full.substring(prefix.length()) : full;
    }
    return full;
  }
}
