package io.kith.bridge.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BoundedMapTest {
  private static void flood(BoundedMap<Integer, String> map, int from, int count) {
    IntStream.range(from, from + count).forEach(key -> map.put(key, "flood"));
  }

  @Test
  void put_full_forgetsWhatWasAskedForLeastRecently() {
    var map = new BoundedMap<Integer, String>(2);
    map.put(1, "a");
    map.put(2, "b");
    map.get(1);

    map.put(3, "c");

    assertThat(map.get(1)).isEqualTo("a");
    assertThat(map.get(2)).isNull();
    assertThat(map.get(3)).isEqualTo("c");
  }

  @Test
  void put_flood_keepsWhatIsNeeded() {
    var map = new BoundedMap<Integer, String>(100, (_, value) -> value.equals("lives"));
    map.put(1, "lives");

    flood(map, 1_000, 10_000);

    assertThat(map.get(1)).isEqualTo("lives");
    assertThat(map.get(10_999)).isEqualTo("flood");
    assertThat(map.get(10_800)).isNull();
  }

  /** More of them in a row than are looked at for one entry push out nothing. */
  @Test
  void put_manyNeededInARow_keepsAllOfThem() {
    var map = new BoundedMap<Integer, String>(100, (_, value) -> value.equals("lives"));
    for (var key = 0; key < 80; key++) {
      map.put(key, "lives");
    }

    flood(map, 1_000, 10_000);

    assertThat(IntStream.range(0, 80).filter(key -> map.get(key) == null)).isEmpty();
  }

  @Test
  void put_neededNoMore_isForgottenAsAnyOther() {
    var needed = new HashSet<>(Set.of(1));
    var map = new BoundedMap<Integer, String>(100, (key, _) -> needed.contains(key));
    map.put(1, "lived");
    flood(map, 1_000, 1_000);
    needed.clear();

    flood(map, 5_000, 1_000);

    assertThat(map.get(1)).isNull();
  }

  @Test
  void put_allNeeded_holdsTwiceAsManyAndAsksFewTimes() {
    var asked = new ArrayList<Integer>();
    var map = new BoundedMap<Integer, String>(100, (key, _) -> asked.add(key));

    flood(map, 0, 1_000);

    assertThat(IntStream.range(0, 1_000).filter(key -> map.get(key) != null).count())
        .isEqualTo(200);
    assertThat(asked).hasSizeLessThanOrEqualTo(32 * 1_000);
  }
}
