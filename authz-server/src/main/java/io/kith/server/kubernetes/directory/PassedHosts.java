package io.kith.server.kubernetes.directory;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Hosts of which DestinationRules say that the mesh sends what is for them on to whatever was
 * dialled. Changed by one thread at a time; reading takes no lock.
 */
final class PassedHosts {
  private static final String WILD = "*";

  private final Map<Facts.Name, String> byRule = new HashMap<>();
  private final Map<String, Integer> names = new ConcurrentHashMap<>();

  /** What follows the {@code *} of a wildcard; few, as only rules that pass through have any. */
  private final Map<String, Integer> endings = new ConcurrentHashMap<>();

  /**
   * @param host a whole name in lower case, or what names end with after a {@code *}
   */
  void put(Facts.Name rule, String host) {
    var before = byRule.put(rule, host);
    of(host).merge(bare(host), 1, Integer::sum);
    drop(before); // last, so that what both say is said all the while
  }

  void remove(Facts.Name rule) {
    drop(byRule.remove(rule));
  }

  private void drop(@Nullable String host) {
    if (host != null) {
      of(host).computeIfPresent(bare(host), (_, rules) -> rules == 1 ? null : rules - 1);
    }
  }

  private Map<String, Integer> of(String host) {
    return host.startsWith(WILD) ? endings : names;
  }

  private static String bare(String host) {
    return host.startsWith(WILD) ? host.substring(WILD.length()) : host;
  }

  /** Whether any rule may be for a service; which one istiod takes does not matter. */
  boolean has(String service) {
    if (names.containsKey(service)) {
      return true;
    }
    for (var ending : endings.keySet()) {
      if (service.endsWith(ending)) {
        return true;
      }
    }
    return false;
  }
}
