package io.kith.server.admin;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TokenBucketTest {
  private static final long SECOND = 1_000_000_000L;

  @Test
  void take_burst_thenOneForEachInterval() {
    var bucket = new TokenBucket(5, 3, 0);

    for (var i = 0; i < 3; i++) {
      assertThat(bucket.take(0)).isZero();
    }
    assertThat(bucket.take(0)).isEqualTo(SECOND / 5);
    assertThat(bucket.take(SECOND / 5 - 1)).isEqualTo(1);
    assertThat(bucket.take(SECOND / 5)).isZero();
    assertThat(bucket.take(SECOND / 5)).isEqualTo(SECOND / 5);
  }

  @Test
  void take_afterALongPause_isTheBurstAndNoMore() {
    var bucket = new TokenBucket(1, 2, 0);

    var later = 3_600 * SECOND;
    assertThat(bucket.take(later)).isZero();
    assertThat(bucket.take(later)).isZero();
    assertThat(bucket.take(later)).isEqualTo(SECOND);
  }

  @Test
  void take_inVain_costsNothing() {
    var bucket = new TokenBucket(1, 1, 0);
    assertThat(bucket.take(0)).isZero();

    for (var i = 0; i < 100; i++) {
      assertThat(bucket.take(0)).isEqualTo(SECOND);
    }

    assertThat(bucket.take(SECOND)).isZero();
  }

  /** System.nanoTime may begin anywhere, and pass from the largest number to the smallest. */
  @Test
  void take_clockThatOverflows_goesOn() {
    var bucket = new TokenBucket(1, 1, Long.MAX_VALUE - SECOND / 2);

    assertThat(bucket.take(Long.MAX_VALUE - SECOND / 2)).isZero();
    assertThat(bucket.take(Long.MAX_VALUE - SECOND / 2)).isEqualTo(SECOND);
    assertThat(bucket.take(Long.MIN_VALUE + SECOND)).isZero();
  }
}
