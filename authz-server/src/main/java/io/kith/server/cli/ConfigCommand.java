package io.kith.server.cli;

import io.kith.baselines.config.ConfigException;
import io.kith.baselines.yaml.Problem;
import io.kith.baselines.yaml.YamlText;
import io.kith.server.verb.ConfigFile;
import io.kith.server.verb.ConfigOption;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Words;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
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
    footerHeading = "%nExamples:%n",
    footer = {"  kith config check deploy/kith.yaml"},
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
    @Mixin OutputOption output = new OutputOption();

    @Parameters(arity = "0..1", paramLabel = "FILE", description = "Default: as for --config.")
    @Nullable Path file;

    @Override
    public Integer call() throws Failure {
      var surroundings = Surroundings.of(spec);
      var found = ConfigFile.require(file == null ? config.file : file, surroundings);
      var out = spec.commandLine().getOut();
      var document = new LinkedHashMap<String, Object>();
      document.put("file", found.toString());
      try {
        var settings = ConfigFile.read(found, surroundings);
        document.put("workloads", settings.workloads().size());
        document.put("scopes", settings.scopes().size());
        document.put("problems", List.of());
        output.print(
            out,
            document,
            () ->
                out.println(
                    found
                        + ": good ("
                        + settings.workloads().size()
                        + " workloads, "
                        + settings.scopes().size()
                        + " scopes)"));
        return 0;
      } catch (ConfigException e) {
        document.put("problems", e.problems().stream().map(Problem::toString).toList());
        output.print(out, document, () -> e.problems().forEach(out::println));
        spec.commandLine()
            .getErr()
            .println("kith: " + Words.count(e.problems().size(), "problem") + " in " + found);
        return Failure.REFUSED;
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
      var surroundings = Surroundings.of(spec);
      var found = ConfigFile.require(config.file, surroundings);
      var values = EffectiveConfig.of(ConfigFile.read(found, surroundings));
      var out = spec.commandLine().getOut();
      output.print(
          out,
          values,
          () -> {
            out.println("# " + found);
            out.print(YamlText.write(List.of(), List.of(values)));
          });
      return 0;
    }
  }
}
