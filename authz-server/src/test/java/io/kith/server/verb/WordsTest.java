package io.kith.server.verb;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WordsTest {
  /** Among them those of one octet in 8-bit terminals: U+009B begins what moves the cursor. */
  @ParameterizedTest
  @ValueSource(ints = {0, 0x0a, 0x1b, 0x7f, 0x85, 0x9b, 0x9f, 0xad, 0x202e, 0x2028, 0x2029})
  void safe_whatCouldMoveTheCursor_isNotShown(int character) {
    assertThat(Words.safe("/tmp/a" + Character.toString(character) + "[2Jb"))
        .isEqualTo("/tmp/a?[2Jb");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/usr/bin/curl", "größer", "日本", "a b"})
  void safe_whatPeopleRead_isShown(String text) {
    assertThat(Words.safe(text)).isEqualTo(text);
  }
}
