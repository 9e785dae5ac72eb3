package io.kith.server.verb;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.KithConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which {@code kith.yaml} a command uses. */
public final class ConfigFile {
  private static final String VARIABLE = "KITH_CONFIG";
  private static final Path SYSTEM = Path.of("/etc/kith/kith.yaml");
  private static final int MAX_BYTES = 4 << 20;

  private ConfigFile() {}

  /**
   * The named file; else that of {@code KITH_CONFIG}; else {@code kith.yaml} here or in {@code
   * /etc/kith}.
   *
   * @return null when no file is named and none is found
   */
  public static @Nullable Path find(@Nullable Path named, Surroundings surroundings) {
    if (named != null) {
      return surroundings.directory().resolve(named);
    }
    var variable = surroundings.environment().get(VARIABLE);
    if (variable != null && !variable.isBlank()) {
      return surroundings.directory().resolve(variable);
    }
    for (var path : List.of(surroundings.directory().resolve("kith.yaml"), SYSTEM)) {
      if (Files.exists(path)) {
        return path;
      }
    }
    return null;
  }

  public static Path require(@Nullable Path named, Surroundings surroundings) throws Failure {
    var found = find(named, surroundings);
    if (found == null) {
      throw Failure.refused(
          "no kith.yaml here or in /etc/kith (name one with --config FILE or KITH_CONFIG;"
              + " docs/kith.yaml is an annotated example)");
    }
    return found;
  }

  /** Reads a file with the overrides of the environment. */
  public static KithConfig read(Path file, Surroundings surroundings)
      throws Failure, ConfigException {
    if (!Files.exists(file)) {
      throw Failure.refused(
          file + ": no such file (name another with --config FILE or KITH_CONFIG)");
    }
    return KithConfig.parse(
        surroundings.directory().equals(file.getParent())
            ? file.getFileName().toString()
            : file.toString(),
        TextFile.read(file, MAX_BYTES),
        surroundings.environment(),
        surroundings.stateDirectory());
  }

  /** The configuration, or the defaults where there is no file. */
  public static KithConfig readOrDefaults(@Nullable Path named, Surroundings surroundings)
      throws Failure, ConfigException {
    var file = find(named, surroundings);
    return file == null
        ? KithConfig.parse("kith.yaml", "", surroundings.environment())
        : read(file, surroundings);
  }
}
