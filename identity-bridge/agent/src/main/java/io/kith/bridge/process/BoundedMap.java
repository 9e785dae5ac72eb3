package io.kith.bridge.process;

import java.util.LinkedHashMap;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * A map that forgets what was asked for least recently, and of that first what nobody needs any
 * more. Thread-safe.
 */
public final class BoundedMap<K, V> {
  /*
   * When it is full, the eldest entries are looked at, a few for each that comes: those that are
   * needed become the youngest, one that is not goes. Where none of them goes the map grows, to
   * twice its capacity, and the next entry finds older ones to look at: a row of needed entries
   * pushes out nothing.
   */
  private static final int LOOKS = 32;

  private final int capacity;
  private final BiPredicate<K, V> needed;
  private final LinkedHashMap<K, V> map = new LinkedHashMap<>(64, 0.75f, true);

  public BoundedMap(int capacity) {
    this(capacity, (_, _) -> false);
  }

  /**
   * A map that keeps what is needed.
   *
   * @param capacity entries; twice as many where all are needed
   * @param needed asked when the map is full; does not use the map
   */
  public BoundedMap(int capacity, BiPredicate<K, V> needed) {
    this.capacity = capacity;
    this.needed = needed;
  }

  public synchronized @Nullable V get(K key) {
    return map.get(key);
  }

  public synchronized void put(K key, V value) {
    map.put(key, value);
    for (var looks = 0; looks < LOOKS && map.size() > capacity; looks++) {
      var eldest = map.firstEntry();
      if (needed.test(eldest.getKey(), eldest.getValue())) {
        map.get(eldest.getKey()); // the youngest now
      } else {
        map.remove(eldest.getKey());
      }
    }
    if (map.size() > 2 * capacity) {
      map.pollFirstEntry();
    }
  }
}
