package io.kith.baselines.process;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.SecureRandom;

/*
 * The high half of key + Σ keyᵢ · wordᵢ modulo 2¹²⁸, with keys of 128 bits. For two lists of as many
 * words that differ, the two sums are any two numbers with equal chance, and so are the hashes: no
 * two sums have the same one. Spreading makes them no safer; words in a row would give numbers with
 * even steps.
 *
 * Source: Dietzfelbinger, Universal hashing and k-wise independent random variables via integer
 * arithmetic without primes, 1996.
 */
/**
 * A number of 64 bits for a few words, under keys that are drawn when the process starts.
 *
 * <p>Two lists of as many words have the same number once in 2⁶⁴ draws, and once in 2¹²⁸ both of
 * two that are made under different keys. Who does not know the keys cannot look for such lists.
 */
public final class KeyedHash {
  /** Words after which there are no more keys. */
  public static final int MAX_WORDS = 56;

  static final long SPREAD = 0x9e3779b97f4a7c15L;

  private static final VarHandle WORD =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final long[] keys;
  private int at;
  private long high;
  private long low;

  /** Of no words yet, under these keys. */
  KeyedHash(long[] keys) {
    this(keys, 0, keys[0], keys[1]);
  }

  /** Of so many words, whose sum is this. */
  KeyedHash(long[] keys, int words, long high, long low) {
    this.keys = keys;
    this.at = 2 * words + 2;
    this.high = high;
    this.low = low;
  }

  /** Of the sum of the words until now, the upper half. */
  long high() {
    return high;
  }

  /** Of the sum of the words until now, the lower half. */
  long low() {
    return low;
  }

  /** Keys by chance, for {@link #MAX_WORDS} words. */
  static long[] keys() {
    return new SecureRandom().longs(2L * MAX_WORDS + 2).toArray();
  }

  public void add(long word) {
    var product = keys[at + 1] * word;
    low += product;
    high +=
        Math.unsignedMultiplyHigh(keys[at + 1], word)
            + keys[at] * word
            + (Long.compareUnsigned(low, product) < 0 ? 1 : 0);
    at += 2;
  }

  /** The bytes from an index on, eight to a word; of the last word some perhaps once more. */
  public void add(byte[] text, int from) {
    var last = text.length - Long.BYTES;
    if (last < from) {
      var word = 0L;
      for (var index = from; index < text.length; index++) {
        word = (word << Byte.SIZE) | (text[index] & 0xff);
      }
      add(word);
      return;
    }
    for (var index = from; index < last; index += Long.BYTES) {
      add((long) WORD.get(text, index));
    }
    add((long) WORD.get(text, last));
  }

  public long value() {
    return (high ^ (high >>> 32)) * SPREAD;
  }
}
