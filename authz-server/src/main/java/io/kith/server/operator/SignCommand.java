package io.kith.server.operator;

import com.google.gson.GsonBuilder;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.server.files.BaselineFiles;
import io.kith.server.files.KeyFiles;
import io.kith.server.files.TrustOption;
import io.kith.server.verb.Failure;
import io.kith.server.verb.OutputOption;
import io.kith.server.verb.Surroundings;
import io.kith.server.verb.TextFile;
import io.kith.server.verb.Words;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Makes an approval without a server. */
@Command(
    name = "sign",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Approve, away from any server, the edges of a baseline that need an approver: those that"
          + " leave the mesh or are by hand. What it prints is for kith approve --approval.",
      "Read the file first: you sign what it grants.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith export shop/deployment/checkout --revision proposed > checkout.yaml",
      "  kith sign checkout.yaml --key ada.pem --out checkout.approval",
      "  kith approve shop/deployment/checkout --approval checkout.approval --note \"reviewed\"",
    })
public final class SignCommand implements Callable<Integer> {
  @SuppressWarnings("NullAway.Init") // set by picocli
  @Spec
  CommandSpec spec;

  @Parameters(paramLabel = "FILE", description = "A baseline of one workload: native YAML.")
  Path file = Path.of("");

  @Option(
      names = "--key",
      required = true,
      paramLabel = "FILE",
      description = "The approver's key (PEM; kith keys new makes one).")
  Path key = Path.of("");

  @Option(
      names = "--edge",
      paramLabel = "ID",
      description = "Only this edge; may be given several times. Default: all that need it.")
  List<String> edges = List.of();

  @Option(names = "--out", paramLabel = "FILE", description = "Default: standard output.")
  @Nullable Path to;

  @Mixin TrustOption trust = new TrustOption();
  @Mixin OutputOption output = new OutputOption();

  @Override
  public Integer call() throws Failure {
    var surroundings = Surroundings.of(spec);
    var baselines =
        BaselineFiles.read(
                surroundings.resolve(file),
                trust.files.stream().map(surroundings::resolve).toList())
            .values();
    if (baselines.size() != 1) {
      throw Failure.refused(
          file + ": " + baselines.size() + " workloads (expected: one; an approval is for one)");
    }
    var baseline = baselines.iterator().next();
    var signed = chosen(baseline);
    var approval =
        Approvals.sign(baseline.owner(), signed, KeyFiles.secret(surroundings.resolve(key)));
    var document = OutputOption.document(approval);
    var out = spec.commandLine().getOut();
    if (to == null && output.isText()) {
      // it is a file for a machine, whatever the terminal
      out.println(json(document));
    } else if (to == null) {
      output.print(out, document, () -> {});
    } else {
      TextFile.write(surroundings.resolve(to), json(document) + "\n");
      output.print(
          out,
          document,
          () -> {
            out.println(
                "Signed by "
                    + approval.getKeyId()
                    + " for "
                    + baseline.owner()
                    + ", in "
                    + to
                    + ":");
            signed.forEach(edge -> out.println("  " + Words.safe(edge.words()) + "  " + edge.id()));
          });
    }
    return 0;
  }

  private static String json(Object document) {
    return new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create().toJson(document);
  }

  private List<Edge> chosen(Baseline baseline) throws Failure {
    if (edges.isEmpty()) {
      var needing = baseline.edges().stream().filter(SignedBaseline::needsApprover).toList();
      if (needing.isEmpty()) {
        throw Failure.refused(
            file + ": no edge needs an approver (none leaves the mesh, none is by hand)");
      }
      return needing;
    }
    var chosen = baseline.edges().stream().filter(edge -> edges.contains(edge.id())).toList();
    for (var id : edges) {
      if (chosen.stream().noneMatch(edge -> edge.id().equals(id))) {
        throw Failure.refused("--edge: '" + id + "' is not in " + file);
      }
    }
    return chosen;
  }
}
