package io.kith.server.check;

import java.util.Arrays;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Rows of numbers and objects, the eldest first, found by the first numbers of each. Grows and
 * shrinks with what is in it. Not thread-safe.
 *
 * <p>A row has a number, which holds until the next {@link #add} or {@link #remove}.
 */
public final class FlatTable {
  /*
   * For what is remembered of each new connection. As objects of their own these live just long enough
   * to be copied by each young collection for a second, to grow old, and to stay in the heap until all
   * of it is full: at 40,000 connections a second collections took a quarter of the time, and the heap
   * 300 MB. Here a row is a place in a few arrays, which a collection passes over.
   *
   * A ring: from the head on there are so many places in use, some of them empty since their row was
   * removed. The index is open addressing, of the row's number and one, at most half full.
   */

  private static final int LEAST = 16;
  private static final int NONE = -1;
  private static final long SEED = ThreadLocalRandom.current().nextLong();

  private final int keyWords;
  private final int words;
  private final int objectsOfRow;
  private long[] numbers;
  private @Nullable Object[] objects;
  private int[] hashes; // 0: no row
  private int[] index;
  private int head;
  private int span;
  private int size;

  /**
   * An empty one.
   *
   * @param keyWords numbers that a row is found by, the first ones
   * @param words numbers of a row
   * @param objects of a row
   */
  public FlatTable(int keyWords, int words, int objects) {
    if (keyWords < 1 || words < keyWords || objects < 0) {
      throw new IllegalArgumentException(
          "row of %d numbers, %d of them a key, %d objects".formatted(words, keyWords, objects));
    }
    this.keyWords = keyWords;
    this.words = words;
    this.objectsOfRow = objects;
    this.numbers = new long[LEAST * words];
    this.objects = new @Nullable Object[LEAST * objects];
    this.hashes = new int[LEAST];
    this.index = new int[2 * LEAST];
  }

  /** Rows in it. */
  public int size() {
    return size;
  }

  /**
   * The row with this key, or -1.
   *
   * @param key its numbers; there may be more behind them
   */
  public int find(long[] key) {
    var hash = hash(key);
    var mask = index.length - 1;
    for (var at = hash & mask; index[at] != 0; at = (at + 1) & mask) {
      var row = index[at] - 1;
      if (hashes[row] == hash && has(row, key)) {
        return row;
      }
    }
    return NONE;
  }

  private boolean has(int row, long[] key) {
    var from = row * words;
    for (var i = 0; i < keyWords; i++) {
      if (numbers[from + i] != key[i]) {
        return false;
      }
    }
    return true;
  }

  /** As in {@link Object#hashCode}, with what nobody knows before; never 0. */
  private int hash(long[] key) {
    var hash = SEED;
    for (var i = 0; i < keyWords; i++) {
      hash = (hash ^ key[i]) * SocketEnd.GOLDEN;
      hash ^= hash >>> 32;
    }
    return (int) hash | Integer.MIN_VALUE;
  }

  /**
   * Adds a row behind all others; one with its key goes.
   *
   * @param row its numbers
   */
  public int add(long[] row, @Nullable Object... its) {
    if (row.length != words || its.length != objectsOfRow) {
      throw new IllegalArgumentException(
          "row of %d numbers and %d objects (expected: %d and %d)"
              .formatted(row.length, its.length, words, objectsOfRow));
    }
    var before = find(row);
    if (before >= 0) {
      remove(before);
    }
    if (span == hashes.length) {
      layOut(size > hashes.length / 8 * 7 ? 2 * hashes.length : hashes.length);
    }
    var at = (head + span) & (hashes.length - 1);
    System.arraycopy(row, 0, numbers, at * words, words);
    System.arraycopy(its, 0, objects, at * objectsOfRow, objectsOfRow);
    hashes[at] = hash(row);
    enter(at);
    span++;
    size++;
    return at;
  }

  private void enter(int row) {
    var mask = index.length - 1;
    var at = hashes[row] & mask;
    while (index[at] != 0) {
      at = (at + 1) & mask;
    }
    index[at] = row + 1;
  }

  /** Takes a row out. */
  public void remove(int row) {
    leave(row);
    hashes[row] = 0;
    Arrays.fill(objects, row * objectsOfRow, (row + 1) * objectsOfRow, null);
    size--;
    while (span > 0 && hashes[head] == 0) {
      head = (head + 1) & (hashes.length - 1);
      span--;
    }
    if (hashes.length > LEAST && size < hashes.length / 8) {
      layOut(hashes.length / 2);
    }
  }

  /** Of those behind it, whoever would not be found any more moves up. */
  private void leave(int row) {
    var mask = index.length - 1;
    var gap = hashes[row] & mask;
    while (index[gap] != row + 1) {
      gap = (gap + 1) & mask;
    }
    for (var at = (gap + 1) & mask; index[at] != 0; at = (at + 1) & mask) {
      var wanted = hashes[index[at] - 1] & mask;
      if (((at - wanted) & mask) >= ((at - gap) & mask)) {
        index[gap] = index[at];
        gap = at;
      }
    }
    index[gap] = 0;
  }

  /** The rows in their order, without gaps, in so many places. */
  private void layOut(int places) {
    var oldNumbers = numbers;
    var oldObjects = objects;
    var oldHashes = hashes;
    numbers = new long[places * words];
    objects = new @Nullable Object[places * objectsOfRow];
    hashes = new int[places];
    index = new int[2 * places];
    var to = 0;
    for (var i = 0; i < span; i++) {
      var from = (head + i) & (oldHashes.length - 1);
      if (oldHashes[from] != 0) {
        System.arraycopy(oldNumbers, from * words, numbers, to * words, words);
        System.arraycopy(oldObjects, from * objectsOfRow, objects, to * objectsOfRow, objectsOfRow);
        hashes[to] = oldHashes[from];
        enter(to);
        to++;
      }
    }
    head = 0;
    span = to;
  }

  /** The row that was added first, or -1. */
  public int eldest() {
    return size == 0 ? NONE : head;
  }

  /** The row that was added next after this one, or -1. */
  public int after(int row) {
    var last = hashes.length - 1;
    for (var i = ((row - head) & last) + 1; i < span; i++) {
      var at = (head + i) & last;
      if (hashes[at] != 0) {
        return at;
      }
    }
    return NONE;
  }

  /** The row that was added last, or -1. */
  public int newest() {
    return lastOf(span);
  }

  /** The row that was added just before this one, or -1. */
  public int before(int row) {
    return lastOf((row - head) & (hashes.length - 1));
  }

  /** Of so many places from the head on. */
  private int lastOf(int places) {
    for (var i = places - 1; i >= 0; i--) {
      var at = (head + i) & (hashes.length - 1);
      if (hashes[at] != 0) {
        return at;
      }
    }
    return NONE;
  }

  /** A number of a row. */
  public long number(int row, int which) {
    return numbers[row * words + which];
  }

  /** Puts a number, none of the key, in the place of one. */
  public void setNumber(int row, int which, long number) {
    if (which < keyWords) {
      throw new IllegalArgumentException("number " + which + " is of the key");
    }
    numbers[row * words + which] = number;
  }

  /** An object of a row. */
  public @Nullable Object object(int row, int which) {
    return objects[row * objectsOfRow + which];
  }

  /** Puts an object in the place of one. */
  public void set(int row, int which, @Nullable Object object) {
    objects[row * objectsOfRow + which] = object;
  }
}
