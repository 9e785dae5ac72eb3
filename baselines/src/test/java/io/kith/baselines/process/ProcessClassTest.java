package io.kith.baselines.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ProcessClassTest {
  private static final ProcessClass ONE = of("/a", "b", "/c", List.of("/d", "/e"), false);

  /** The ids of edges in stored baselines are made of it. */
  @Test
  void toString_isThatOfTheRecordThatItWas() {
    record Was(
        String path,
        String program,
        @Nullable String script,
        List<String> ancestors,
        boolean root) {}

    assertThat(ONE.toString().replace("ProcessClass[", "Was["))
        .isEqualTo(new Was("/a", "b", "/c", List.of("/d", "/e"), false).toString());
    assertThat(of("/a", "b", null, List.of(), true).toString().replace("ProcessClass[", "Was["))
        .isEqualTo(new Was("/a", "b", null, List.of(), true).toString());
  }

  @Test
  void equals_isOfAllParts() {
    var all =
        List.of(
            ONE,
            of("/A", "b", "/c", List.of("/d", "/e"), false),
            of("/a", "B", "/c", List.of("/d", "/e"), false),
            of("/a", "b", "/C", List.of("/d", "/e"), false),
            of("/a", "b", "/c", List.of("/e", "/d"), false),
            of("/a", "b", "/c", List.of("/d"), false),
            of("/a", "b", "/c", List.of(), false),
            of("/a", "b", "/c", List.of("/d", "/e"), true),
            of("/a", "b", null, List.of("/d", "/e"), false),
            of("/a", "b", "", List.of("/d", "/e"), false),
            of("/a", "b", "null", List.of("/d", "/e"), false),
            of("/ab", "", "/c", List.of("/d", "/e"), false),
            of("", "/ab", "/c", List.of("/d", "/e"), false),
            of("/a", "b", "/c", List.of("/d, /e"), false),
            of("/a, program=b, script=/c", "b", "/c", List.of("/d", "/e"), false),
            // alone, half of a pair, which no encoding of text keeps
            of("/a\ud800", "b", "/c", List.of("/d", "/e"), false),
            of("/a\ud801", "b", "/c", List.of("/d", "/e"), false),
            of("/a?", "b", "/c", List.of("/d", "/e"), false));

    assertThat(new HashSet<>(all)).hasSameSizeAs(all);
    assertThat(of("/a", "b", "/c", List.of("/d", "/e"), false))
        .isEqualTo(ONE)
        .hasSameHashCodeAs(ONE);
  }

  @Test
  void hash_isOfTheClass_andTheOtherOneIsAnother() {
    var same = of("/a", "b", "/c", List.of("/d", "/e"), false);
    var another = of("/a", "b", "/c", List.of("/d"), false);

    assertThat(same.hash().value()).isEqualTo(ONE.hash().value());
    assertThat(same.otherHash().value()).isEqualTo(ONE.otherHash().value());
    assertThat(List.of(ONE.hash().value(), ONE.otherHash().value()))
        .doesNotHaveDuplicates()
        .doesNotContain(another.hash().value(), another.otherHash().value());
  }

  @Test
  void hash_goesOnAfterTheClass_andLeavesItAsItWas() {
    var before = ONE.hash().value();
    var one = ONE.hash();
    one.add(1L);
    var two = ONE.hash();
    two.add(2L);

    assertThat(List.of(before, one.value(), two.value())).doesNotHaveDuplicates();
    assertThat(ONE.hash().value()).isEqualTo(before);
  }

  @Test
  void hash_ofOneThatSharesAncestors_isTheSame() {
    var sharing = ONE.sharing(new HashMap<>());

    assertThat(sharing.hash().value()).isEqualTo(ONE.hash().value());
    assertThat(sharing.otherHash().value()).isEqualTo(ONE.otherHash().value());
  }

  private static ProcessClass of(
      String path, String program, @Nullable String script, List<String> ancestors, boolean root) {
    return new ProcessClass(path, program, script, ancestors, root);
  }
}
