package io.kith.server.operator;

import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.config.ConfigException;
import io.kith.baselines.edge.Baseline;
import io.kith.server.files.BundleFiles;
import io.kith.server.files.KeyFiles;
import io.kith.server.replay.MalformedLineException;
import io.kith.server.verb.ConfigFile;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Learns from a test run, and writes what came of it as a signed bundle. */
@Command(
    name = "learn",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    customSynopsis = {
      "kith learn [OPTIONS] -- COMMAND [ARGUMENT...]",
      "       kith learn finish OWNER --note TEXT",
    },
    description = {
      "%nRun a test suite while Kith observes the workloads that it drives, and end with their"
          + " baselines in a signed bundle.",
      "Starts nothing but COMMAND: the server is running already and learns. When COMMAND fails,"
          + " nothing is proposed and its exit code is that of kith. When it succeeds, learning ends"
          + " for the workloads that showed traffic meanwhile (or those of --owner), as with kith"
          + " learn finish.",
      "With --flows no server is asked: what COMMAND left in the flow log is learned from.",
    },
    subcommands = LearnFinishCommand.class,
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith learn --key qa.pem --env qa --out shop.bundle -- mvn verify",
      "  kith learn --owner shop/deployment/checkout -- ./smoke.sh      proposes, writes no bundle",
      "  kith learn --flows run.jsonl --key qa.pem --out shop.bundle -- ./suite.sh --record run.jsonl",
      "",
      "The bundle is for kith promote; kith bundle verify lists it.",
    })
public final class LearnCommand implements Callable<Integer> {
  private static final Duration AFTER_COMMAND = Duration.ofSeconds(1);

  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Parameters(arity = "0..*", paramLabel = "COMMAND", description = "What to run, after --.")
  List<String> command = List.of();

  @Option(
      names = "--owner",
      paramLabel = "OWNER",
      description =
          "Only this workload; may be given several times. Default: all that show traffic while"
              + " COMMAND runs.")
  List<String> owners = List.of();

  @Option(names = "--out", paramLabel = "FILE", description = "Where to write the bundle.")
  @Nullable Path to;

  @Option(
      names = "--key",
      paramLabel = "FILE",
      description = "Key that signs the bundle (PEM; kith keys new makes one).")
  @Nullable Path key;

  @Option(
      names = "--env",
      paramLabel = "NAME",
      description = "Environment that the bundle is of. Default: ${DEFAULT-VALUE}.")
  String environment = "qa";

  @Option(
      names = "--ttl",
      paramLabel = "TIME",
      description = "How long the bundle may be used. Default: ${DEFAULT-VALUE}.")
  String ttl = "30d";

  @Option(
      names = "--note",
      paramLabel = "TEXT",
      description = "Why; kept in the record of changes. Default: the command.")
  @Nullable String note;

  @Option(
      names = "--flows",
      arity = "1..*",
      paramLabel = "FILE",
      description = "Without a server: flow logs of this run alone, read when COMMAND is done.")
  List<Path> flows = List.of();

  @Option(
      names = "--inventory",
      arity = "1..*",
      paramLabel = "FILE",
      description = "With --flows: when each pod ran.")
  List<Path> inventory = List.of();

  @Mixin OutputOption output = new OutputOption();
  @Mixin ServerOption server = new ServerOption();

  @Override
  public Integer call()
      throws Failure, ConfigException, IOException, InterruptedException, MalformedLineException {
    if (command.isEmpty()) {
      throw Failure.usage(
          "COMMAND: missing (expected: kith learn -- COMMAND, or kith learn finish)");
    }
    var signer = signer();
    var length = BundleFiles.ttl(ttl);
    var here = Surroundings.of(spec);
    var run =
        flows.isEmpty()
            ? ObservedRun.on(server, here, owners)
            : new LoggedRun(
                flows.stream().map(here::resolve).toList(),
                inventory.stream().map(here::resolve).toList(),
                ConfigFile.readOrDefaults(server.config.file, here).learning(),
                owners,
                here.err());
    var code = execute(here);
    if (code != 0) {
      here.err()
          .println(
              "kith: "
                  + Words.safe(command.getFirst())
                  + " ended with "
                  + code
                  + ": nothing is proposed (what was seen is kept for the next run)");
      return code;
    }
    var learned = run.finish(note == null ? "after " + String.join(" ", command) : note);
    if (to != null && signer != null) {
      BundleFiles.write(here.resolve(to), environment, length, learned.baselines(), signer);
    }
    print(learned);
    return 0;
  }

