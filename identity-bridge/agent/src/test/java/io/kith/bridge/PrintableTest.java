package io.kith.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PrintableTest {
  @Test
  void line_whatMovesTheCursorOrBeginsALine_isShownAsAQuestionMark() {
    assertThat(Printable.line("/tmp/a\nrung A\r\u001b[2J\u0007\u202e\u2028b"))
        .isEqualTo("/tmp/a?rung A??[2J???b");
  }

  @Test
  void line_wordsOfAnyLanguage_stay() {
    assertThat(Printable.line("  /srv/größe → 台北:443")).isEqualTo("  /srv/größe → 台北:443");
  }
}
