package io.kith.baselines.destination;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class NetworkTargetTest {
  @Test
  void parse_texts_areReadOrRefused() {
    for (var text :
        List.of("10.0.0.0/8", "10.96.0.10:53", "0.0.0.0/0:3306", "[fd00::a]:53", "fd00::/64")) {
      assertThat(NetworkTarget.parse(text).network()).isNotNull();
    }
    assertThat(NetworkTarget.parse("[fd00::a]:53").port()).isEqualTo(53);
    assertThat(NetworkTarget.parse("fd00::/64").port()).isZero();
    for (var text :
        List.of("", "name:53", "10.0.0.1:x", "10.0.0.1:70000", "[fd00::a]53", "10.0.0.1/8")) {
      assertThatThrownBy(() -> NetworkTarget.parse(text))
          .as("'%s'", text)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