  /** Everything that could go wrong is looked at before hours of tests. */
  private @Nullable SigningKey signer() throws Failure {
    if ((to == null) != (key == null)) {
      throw Failure.usage("--out: needs --key, and --key needs --out");
    }
    if (!flows.isEmpty() && to == null) {
      throw Failure.usage("--flows: needs --out and --key, since no server keeps what is learned");
    }
    if (to == null || key == null) {
      return null;
    }
    var here = Surroundings.of(spec);
    var folder = here.resolve(to).toAbsolutePath().getParent();
    if (folder == null || !Files.isWritable(folder)) {
      throw Failure.refused(to + ": its folder cannot be written to (expected: one that can)");
    }
    return KeyFiles.secret(here.resolve(key));
  }

  private int execute(Surroundings here) throws Failure, InterruptedException {
    here.out().flush();
    Process process;
    try {
      var builder = new ProcessBuilder(command).directory(here.directory().toFile()).inheritIO();
      if (!output.isText()) { // ours is one document
        builder.redirectOutput(ProcessBuilder.Redirect.PIPE);
      }
      process = builder.start();
    } catch (IOException e) {
      throw Failure.usage(
          "COMMAND: '"
              + Words.safe(command.getFirst())
              + "' cannot be run (expected: a program that is there; "
              + String.valueOf(e.getMessage()).strip()
              + ")");
    }
    try {
      var passed = Thread.startVirtualThread(() -> passOn(process));
      var code = process.waitFor();
      var _ = passed.join(AFTER_COMMAND); // what it left running may have its output open
      return code;
    } catch (InterruptedException e) {
      process.destroy();
      throw e;
    }
  }

  private static void passOn(Process process) {
    try {
      var _ = process.getInputStream().transferTo(System.err); // empty where it is inherited
    } catch (IOException _) {
      // nobody reads it any more
    }
  }

  private void print(TestRun.Learned learned) {
    var document = new LinkedHashMap<String, Object>();
    document.put("environment", environment);
    document.put("bundle", to == null ? "" : to.toString());
    document.put("baselines", learned.baselines().stream().map(one -> line(learned, one)).toList());
    document.put("not_proposed", learned.notProposed());
    var out = spec.commandLine().getOut();
    output.print(out, document, () -> text(learned, out));
  }

  private static Map<String, Object> line(TestRun.Learned learned, Baseline baseline) {
    var line = new LinkedHashMap<String, Object>();
    line.put("owner", baseline.owner().toString());
    line.put("revision", baseline.revision());
    line.put("edges", baseline.edges().size());
    line.put("left_out", learned.leftOut(baseline.owner()));
    return line;
  }

  private void text(TestRun.Learned learned, PrintWriter out) {
    out.println();
    var table = new Table("WORKLOAD", "EDGES", "LEFT OUT", "REVISION");
    for (var baseline : learned.baselines()) {
      table.row(
          baseline.owner().toString(),
          Integer.toString(baseline.edges().size()),
          Integer.toString(learned.leftOut(baseline.owner())),
          baseline.revision());
    }
    table.print(out);
    learned.notProposed().forEach(why -> out.println("  not proposed: " + Words.safe(why)));
    if (learned.baselines().stream().anyMatch(one -> learned.leftOut(one.owner()) > 0)) {
      out.println(
          flows.isEmpty()
              ? "  What was left out waits for a person: kith show --review lists it with why."
              : "  What was left out carries a risk, or needs a person: an external name, a shell, …");
    }
    out.println();
    if (to == null) {
      out.println(
          "Proposed. To put one in force: kith mode OWNER enforce --note \"who reviewed it\"");
    } else {
      out.println("Written: " + to + ". Elsewhere: kith promote " + to + " --map FILE --note TEXT");
    }
  }
}
