package io.kith.load.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A part of a page that a test makes, between two comments. It changes only by {@code
 * -Dkith.goldens=refresh}.
 *
 * @param begin the comment before it, with the end of its line
 * @param end the comment after it, with the end of its line
 */
public record MadePart(Path page, String begin, String end) {
  /** Fails when the page has something else there. */
  public void assertIs(String made) throws IOException {
    var text = Files.readString(page);
    var from = text.indexOf(begin) + begin.length();
    var to = text.indexOf(end);
    assertThat(from).as("the page has %s", begin).isGreaterThanOrEqualTo(begin.length());
    assertThat(to).as("the page has %s after it", end).isGreaterThanOrEqualTo(from);
    var whole = text.substring(0, from) + made + text.substring(to);

    if ("refresh".equals(System.getProperty("kith.goldens"))) {
      Files.writeString(page, whole);
      text = whole;
    }
    assertThat(text)
        .as("refresh with -Dkith.goldens=refresh, and review the difference")
        .isEqualTo(whole);
  }
}
