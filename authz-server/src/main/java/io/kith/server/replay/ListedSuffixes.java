package io.kith.server.replay;

import com.google.common.net.InternetDomainName;
import io.kith.baselines.destination.PublicSuffixes;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The Public Suffix List, with its private section, as Guava carries it.
 *
 * <p>Thread-safe.
 */
public final class ListedSuffixes implements PublicSuffixes {
  private static final int REMEMBERED = 4_096;

  private final Map<String, Optional<String>> recent =
      new LinkedHashMap<>(64, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Optional<String>> eldest) {
          return size() > REMEMBERED;
        }
      };

  @Override
  public synchronized @Nullable String registrable(String host) {
    return recent.computeIfAbsent(host, ListedSuffixes::lookUp).orElse(null);
  }

  private static Optional<String> lookUp(String host) {
    if (!InternetDomainName.isValid(host)) {
      return Optional.empty();
    }
    var name = InternetDomainName.from(host);
    if (name.isUnderPublicSuffix()) {
      return Optional.of(name.topPrivateDomain().toString());
    }
    // a zone that nobody else registers in, as .example and .internal; not on the list
    return name.hasPublicSuffix() || name.parts().size() < 2
        ? Optional.empty()
        : Optional.of(
            String.join(".", name.parts().subList(name.parts().size() - 2, name.parts().size())));
  }
}
