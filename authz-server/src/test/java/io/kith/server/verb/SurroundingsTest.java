package io.kith.server.verb;

import static org.assertj.core.api.Assertions.assertThat;

import io.kith.server.admin.Caller;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  /** By kubectl exec all have one user, and one name in the log of changes. */
  @ParameterizedTest
  @CsvSource({
    "ada, ada",
    "ada@example.org, ada@example.org",
    "CORP\\ada, CORP_ada",
    "'ada\" by=\"root', ada__by__root",
    "Ädä, _d_",
  })
  void user_thatIsNamed_isInTheFormOfRecords(String named, String user) {
    assertThat(Surroundings.user(Map.of("KITH_USER", named), "kith")).isEqualTo(user);
    assertThat(user).matches(Caller.USER_FORM);
  }

  @Test
  void user_notNamed_isTheLogin_andALongNameIsCut() {
    assertThat(Surroundings.user(Map.of(), "kith")).isEqualTo("kith");
    assertThat(Surroundings.user(Map.of("KITH_USER", " "), "kith")).isEqualTo("kith");
    assertThat(Surroundings.user(Map.of("KITH_USER", "a".repeat(65)), "kith"))
        .isEqualTo("a".repeat(64));
  }
}
