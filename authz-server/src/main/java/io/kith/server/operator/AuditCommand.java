package io.kith.server.operator;

import io.grpc.StatusRuntimeException;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.ListAuditRequest;
import io.kith.admin.v1.ListAuditResponse;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Table;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Who changed what, and why. */
@Command(
    name = "audit",
    description = "Every change, newest first: who, what and why.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith audit",
      "  kith audit shop/deployment/checkout --limit 20",
      "  kith audit -o json | jq '.records[] | select(.kind == \"mode\")'",
    })
public final class AuditCommand extends AdminVerb<ListAuditResponse> {
  @Parameters(
      arity = "0..1",
      paramLabel = "SUBJECT",
      description = "Only of this workload or scope. Default: all.")
  String subject = "";

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "At most so many, 1 to 1000. Default: ${DEFAULT-VALUE}.")
  int limit = 100;

  @Option(
      names = "--before",
      paramLabel = "NUMBER",
      description = "Only changes before this one, for the next page.")
  long before;

  /** Why older ones were not read, though some were. */
  private @Nullable StatusRuntimeException stopped;

  @Override
  ListAuditResponse ask(AdminServiceBlockingStub admin) throws Failure {
    if (limit < 1 || limit > 1_000) {
      throw Failure.usage("--limit: " + limit + " (expected: 1 to 1000)");
    }
    var all = ListAuditResponse.newBuilder();
    var next = before;
    try {
      while (all.getRecordsCount() < limit) { // large ones come a few at a time
        var page =
            admin.listAudit(
                ListAuditRequest.newBuilder()
                    .setSubject(subject)
                    .setLimit(limit - all.getRecordsCount())
                    .setBefore(next)
                    .build());
        if (page.getRecordsCount() == 0) {
          break;
        }
        all.mergeFrom(page);
        next = page.getRecords(page.getRecordsCount() - 1).getPosition();
      }
    } catch (StatusRuntimeException e) {
      if (all.getRecordsCount() == 0) {
        throw e;
      }
      stopped = e;
    }
    return all.build();
  }

  /** What was read is printed first. */
  @Override
  int exitCode(ListAuditResponse answer) throws Failure {
    if (stopped != null) {
      throw Failure.refused(
          "only the %d latest were read: %s (the same with --before %s goes on)"
              .formatted(
                  answer.getRecordsCount(),
                  ServerOption.words(stopped.getStatus()),
                  Long.toUnsignedString(
                      answer.getRecords(answer.getRecordsCount() - 1).getPosition())));
    }
    return 0;
  }

  @Override
  void print(ListAuditResponse answer, PrintWriter out) {
    if (answer.getRecordsCount() == 0) {
      out.println("No change yet.");
      return;
    }
    var table = new Table("NUMBER", "TIME", "KIND", "SUBJECT", "BY AND WHY", "BEFORE → AFTER");
    for (var change : answer.getRecordsList()) {
      table.row(
          Long.toUnsignedString(change.getPosition()),
          Words.time(change.getAt()),
          change.getKind(),
          change.getSubject(),
          change.getAuthor() + ": " + change.getNote(),
          Words.orDash(change.getBefore()) + " → " + Words.orDash(change.getAfter()));
    }
    table.print(out);
    if (answer.getRecordsCount() == limit) {
      var last = answer.getRecords(limit - 1).getPosition();
      out.println("Older ones: the same with --before " + Long.toUnsignedString(last));
    }
  }
}
