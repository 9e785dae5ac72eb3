package io.kith.server.kubernetes.directory;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Services by a name or an address that they claim. Changed by one thread at a time; reading takes
 * no lock.
 *
 * @param <K> what is claimed
 */
final class Claims<K> {
  private final ConcurrentHashMap<K, List<Services.Service>> all = new ConcurrentHashMap<>();

  void add(K key, Services.Service service) {
    all.compute(
        key,
        (_, before) -> {
          if (before == null) {
            return List.of(service);
          }
          var services = new ArrayList<>(before);
          services.add(service);
          return List.copyOf(services);
        });
  }

  void remove(K key, Services.Service service) {
    all.computeIfPresent(
        key,
        (_, before) -> {
          var services = before.stream().filter(other -> other != service).toList();
          return services.isEmpty() ? null : services;
        });
  }

  boolean isClaimed(K key) {
    return all.containsKey(key);
  }

  /** Whether a Service claims it, not only ServiceEntries. */
  boolean isOfService(K key) {
    return isOfService(all.getOrDefault(key, List.of()));
  }

  private static boolean isOfService(List<Services.Service> services) {
    for (var service : services) {
      if (!service.isEntry()) {
        return true;
      }
    }
    return false;
  }

  /** Whether there are such, and all of them: of its Services, or else of its ServiceEntries. */
  boolean isEvery(K key, Predicate<Services.Service> such) {
    var services = all.getOrDefault(key, List.of()); // no streams: it is asked with each Check
    var ofServices = isOfService(services);
    for (var service : services) {
      if (service.isEntry() != ofServices && !such.test(service)) {
        return false;
      }
    }
    return !services.isEmpty();
  }

  /**
   * The one that has it, or null when none does or several do. Services come before ServiceEntries,
   * which anybody may write.
   */
  Services.@Nullable Service get(K key) {
    var services = all.get(key);
    if (services == null) {
      return null;
    }
    if (services.size() == 1) {
      return services.getFirst();
    }
    Services.Service found = null;
    for (var service : services) {
      if (!service.isEntry()) {
        if (found != null) {
          return null;
        }
        found = service;
      }
    }
    return found;
  }
}
