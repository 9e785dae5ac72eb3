package io.kith.baselines.learning;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hashes, bounded samples and counts, which every server has to compute alike. */
class SamplesTest {
  /** Vectors of SplitMix64: its outputs from seeds that are multiples of the golden gamma. */
  @Test
  void mix_isTheFinaliserOfSplitMix64() {
    assertThat(Hash.mix(0)).isEqualTo(0xe220a8397b1dcdafL);
    assertThat(Hash.mix(0x9e3779b97f4a7c15L)).isEqualTo(0x6e789e6aa1b965f4L);
    assertThat(Hash.mix(0x3c6ef372fe94f82aL)).isEqualTo(0x06c45d188009454fL);
  }

  /** Vectors of FNV-1a with 64 bits. */
  @ParameterizedTest
  @CsvSource({"'', cbf29ce484222325", "a, af63dc4c8601ec8c", "foobar, 85944171f73967e8"})
  void of_aText_isMixedFnv1a(String text, String fnv) {
    assertThat(Hash.of(text)).isEqualTo(Hash.mix(Long.parseUnsignedLong(fnv, 16)));
  }

  @Test
  void sample_holdsTheNamesWithTheSmallestHashes_inWhateverOrderTheyCome() {
    var names = names(500);
    var smallest =
        names.stream().sorted(Comparator.comparingLong(Hash::of)).limit(Sample.SIZE).toList();
    var backwards = new ArrayList<>(names).reversed();

    for (var order : List.of(names, backwards)) {
      var sample = new Sample();
      order.forEach(sample::add);

      assertThat(sample.names()).containsExactlyInAnyOrderElementsOf(smallest);
      assertThat(sample.size()).isEqualTo(Sample.SIZE);
      assertThat(sample.hasMore()).isTrue();
      assertThat(sample.limit()).isEqualTo(Hash.of(smallest.getLast()));
      assertThat(sample.contains(smallest.getFirst())).isTrue();
      assertThat(sample.contains("pod-x")).isFalse();
    }
  }

  @Test
  void sample_thatIsNotFull_holdsAll() {
    var sample = new Sample();
    names(Sample.SIZE).forEach(sample::add);

    assertThat(sample.names()).containsExactlyInAnyOrderElementsOf(names(Sample.SIZE));
    assertThat(sample.hasMore()).isFalse();
    assertThat(sample.limit()).isEqualTo(Long.MAX_VALUE);
    assertThat(Sample.of(sample.names(), false).hasMore()).isFalse();
  }

  @Test
  void sample_add_tellsWhetherItHoldsANewName() {
    var sample = new Sample();
    for (var name : names(300)) {
      var told = sample.add(name);

      assertThat(told).as(name).isEqualTo(sample.contains(name));
      assertThat(sample.add(name)).as(name).isFalse();
    }
  }

  @Test
  void sample_add_aNameThatItDoesNotKeep_isNoNews() {
    var sample = new Sample();
    var byHash = names(100).stream().sorted(Comparator.comparingLong(Hash::of)).toList();

    for (var i = 0; i < byHash.size(); i++) {
      assertThat(sample.add(byHash.get(i))).isEqualTo(i < Sample.SIZE);
    }
    assertThat(sample.names()).containsExactlyInAnyOrderElementsOf(byHash.subList(0, 64));
  }

  @Test
  void sample_ofNamesWithOneHash_holdsTheFirstByName_inAnyOrder() {
    for (var order : List.of(List.of("x", "y"), List.of("y", "x"))) {
      var sample = new Sample();
      for (var i = 1; i < Sample.SIZE; i++) {
        sample.add("pod-" + i, i);
      }
      order.forEach(name -> sample.add(name, 1_000));

      assertThat(sample.contains("x", 1_000)).isTrue();
      assertThat(sample.contains("y", 1_000)).isFalse();
    }
  }

  @Test
  void sample_asItWasWritten_boundsTheOnesThatTakeIt() {
    var byHash = names(10).stream().sorted(Comparator.comparingLong(Hash::of)).toList();
    var written = Sample.of(byHash.subList(0, 4), true);
    var sample = new Sample();
    byHash.subList(2, 10).reversed().forEach(sample::add);

    sample.addAll(written);

    assertThat(sample.names()).containsExactlyInAnyOrderElementsOf(byHash.subList(0, 4));
    assertThat(sample.limit()).isEqualTo(written.limit()).isEqualTo(Hash.of(byHash.get(3)));
    assertThat(sample.add(byHash.get(5))).isFalse();
    assertThat(Sample.of(List.of(), true).hasMore()).isFalse();
  }

  @Test
  void sample_ofTwo_isAsIfOneHadSeenAll() {
    var all = new Sample();
    names(400).forEach(all::add);
    var left = new Sample();
    var right = new Sample();
    IntStream.range(0, 400).forEach(i -> (i % 3 == 0 ? left : right).add("pod-" + i));

    left.addAll(right);

    assertThat(left.names()).isEqualTo(all.names());
    assertThat(left.limit()).isEqualTo(all.limit());
  }

  @Test
  void sample_thatTakesAFullerOne_leavesOutWhatThatOneMayHaveLeftOut() {
    var full = new Sample();
    names(400).forEach(full::add);
    var few = new Sample();
    var beyond = names(400).stream().filter(name -> !full.contains(name)).findFirst().orElseThrow();
    few.add(beyond);

    few.addAll(full);

    assertThat(few.contains(beyond)).isFalse();
    assertThat(few.names()).isEqualTo(full.names());
  }

  @Test
  void units_upTo63_areExact_andCountOnce() {
    var units = new Units();
    for (var i = 0; i < Units.EXACT - 1; i++) {
      assertThat(units.add(Hash.mix(i))).isTrue();
      assertThat(units.add(Hash.mix(i))).isFalse();
      assertThat(units.count()).isEqualTo(i + 1);
      assertThat(units.changes()).isEqualTo(i + 1);
    }
    assertThat(units.smallest()).hasSize(Units.EXACT - 1).isSorted();
  }

  @Test
  void units_beyond_areTheSmallestHashes_andAnEstimate() {
    var hashes = IntStream.range(0, 1_000).mapToObj(i -> Hash.mix(i) & Long.MAX_VALUE).toList();
    var units = new Units();
    hashes.forEach(units::add);
    var smallest = hashes.stream().sorted().limit(Units.EXACT).toList();

    assertThat(units.smallest()).isEqualTo(smallest);
    assertThat(units.add(smallest.getLast() + 1)).isFalse();
    assertThat(units.add(smallest.getFirst() - 1)).isTrue();
    assertThat(units.smallest()).hasSize(Units.EXACT).startsWith(smallest.getFirst() - 1);
    assertThat(units.count())
        .isEqualTo((Units.EXACT - 1) / (units.smallest().getLast() / (double) Long.MAX_VALUE));
  }

  @Test
  void units_ofTwo_areAsIfOneHadSeenAll() {
    var all = new Units();
    var left = new Units();
    var right = new Units();
    for (var i = 0; i < 90; i++) {
      all.add(Hash.mix(i));
      (i % 2 == 0 ? left : right).add(Hash.mix(i));
    }

    var changes = left.changes();

    left.addAll(right);

    assertThat(left.smallest()).isEqualTo(all.smallest());
    assertThat(left.changes()).isGreaterThan(changes);
  }

  private static List<String> names(int count) {
    return IntStream.range(0, count).mapToObj(i -> "pod-" + i).toList();
  }
}
