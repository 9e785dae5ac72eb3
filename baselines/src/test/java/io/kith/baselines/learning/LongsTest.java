package io.kith.baselines.learning;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers in order, of which too many are dropped at one end. */
class LongsTest {
  private static final long SEED = 4_711;

  @Test
  void list_ofNone_isEmpty() {
    assertThat(new Longs(3).list()).isEmpty();
  }

  @Test
  void addSmall_ofTooMany_dropsTheLargest() {
    var longs = new Longs(3);

    assertThat(List.of(5L, 1L, 9L, 5L, 7L, 8L, 0L).stream().map(longs::addSmall))
        .containsExactly(true, true, true, false, true, false, true);
    assertThat(longs.list()).containsExactly(0L, 1L, 5L);
  }

  @Test
  void addLarge_ofTooMany_dropsTheSmallest() {
    var longs = new Longs(3);

    assertThat(List.of(5L, 1L, 9L, 5L, 7L, 6L, 0L).stream().map(longs::addLarge))
        .containsExactly(true, true, true, false, true, true, false);
    assertThat(longs.list()).containsExactly(6L, 7L, 9L);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 64})
  void add_inAnyOrder_isAsASetWithoutTooMany(int max) {
    var random = new SplittableRandom(SEED);
    for (var round = 0; round < 200; round++) {
      var small = new Longs(max);
      var large = new Longs(max);
      var all = new TreeSet<Long>();
      for (var n = 0; n < 2 * max + 2; n++) {
        var value = random.nextLong(-max, 2L * max + 2);
        var before = List.of(small.list(), large.list());

        var isSmall = small.addSmall(value);
        var isLarge = large.addLarge(value);

        all.add(value);
        assertThat(small.list()).isEqualTo(all.stream().limit(max).toList());
        assertThat(large.list())
            .isEqualTo(all.stream().skip(Math.max(0, all.size() - max)).toList());
        assertThat(isSmall).isNotEqualTo(small.list().equals(before.get(0)));
        assertThat(isLarge).isNotEqualTo(large.list().equals(before.get(1)));
        assertThat(small.at(small.size() - 1)).isEqualTo(small.list().getLast());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 64})
  void addSmall_ofAnother_isAsOfEachOfThem(int max) {
    var random = new SplittableRandom(SEED);
    for (var round = 0; round < 500; round++) {
      var one = random(max, random);
      var other = random(max, random);
      var expected = new TreeSet<>(one.list());
      expected.addAll(other.list());
      var theirs = other.list();

      one.addSmall(other);

      assertThat(one.list()).isEqualTo(expected.stream().limit(max).toList());
      assertThat(other.list()).isEqualTo(theirs);
      one.addSmall(Long.MIN_VALUE); // and it can go on
      assertThat(one.list().getFirst()).isEqualTo(Long.MIN_VALUE);
    }
  }

  private static Longs random(int max, SplittableRandom random) {
    var longs = new Longs(max);
    for (var n = random.nextInt(max + 1); n > 0; n--) {
      longs.addSmall(random.nextLong(2L * max));
    }
    return longs;
  }
}
