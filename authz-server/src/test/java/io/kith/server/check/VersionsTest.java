package io.kith.server.check;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class VersionsTest {
  private final Versions versions = new Versions();

  /** Who looked meanwhile would go on behind a change that he did not see. */
  @Test
  void next_whileItsChangeCannotBeSeen_isNotTheLatest() {
    var seen = versions.next(number -> number + ":" + versions.latest());

    assertThat(seen).isEqualTo("1:0");
    assertThat(versions.latest()).isEqualTo(1);
  }
}
