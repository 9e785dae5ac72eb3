package io.kith.load.demo;

import io.kith.load.tools.MissingToolException;
import java.io.IOException;
import java.io.PrintStream;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code kith demo}. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    versionProvider = DemoCommand.NoVersion.class,
    description = {
      "Shows on this machine what Kith does: a small shop with a real Envoy, learned, enforced,"
          + " attacked, and looked at in Jaeger. About a minute; everything is removed"
          + " afterwards.",
      "",
      "As root; without, it says what is lost and shows what remains. What it needs beyond Java is fetched into ~/.cache/kith: Envoy, and Jaeger, which"
          + " may have to be built first (some five minutes, once)."
    },
    footer = {
      "",
      "Examples:",
      "  kith demo                 the whole story",
      "  kith demo --no-jaeger     without Jaeger: prints the spans of the denials instead",
      "  kith demo --stay          keeps everything running at the end, to look around",
      "  kith demo -o json         the last line is one JSON object for scripts",
      "",
      "Exit codes: 0 all of it held, 1 something did not, 2 wrong arguments, 3 something is missing."
    })
public final class DemoCommand implements Callable<Integer> {
  static final class NoVersion implements picocli.CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      var version = DemoCommand.class.getPackage().getImplementationVersion();
      return new String[] {"kith " + (version == null ? "0.1.0-SNAPSHOT" : version)};
    }
  }

  enum Output {
    text,
    json
  }

  @Option(
      names = {"-o", "--output"},
      paramLabel = "text|json",
      defaultValue = "text",
      description = "How the end is told (default: text).")
  private Output output = Output.text;

  @Option(names = "--no-jaeger", description = "Do without Jaeger.")
  private boolean noJaeger;

  @Option(names = "--stay", description = "At the end, keep everything running until Ctrl-C.")
  private boolean stay;

  @Override
  public Integer call() throws InterruptedException {
    // The story goes where it does not disturb a script that reads the last line.
    PrintStream out = output == Output.json ? System.err : System.out;
    var screen = new Screen(out, output == Output.text && onTerminal());
    try {
      var demo = new Demo(screen, !noJaeger, stay);
      var report = demo.run();
      if (output == Output.json) {
        System.out.println(report.json());
      }
      return report.holds(!noJaeger) ? 0 : 1;
    } catch (MissingToolException e) {
      System.err.println("kith: " + e.getMessage());
      return 3;
    } catch (IOException | IllegalStateException e) {
      System.err.println("kith: the demo could not go on: " + e.getMessage());
      return 1;
    }
  }

  private static boolean onTerminal() {
    return CommandLine.Help.Ansi.AUTO.enabled();
  }
}
