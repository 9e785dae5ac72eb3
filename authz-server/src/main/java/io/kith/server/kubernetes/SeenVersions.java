package io.kith.server.kubernetes;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.informers.cache.Cache;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What an informer has to remember of objects to notice that they changed or are gone: name and
 * version. Thread-safe.
 *
 * <p>Objects are known by their names, so that one that was deleted and made again is a change.
 */
public final class SeenVersions<T extends HasMetadata> implements ItemStore<T> {
  /** No object has this version. */
  private static final Long UNKNOWN = -1L;

  private final ConcurrentHashMap<String, Long> versions = new ConcurrentHashMap<>();
  private final Supplier<T> empty;

  /**
   * @param empty makes an object without any field
   */
  public SeenVersions(Supplier<T> empty) {
    this.empty = empty;
  }

  @Override
  public String getKey(T object) {
    return Cache.metaNamespaceKeyFunc(object);
  }

  @Override
  public @Nullable T put(String key, T object) {
    return object(key, versions.put(key, version(object)));
  }

  @Override
  public @Nullable T remove(String key) {
    return object(key, versions.remove(key));
  }

  @Override
  public Stream<String> keySet() {
    return versions.keySet().stream();
  }

  @Override
  public Stream<T> values() {
    return versions.entrySet().stream().map(one -> object(one.getKey(), one.getValue()));
  }

  @Override
  public int size() {
    return versions.size();
  }

  @Override
  public @Nullable T get(String key) {
    return object(key, versions.get(key));
  }

  @Override
  public boolean isFullState() {
    return false;
  }

  /** A number, as etcd counts changes; another text is taken for a change. */
  private static Long version(HasMetadata object) {
    var text = object.getMetadata().getResourceVersion();
    try {
      return text == null ? UNKNOWN : Long.valueOf(text);
    } catch (NumberFormatException _) {
      return UNKNOWN;
    }
  }

  private @Nullable T object(String key, @Nullable Long version) {
    if (version == null) {
      return null;
    }
    var slash = key.indexOf('/');
    var object = empty.get();
    object.setMetadata(
        new ObjectMetaBuilder()
            .withNamespace(slash < 0 ? null : key.substring(0, slash))
            .withName(key.substring(slash + 1))
            .withResourceVersion(version.equals(UNKNOWN) ? "" : version.toString())
            .build());
    return object;
  }
}
