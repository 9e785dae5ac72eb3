package io.kith.server.cli;

import java.io.IOException;
import java.util.Objects;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The version of the program, as it was built. */
final class Version implements IVersionProvider {
  static String current() {
    try (var in = Version.class.getResourceAsStream("version.properties")) {
      var properties = new Properties();
      properties.load(Objects.requireNonNull(in, "version.properties is in the jar"));
      return properties.getProperty("version", "?");
    } catch (IOException e) {
      throw new IllegalStateException("version.properties cannot be read", e);
    }
  }

  @Override
  public String[] getVersion() {
    return new String[] {"kith " + current()};
  }
}
