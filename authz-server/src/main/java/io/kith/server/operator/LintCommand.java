package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.Finding;
import io.kith.admin.v1.LintRequest;
import io.kith.admin.v1.LintResponse;
import io.kith.baselines.allow.Lint;
import io.kith.baselines.config.ConfigException;
import io.kith.server.files.AllowListFiles;
import io.kith.server.files.BaselineFiles;
import io.kith.server.files.TrustOption;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Words;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What should not stay as it is in allow-lists. */
@Command(
    name = "lint",
    description = {
      "What should not stay as it is in allow-lists: unused, shadowed, redundant, over-broad and"
          + " expiring rules, and rules by path alone.",
      "Of files (no server needed; mistakes are listed with line and what to do), or of everything"
          + " that a running server has, which also knows what was not used for 30 days.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith lint                                            of the running server",
      "  kith lint allow/*.yaml                               in CI: exit code 4 for findings",
      "  kith lint allow/ --baselines checkout.yaml           what the baseline knows by now, too",
    })
public final class LintCommand extends AdminVerb<LintResponse> {
  @Parameters(
      arity = "0..*",
      paramLabel = "FILE",
      description = "Allow-lists, or folders with some. Default: those of the running server.")
  List<Path> files = List.of();

  @Option(
      names = "--baselines",
      arity = "1..*",
      paramLabel = "FILE",
      description = "With files: baselines in force, native YAML or bundles.")
  List<Path> baselines = List.of();

  @Option(
      names = "--owner",
      paramLabel = "OWNER",
      description = "Of the running server: only of this workload.")
  String owner = "";

  @Mixin TrustOption trust = new TrustOption();

  @Override
  public Integer call() throws Failure, ConfigException, IOException, InterruptedException {
    if (files.isEmpty()) {
      if (!baselines.isEmpty()) {
        throw Failure.usage("--baselines: without files (expected: kith lint FILE --baselines …)");
      }
      return super.call();
    }
    var answer = offline();
    output.print(out(), answer, () -> print(answer, out()));
    return exitCode(answer);
  }

  private LintResponse offline() throws Failure {
    var here = surroundings();
    var lists = AllowListFiles.read(files.stream().map(here::resolve).toList());
    var inForce =
        BaselineFiles.readAll(
            baselines.stream().map(here::resolve).toList(),
            trust.files.stream().map(here::resolve).toList());
    var answer = LintResponse.newBuilder();
    for (var finding : Lint.of(lists, inForce, null, Instant.now())) {
      answer.addFindings(
          Finding.newBuilder()
              .setKind(finding.kind().name().toLowerCase(Locale.ROOT))
              .setWhere(finding.where())
              .setRule(finding.rule())
              .setWhat(finding.what()));
    }
    return answer.build();
  }

  @Override
  LintResponse ask(AdminServiceBlockingStub admin) {
    return admin.lint(LintRequest.newBuilder().setOwner(owner).build());
  }

  @Override
  int exitCode(LintResponse answer) {
    return answer.getFindingsCount() == 0 ? 0 : Failure.FOUND;
  }

  @Override
  void print(LintResponse answer, PrintWriter out) {
    for (var finding : answer.getFindingsList()) {
      out.println(Words.safe(finding.getWhere()) + ": " + finding.getKind().replace('_', '-'));
      out.println("    " + Words.safe(finding.getRule()));
      Words.wrap(Words.safe(finding.getWhat()), 96).forEach(line -> out.println("    " + line));
    }
    out.println(
        answer.getFindingsCount() == 0
            ? "Nothing to remark."
            : Words.count(answer.getFindingsCount(), "finding") + ".");
  }
}
