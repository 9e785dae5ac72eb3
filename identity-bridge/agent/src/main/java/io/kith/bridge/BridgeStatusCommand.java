package io.kith.bridge;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.config.KithConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code kith bridge status}. */
@Command(
    name = "status",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "Asks the bridge that runs on this node how it is: its rung and why it is not better, whether"
          + " it finds its own connections, what it remembers, its pods and servers, and for each pod"
          + " how it is guarded and what went past its sidecar.",
      ""
    },
    footer = {
      "",
      "Exit codes: 0 a bridge answered, 1 none did, 2 wrong arguments or configuration."
    })
final class BridgeStatusCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      defaultValue = "${env:KITH_CONFIG:-kith.yaml}",
      description = "Configuration (default: ${DEFAULT-VALUE}).")
  private Path config = Path.of("kith.yaml");

  @Override
  public Integer call() {
    var command = requireNonNull(spec, "spec").commandLine();
    Path socket;
    try {
      socket =
          KithConfig.parse(config.toString(), Files.readString(config), System.getenv())
              .bridge()
              .status();
    } catch (ConfigException e) {
      command.getErr().println(e.getMessage());
      return 2;
    } catch (IOException e) {
      command.getErr().println(config + ": cannot be read (name one with --config)");
      return 2;
    }
    try {
      command.getOut().print(StatusSocket.ask(socket));
      command.getOut().flush();
      return 0;
    } catch (IOException e) {
      command
          .getErr()
          .println(
              "kith bridge status: no bridge answers at "
                  + socket
                  + ": "
                  + e.getMessage()
                  + " (does one run here, and are you its user? bridge.status)");
      return 1;
    }
  }
}
