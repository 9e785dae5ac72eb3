package io.kith.server.cli;

import com.google.gson.GsonBuilder;
import io.kith.baselines.config.ConfigException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Dump;
import org.snakeyaml.engine.v2.api.DumpSettings;
import org.snakeyaml.engine.v2.common.FlowStyle;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The configuration: checked, or shown as it is understood. */
@Command(
    name = "config",
    description = "Check or show kith.yaml.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "VERB",
    subcommands = {ConfigCommand.Check.class, ConfigCommand.Show.class})
final class ConfigCommand {
  /** Lists every problem. */
  @Command(
      name = "check",
      description = "List every problem of a configuration with its line and what to do.",
      mixinStandardHelpOptions = true,
      footerHeading = "%nExamples:%n",
      footer = {"  kith config check deploy/kith.yaml"})
  static final class Check implements Callable<Integer> {
    @SuppressWarnings("NullAway.Init") // set by picocli
    @Spec
    CommandSpec spec;

    @Mixin ConfigOption config = new ConfigOption();

    @Parameters(arity = "0..1", paramLabel = "FILE", description = "Default: as for --config.")
    @Nullable Path file;

    @Override
    public Integer call() throws Failure {
      var surroundings = ((Kith) spec.root().userObject()).surroundings();
      var found = ConfigFile.require(file == null ? config.file : file, surroundings);
      var out = spec.commandLine().getOut();
      try {
        var settings = ConfigFile.read(found, surroundings);
        out.println(
            found
                + ": good ("
                + settings.workloads().size()
                + " workloads, "
                + settings.scopes().size()
                + " scopes)");
        return 0;
      } catch (ConfigException e) {
        e.problems().forEach(out::println);
        var count = e.problems().size();
        spec.commandLine()
            .getErr()
            .println("kith: " + count + (count == 1 ? " problem" : " problems") + " in " + found);
        return Kith.REFUSED;
      }
    }
  }

  /** Shows what is in force. */
  @Command(
      name = "show",
      description =
          "Show the configuration as it is understood: defaults filled in, KITH_… variables applied.",
      mixinStandardHelpOptions = true,
      footerHeading = "%nExamples:%n",
      footer = {"  KITH_SERVER_DEADLINE=200ms kith config show"})
  static final class Show implements Callable<Integer> {
    @SuppressWarnings("NullAway.Init") // set by picocli
    @Spec
    CommandSpec spec;

    @Mixin ConfigOption config = new ConfigOption();
    @Mixin OutputOption output = new OutputOption();

    @Override
    public Integer call() throws Failure, ConfigException {
      var surroundings = ((Kith) spec.root().userObject()).surroundings();
      var found = ConfigFile.require(config.file, surroundings);
      var values = EffectiveConfig.of(ConfigFile.read(found, surroundings));
      var out = spec.commandLine().getOut();
      if (output.json()) {
        out.println(
            new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create().toJson(values));
      } else {
        out.println("# " + found);
        var settings = DumpSettings.builder().setDefaultFlowStyle(FlowStyle.BLOCK).build();
        out.print(new Dump(settings).dumpToString(values));
        out.flush();
      }
      return 0;
    }
  }
}
