package io.kith.baselines.learning;

import java.util.Arrays;
import java.util.List;

/** At most so many numbers, each once, in their order. */
final class Longs {
  private final int max;
  private long[] values = new long[4];
  private int size;

  Longs(int max) {
    this.max = max;
  }

  /** Adds a number, of too many without the largest; true when that changed what is held. */
  boolean addSmall(long value) {
    var at = placeOf(value);
    if (at < 0 || at == max) {
      return false;
    }
    if (size == max) {
      size--;
    }
    insert(at, value);
    return true;
  }

  /** Adds all of another, of too many without the largest. */
  void addSmall(Longs other) {
    var merged = new long[Math.min(max, size + other.size)];
    var count = 0;
    var ours = 0;
    var theirs = 0;
    while (count < merged.length && (ours < size || theirs < other.size)) {
      var fromUs = theirs == other.size || (ours < size && values[ours] <= other.values[theirs]);
      var least = fromUs ? values[ours] : other.values[theirs];
      ours += fromUs ? 1 : 0;
      theirs += theirs < other.size && other.values[theirs] == least ? 1 : 0;
      merged[count++] = least;
    }
    values = merged.length == 0 ? values : merged;
    size = count;
  }

  /** Adds a number, of too many without the smallest; true when that changed what is held. */
  boolean addLarge(long value) {
    var at = placeOf(value);
    if (at < 0 || (at == 0 && size == max)) {
      return false;
    }
    if (size == max) {
      size--;
      at--;
      System.arraycopy(values, 1, values, 0, size);
    }
    insert(at, value);
    return true;
  }

  /** Where a number belongs, or less than 0 when it is there. */
  private int placeOf(long value) {
    if (size == 0 || value >= values[size - 1]) {
      return size > 0 && value == values[size - 1] ? -1 : size; // time mostly moves on
    }
    return -Arrays.binarySearch(values, 0, size, value) - 1;
  }

  private void insert(int at, long value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, size * 2);
    }
    System.arraycopy(values, at, values, at + 1, size - at);
    values[at] = value;
    size++;
  }

  int size() {
    return size;
  }

  /** One of them, the smallest at 0. */
  long at(int index) {
    return values[index];
  }

  /** In order. */
  List<Long> list() {
    return Arrays.stream(values, 0, size).boxed().toList();
  }
}
