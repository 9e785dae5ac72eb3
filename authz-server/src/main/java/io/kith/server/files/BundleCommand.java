package io.kith.server.files;

import io.kith.baselines.bundle.Bundle;
import io.kith.baselines.edge.Baseline;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.Table;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Bundles of baselines. */
@Command(
    name = "bundle",
    description = "Make and check signed bundles of baselines (DSSE around an in-toto statement).",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "VERB",
    subcommands = {BundleCommand.Create.class, BundleCommand.Verify.class},
    footerHeading = "%nExamples:%n",
    footer = {"  kith bundle verify shop.bundle --trust qa.pem.pub"})
public final class BundleCommand {
  private static Map<String, Object> document(Bundle bundle, String keyId) {
    var document = new LinkedHashMap<String, Object>();
    document.put("environment", bundle.environment());
    document.put("created", bundle.createdAt().toString());
    document.put("expires", bundle.expiresAt().toString());
    document.put("signed_by", keyId);
    document.put("baselines", bundle.baselines().stream().map(BundleCommand::line).toList());
    return document;
  }

  private static Map<String, Object> line(Baseline baseline) {
    var line = new LinkedHashMap<String, Object>();
    line.put("owner", baseline.owner().toString());
    line.put("revision", baseline.revision());
    line.put("edges", baseline.edges().size());
    return line;
  }

  private static void print(CommandSpec spec, OutputOption output, Bundle bundle, String keyId) {
    var out = spec.commandLine().getOut();
    output.print(
        out,
        document(bundle, keyId),
        () -> {
          out.println(
              "Bundle of "
                  + bundle.environment()
                  + ", good until "
                  + bundle.expiresAt()
                  + ", signed by "
                  + keyId);
          var table = new Table("WORKLOAD", "REVISION", "EDGES");
          bundle
              .baselines()
              .forEach(
                  baseline ->
                      table.row(
                          baseline.owner().toString(),
                          baseline.revision(),
                          Integer.toString(baseline.edges().size())));
          table.print(out);
        });
  }

  /** Signs baselines. */
  @Command(
      name = "create",
      description = "Sign baselines of files as one bundle.",
      mixinStandardHelpOptions = true,
      sortOptions = false,
      footerHeading = "%nExamples:%n",
      footer = {"  kith bundle create qa/*.yaml --env qa --key qa.pem --out shop.bundle"})
  static final class Create implements Callable<Integer> {
    @SuppressWarnings("NullAway.Init") // set by picocli
    @Spec
    CommandSpec spec;

    @Parameters(arity = "1..*", paramLabel = "FILE", description = "Native YAML, or a bundle.")
    List<Path> files = List.of();

    @Option(
        names = "--env",
        required = true,
        paramLabel = "NAME",
        description = "Environment that the baselines are of.")
    String environment = "";

    @Option(
        names = "--key",
        required = true,
        paramLabel = "FILE",
        description = "Key to sign with (PEM; kith keys new makes one).")
    Path key = Path.of("");

    @Option(
        names = "--ttl",
        paramLabel = "TIME",
        description = "How long it may be used. Default: ${DEFAULT-VALUE}.")
    String ttl = "30d";

    @Option(names = "--out", required = true, paramLabel = "FILE", description = "The bundle.")
    Path to = Path.of("");

    @Mixin TrustOption trust = new TrustOption();
    @Mixin OutputOption output = new OutputOption();

    @Override
    public Integer call() throws Failure {
      var here = Surroundings.of(spec);
      var signer = KeyFiles.secret(here.resolve(key));
      var baselines =
          BaselineFiles.readAll(
              files.stream().map(here::resolve).toList(),
              trust.files.stream().map(here::resolve).toList());
      var bundle =
          BundleFiles.write(
              here.resolve(to),
              environment,
              BundleFiles.ttl(ttl),
              List.copyOf(baselines.values()),
              signer);
      print(spec, output, bundle, signer.id());
      return 0;
    }
  }

  /** Checks a bundle. */
  @Command(
      name = "verify",
      description = {
        "Check a bundle: whole, in time, and signed by a key that is trusted; and list what it has."
            + " Exit code 1, and nothing is listed, when it is not.",
      },
      mixinStandardHelpOptions = true,
      sortOptions = false,
      footerHeading = "%nExamples:%n",
      footer = {"  kith bundle verify shop.bundle --trust qa.pem.pub"})
  static final class Verify implements Callable<Integer> {
    @SuppressWarnings("NullAway.Init") // set by picocli
    @Spec
    CommandSpec spec;

    @Parameters(paramLabel = "FILE", description = "The bundle.")
    Path file = Path.of("");

    @Mixin TrustOption trust = new TrustOption();
    @Mixin OutputOption output = new OutputOption();

    @Override
    public Integer call() throws Failure {
      var here = Surroundings.of(spec);
      var signed =
          BaselineFiles.readBundle(
              here.resolve(file), trust.files.stream().map(here::resolve).toList());
      print(spec, output, signed.bundle(), signed.keyId());
      return 0;
    }
  }
}
