package io.kith.baselines.process;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The sum of products that it is said to be, of all words and bytes. */
class KeyedHashTest {
  private static final BigInteger WORD = BigInteger.ONE.shiftLeft(Long.SIZE);

  @Test
  void value_isTheHighHalfOfTheSumOfProducts_spread() {
    var random = new SplittableRandom(4_711);
    for (var length = 0; length <= KeyedHash.MAX_WORDS; length++) {
      for (var round = 0; round < 20; round++) {
        var bits = List.of(random.nextLong(), -1L, 0L, 1L).get(round % 4);
        var keys = random.longs(2L * KeyedHash.MAX_WORDS + 2).map(key -> key | bits).toArray();
        var words = random.longs(length).map(word -> word | bits).toArray();
        var hash = new KeyedHash(keys);
        Arrays.stream(words).forEach(hash::add);

        var high = sum(keys, words).shiftRight(Long.SIZE).longValue();
        assertThat(hash.value()).isEqualTo((high ^ (high >>> 32)) * KeyedHash.SPREAD);
      }
    }
  }

  private static BigInteger sum(long[] keys, long[] words) {
    var sum = key(keys, 0);
    for (var at = 0; at < words.length; at++) {
      sum = sum.add(key(keys, 2 * at + 2).multiply(unsigned(words[at])));
    }
    return sum.mod(WORD.multiply(WORD));
  }

  private static BigInteger key(long[] keys, int at) {
    return unsigned(keys[at]).multiply(WORD).add(unsigned(keys[at + 1]));
  }

  private static BigInteger unsigned(long word) {
    return new BigInteger(Long.toUnsignedString(word));
  }

  @Test
  void add_ofATextOfUpToAWord_isItsBytesAsANumber() {
    assertThat(of("")).isEqualTo(of(0L));
    assertThat(of("a")).isEqualTo(of(0x61L));
    assertThat(of("\u00ffab")).isEqualTo(of(0xff6162L));
    assertThat(of("abcdefg")).isEqualTo(of(0x61626364656667L));
    assertThat(of("abcdefgh")).isEqualTo(of(0x6867666564636261L));
  }

  @Test
  void add_ofALongerText_isItsWords_theLastOneFromTheEnd() {
    assertThat(of("abcdefghi")).isEqualTo(of(0x6867666564636261L, 0x6968676665646362L));
    assertThat(of("abcdefghijklmnop")).isEqualTo(of(0x6867666564636261L, 0x706f6e6d6c6b6a69L));
  }

  @Test
  void add_ofATextFromAnIndexOn_isThatOfTheRest() {
    for (var length = 0; length <= 40; length++) {
      var rest = "cdn.example.0123456789.abcdefghijklmnopqrs".substring(0, length);

      assertThat(of("label." + rest, 6)).isEqualTo(of(rest));
    }
  }

  @Test
  void add_ofTextsThatDifferInOneLetter_differ() {
    for (var length = 1; length <= 40; length++) {
      var hashes = new HashSet<Long>();
      hashes.add(of("a".repeat(length)));
      for (var at = 0; at < length; at++) {
        hashes.add(of("a".repeat(at) + 'b' + "a".repeat(length - at - 1)));
      }
      assertThat(hashes).as("of %d letters", length).hasSize(length + 1);
    }
  }

  @Test
  void keys_areForAllWords_andDrawnAnew() {
    assertThat(KeyedHash.keys()).hasSize(2 * KeyedHash.MAX_WORDS + 2).doesNotHaveDuplicates();
    assertThat(KeyedHash.keys()).isNotEqualTo(KeyedHash.keys());
  }

  private static final long[] KEYS = KeyedHash.keys();

  private static long of(long... words) {
    var hash = new KeyedHash(KEYS);
    Arrays.stream(words).forEach(hash::add);
    return hash.value();
  }

  private static long of(String text) {
    return of(text, 0);
  }

  private static long of(String text, int from) {
    var hash = new KeyedHash(KEYS);
    hash.add(text.getBytes(ISO_8859_1), from);
    return hash.value();
  }
}
