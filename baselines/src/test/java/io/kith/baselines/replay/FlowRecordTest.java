package io.kith.baselines.replay;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.baselines.replay.FlowRecord.Program;
import io.kith.baselines.replay.FlowRecord.Target;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Processes and destinations are remembered under what a log says of them: all of it. */
class FlowRecordTest {
  private static final Object[] PROGRAM = {
    "/usr/bin/node",
    "a".repeat(64),
    1_000,
    "node",
    List.of("/bin/sh"),
    "/srv/server.js",
    "image",
    "script",
    false,
    "exact",
    "web"
  };
  private static final Object[] TARGET = {
    "db", "10.0.0.7", 5_432, "tcp", "db.shop", "spiffe://prod.example/ns/shop/sa/db", "outbound"
  };

  @Test
  void equals_ofTheSameParts_withOtherTexts() throws ReflectiveOperationException {
    for (var parts : List.of(PROGRAM, TARGET)) {
      var one = made(parts);
      var other = made(Arrays.stream(parts).map(FlowRecordTest::copied).toArray());

      assertThat(one).isEqualTo(other).hasSameHashCodeAs(other).isNotEqualTo("db");
    }
  }

  @Test
  void equals_whenOnePartDiffersOrIsMissing_isNot() throws ReflectiveOperationException {
    for (var parts : List.of(PROGRAM, TARGET)) {
      for (var at = 0; at < parts.length; at++) {
        for (var other : others(parts[at])) {
          var changed = parts.clone();
          changed[at] = other;
          if (other == null && isNeeded(parts, at)) {
            continue;
          }

          assertThat(made(changed)).isNotEqualTo(made(parts));
          assertThat(made(parts)).isNotEqualTo(made(changed));
          assertThat(made(changed)).isEqualTo(made(changed.clone()));
        }
      }
    }
  }

  private static boolean isNeeded(Object[] parts, int at) {
    return parts[at] instanceof List || parts[at].equals("tcp");
  }

  private static List<@Nullable Object> others(Object part) {
    var others = new ArrayList<@Nullable Object>();
    switch (part) {
      case String text -> others.addAll(Arrays.asList(text + "x", null));
      case Boolean flag -> others.add(!flag);
      case List<?> _ -> others.add(List.of("/bin/sh", "/sbin/init"));
      case Integer number when number == 1_000 -> others.addAll(Arrays.asList(0, null));
      case Integer number -> others.add(number + 1);
      default -> throw new AssertionError(part);
    }
    return others;
  }

  private static Object copied(Object part) {
    return switch (part) {
      case String text -> String.valueOf(text.toCharArray());
      case List<?> list -> new ArrayList<>(list);
      default -> part;
    };
  }

  private static Object made(@Nullable Object[] parts) throws ReflectiveOperationException {
    var type = parts.length == PROGRAM.length ? Program.class : Target.class;
    var types =
        Arrays.stream(type.getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new);
    return type.getDeclaredConstructor(types).newInstance(parts);
  }
}
