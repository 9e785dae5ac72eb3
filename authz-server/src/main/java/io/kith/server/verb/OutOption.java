package io.kith.server.verb;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The option of verbs whose result is a text: where it goes. */
public final class OutOption {
  @Option(names = "--out", paramLabel = "FILE", description = "Default: standard output.")
  @Nullable Path to;

  /**
   * Writes the text there.
   *
   * @param more what JSON says before the text
   * @param remarks what is told of a text that goes to a file
   */
  public void print(
      CommandSpec spec,
      OutputOption output,
      Map<String, Object> more,
      List<String> remarks,
      String text)
      throws Failure {
    if (to != null) {
      TextFile.write(Surroundings.of(spec).resolve(to), text);
    }
    var document = new LinkedHashMap<>(more);
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
  }
}
