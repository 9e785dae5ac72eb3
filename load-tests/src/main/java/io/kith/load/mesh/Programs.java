package io.kith.load.mesh;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/** The programs of the checkout workload and those that an intruder drops, as resources. */
public final class Programs {
  /** By the path where the workload has them. */
  static final Map<String, String> INSTALLED =
      Map.of(
          "/app/checkout", "checkout",
          "/app/settle", "settle",
          "/app/tools/db-shell", "db-shell");

  /** By the path where the intruder puts them. */
  static final Map<String, String> DROPPED =
      Map.of(
          "/tmp/exfil.pl", "exfil.pl",
          "/tmp/from-memory.pl", "from-memory.pl",
          "/tmp/beacon.pl", "beacon.pl",
          "/tmp/leak.pl", "leak.pl");

  private Programs() {}

  /** What the image of the workload has, as text by path. */
  public static Map<String, String> installed() {
    return texts(INSTALLED);
  }

  /** What an intruder drops, as text by path. */
  public static Map<String, String> dropped() {
    return texts(DROPPED);
  }

  private static Map<String, String> texts(Map<String, String> names) {
    return names.entrySet().stream()
        .collect(Collectors.toMap(Map.Entry::getKey, one -> text(one.getValue())));
  }

  static String text(String name) {
    try (InputStream stream =
        Objects.requireNonNull(Programs.class.getResourceAsStream(name), name)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
