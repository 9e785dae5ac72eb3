package io.kith.server.istio;

import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.TextFile;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The options that say where an EnvoyFilter goes. */
final class Printed {
  @Option(names = "--out", paramLabel = "FILE", description = "Default: standard output.")
  @Nullable Path to;

  @Mixin OutputOption output = new OutputOption();

  /**
   * Prints it.
   *
   * @param remarks what whoever applies it should know; they stand above it
   */
  int print(CommandSpec spec, List<String> remarks, String yaml) throws Failure {
    var text =
        remarks.stream().map(line -> "# " + line + "\n").collect(Collectors.joining()) + yaml;
    if (to != null) {
      TextFile.write(Surroundings.of(spec).resolve(to), text);
    }
    var document = new LinkedHashMap<String, Object>();
    document.put("remarks", remarks);
    document.put("text", text);
    var out = spec.commandLine().getOut();
    output.print(
        out,
        document,
        () -> {
          if (to == null) {
            out.print(text);
          } else {
            remarks.forEach(out::println);
            out.println("Written: " + to);
          }
        });
    return 0;
  }
}
