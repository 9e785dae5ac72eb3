package io.kith.server.verb;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option that names the configuration. */
public final class ConfigOption {
  @Option(
      names = {"-c", "--config"},
      paramLabel = "FILE",
      description =
          "Configuration. Default: $KITH_CONFIG, else kith.yaml here, else /etc/kith/kith.yaml.")
  public @Nullable Path file;
}
