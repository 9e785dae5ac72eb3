package io.kith.load.bench;

import static java.util.Objects.requireNonNull;

import io.kith.load.tools.MissingToolException;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code kith bridge bench}. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "",
      "Measures the identity bridge on this machine, beside no bridge: connections per second and"
          + " what one costs, whether each has its process (also where NAT changed its port), how"
          + " long a look-up takes, processes that connect and are gone, and memory.",
      "",
      "As root; in a network of its own that leads nowhere. About a minute."
    },
    footer = {
      "",
      "Exit codes: 0 measured, 1 something failed, 2 wrong arguments, 3 something is missing."
    })
public final class BridgeBenchCommand implements Callable<Integer> {
  @Spec private @Nullable CommandSpec spec;

  @Mixin private JsonOption output = new JsonOption();

  @Override
  public Integer call() throws Exception {
    var command = requireNonNull(spec, "spec").commandLine();
    var out = command.getOut();
    try {
      var figures =
          new BridgeBench(
                  line -> {
                    out.println(line);
                    out.flush();
                  })
              .run();
      figures.lines().forEach(out::println);
      if (output.isJson()) {
        out.println(figures.json());
      }
      out.flush();
      return 0;
    } catch (MissingToolException e) {
      command.getErr().println("kith bridge bench: " + e.getMessage());
      return 3;
    }
  }
}
