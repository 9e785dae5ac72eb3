package io.kith.istio;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Files of one folder that are what a recipe yields. They change only with {@code
 * -Dkith.refreshGoldens}, and the difference is reviewed.
 *
 * @param type which recipe
 */
record Goldens(String folder, String type) {
  private static final String REFRESH = "kith.refreshGoldens";

  void check(String name, String yaml) throws IOException {
    check(name, ", with example values", yaml);
  }

  /**
   * The same.
   *
   * @param how the text of the file was made, after the name of the type
   */
  void check(String name, String how, String yaml) throws IOException {
    var text = "# Generated from io.kith.istio." + type + how + "; not edited by hand.\n" + yaml;
    var file = Path.of(folder).resolve(name);
    if (System.getProperty(REFRESH) != null) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    }
    assertThat(text)
        .as("%s is what the recipe yields (write it anew with -D%s)", file, REFRESH)
        .isEqualTo(Files.readString(file));
  }
}
