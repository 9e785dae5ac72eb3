package io.kith.server.istio;

import io.kith.server.verb.Failure;
import io.kith.server.verb.OutOption;
import io.kith.server.verb.OutputOption;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;

/** The options that say where an EnvoyFilter goes. */
final class Printed {
  @Mixin OutOption out = new OutOption();
  @Mixin OutputOption output = new OutputOption();

  /**
   * Prints it.
   *
   * @param remarks what whoever applies it should know; they stand above it
   */
  int print(CommandSpec spec, List<String> remarks, String yaml) throws Failure {
    var text =
        remarks.stream().map(line -> "# " + line + "\n").collect(Collectors.joining()) + yaml;
    out.print(spec, output, Map.of("remarks", remarks), remarks, text);
    return 0;
  }
}
