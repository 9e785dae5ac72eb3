package io.kith.server.cli;

import java.io.IOException;
import java.util.Objects;
import java.util.Properties;

/** The version of the program, as it was built. */
final class Version {
  private Version() {}

  static String current() {
    try (var in = Version.class.getResourceAsStream("version.properties")) {
      var properties = new Properties();
      properties.load(Objects.requireNonNull(in, "version.properties is in the jar"));
      return properties.getProperty("version", "?");
    } catch (IOException e) {
      throw new IllegalStateException("version.properties cannot be read", e);
    }
  }
}
