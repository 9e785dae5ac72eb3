package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FlatTableTest {
  private record Key(long one, long other) {}

  private record Value(long number, String object) {}

  private final FlatTable table = new FlatTable(2, 3, 1);

  private static long[] row(Key key, long number) {
    return new long[] {key.one, key.other, number};
  }

  private Map<Key, Value> content() {
    var content = new LinkedHashMap<Key, Value>();
    for (var row = table.eldest(); row >= 0; row = table.after(row)) {
      content.put(
          new Key(table.number(row, 0), table.number(row, 1)),
          new Value(table.number(row, 2), String.valueOf(table.object(row, 0))));
    }
    return content;
  }

  private List<Key> newestFirst() {
    var keys = new ArrayList<Key>();
    for (var row = table.newest(); row >= 0; row = table.before(row)) {
      keys.add(new Key(table.number(row, 0), table.number(row, 1)));
    }
    return keys;
  }

  /**
   * Against the JDK's own linked map, with keys that differ in few bits, through growth and back.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 5, 40, 3_000})
  void anyChanges_areThoseOfALinkedMap(int keys) {
    var random = new Random(keys);
    var model = new LinkedHashMap<Key, Value>();
    for (var i = 0; i < 40_000; i++) {
      var key = new Key(random.nextInt(keys), (long) random.nextInt(3) << 40);
      var row = table.find(row(key, 0));
      assertThat(row >= 0).as("step %d: %s", i, key).isEqualTo(model.containsKey(key));
      var removes = random.nextInt(10_000) < 2_000 + 6_000 * (i / 10_000 % 2); // more in some times
      if (row >= 0) {
        table.remove(row);
        model.remove(key);
      } else if (removes && table.size() > 0) {
        table.remove(table.eldest());
        model.pollFirstEntry();
      }
      if (!removes) {
        var _ = table.add(row(key, i), "s" + i);
        model.put(key, new Value(i, "s" + i));
      }
      assertThat(table.size()).isEqualTo(model.size());
      if (i % 997 == 0) {
        assertThat(new ArrayList<>(content().entrySet()))
            .isEqualTo(new ArrayList<>(model.entrySet()));
        assertThat(newestFirst()).isEqualTo(new ArrayList<>(model.keySet()).reversed());
        model.forEach(
            (known, value) ->
                assertThat(table.number(table.find(row(known, 0)), 2)).isEqualTo(value.number));
      }
    }
  }

  @Test
  void set_isFound_andGoesWithItsRow() {
    var row = table.add(row(new Key(1, 2), 3), "a");
    table.set(row, 0, "b");
    assertThat(table.object(table.find(new long[] {1, 2}), 0)).isEqualTo("b");

    table.remove(table.find(new long[] {1, 2}));
    var again = table.add(row(new Key(1, 2), 3), (Object) null);
    assertThat(table.object(again, 0)).isNull();
  }

  @Test
  void setNumber_isFound_andNoneOfTheKeyIsSet() {
    var row = table.add(row(new Key(1, 2), 3), "a");
    table.setNumber(row, 2, 4);

    assertThat(table.number(row, 2)).isEqualTo(4);
    assertThatThrownBy(() -> table.setNumber(row, 1, 4)).hasMessage("number 1 is of the key");
  }

  @Test
  void newest_ofAFullRing_isTheLast() {
    for (var i = 0; i < 16; i++) { // as many as there are places at first
      var _ = table.add(row(new Key(i, 0), i), "a");
      assertThat(table.number(table.newest(), 2)).isEqualTo(i);
    }
    assertThat(table.before(table.eldest())).isNegative();
  }

  @Test
  void eldest_ofNothing_isNone() {
    assertThat(table.eldest()).isNegative();
    assertThat(table.newest()).isNegative();
    assertThat(table.find(new long[] {1, 2})).isNegative();
    assertThat(table.size()).isZero();
  }

  @Test
  void add_rowOfAnotherShape_isRefused() {
    assertThatThrownBy(() -> table.add(new long[] {1, 2}, "a"))
        .hasMessage("row of 2 numbers and 1 objects (expected: 3 and 1)");
    assertThatThrownBy(() -> table.add(new long[] {1, 2, 3})).hasMessageContaining("0 objects");
    assertThat(table.size()).isZero();
  }

  @Test
  void ofAnImpossibleShape_isRefused() {
    for (var shape : List.of(List.of(0, 1, 0), List.of(2, 1, 0), List.of(1, 1, -1))) {
      assertThatThrownBy(() -> new FlatTable(shape.get(0), shape.get(1), shape.get(2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("row of ");
    }
  }
}
