package io.kith.server.verb;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SurroundingsTest {
  @Test
  void stateDirectory_ofWhoIsNotRoot_isTheirOwn() {
    assertThat(Surroundings.stateDirectory(Map.of("XDG_STATE_HOME", "/s", "HOME", "/home/ada")))
        .isEqualTo(Path.of("/s/kith"));
    assertThat(Surroundings.stateDirectory(Map.of("HOME", "/home/ada")))
        .isEqualTo(Path.of("/home/ada/.local/state/kith"));
    assertThat(Surroundings.stateDirectory(Map.of("XDG_STATE_HOME", "relative", "HOME", "/h")))
        .isEqualTo(Path.of("/h/.local/state/kith"));
    assertThat(Surroundings.stateDirectory(Map.of())).isEqualTo(Path.of("/var/lib/kith"));
  }
}
