package io.kith.server.operator;

import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.AllowRequest;
import io.kith.admin.v1.AllowResponse;
import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.identity.Owner;
import io.kith.server.files.KeyFiles;
import io.kith.server.verb.Failure;
import io.kith.server.verb.Words;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Allows what a decision refused. */
@Command(
    name = "allow",
    description = {
      "Allow the process and destination of a decision from now on.",
      "Code that is not from the image is allowed as this very binary and script.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith allow shop/deployment/checkout d:0123456789abcdef --ttl 4h --note \"CHG-1234\"",
      "",
      "kith explain ID prints this command for a decision; kith remove takes it back.",
    })
public final class AllowCommand extends AdminVerb<AllowResponse> {
  @Parameters(index = "0", paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Parameters(index = "1", paramLabel = "DECISION-ID", description = "As d:0123456789abcdef.")
  String decisionId = "";

  @Mixin NoteOption note = new NoteOption();
  @Mixin TtlOption ttl = new TtlOption();

  @Option(
      names = "--key",
      paramLabel = "FILE",
      description = "Sign with this approver's key (PEM): for what leaves the mesh.")
  @Nullable Path key;

  @Override
  AllowResponse ask(AdminServiceBlockingStub admin) throws Failure {
    var signer = key == null ? null : KeyFiles.secret(surroundings().resolve(key));
    var request =
        AllowRequest.newBuilder().setOwner(owner).setDecisionId(decisionId).setNote(note.text);
    var length = ttl.duration();
    if (length != null) {
      request.setTtl(length);
    }
    return admin.allow(signer == null ? request.build() : signed(admin, request, signer));
  }

  /** Asks for the edge first, so that the signature is over what will be allowed. */
  private AllowRequest signed(
      AdminServiceBlockingStub admin, AllowRequest.Builder request, SigningKey signer)
      throws Failure {
    var prepared = admin.allow(request.clone().setPrepare(true).build()).getEdge();
    try {
      var edge = BaselineJson.readEdge(prepared.getJson());
      request.setApproval(Approvals.sign(Owner.parse(owner), List.of(edge), signer));
    } catch (IllegalArgumentException e) {
      throw Failure.refused("the server sent an edge that is not one: " + e.getMessage());
    }
    if (prepared.hasExpires()) {
      request.clearTtl().setUntil(prepared.getExpires());
    }
    return request.build();
  }

  @Override
  void print(AllowResponse response, PrintWriter out) {
    var edge = response.getEdge();
    out.println(
        "Allowed "
            + (edge.hasExpires() ? "until " + Words.time(edge.getExpires()) : "for ever")
            + ": "
            + Edges.words(edge)
            + " ("
            + edge.getId()
            + ")");
  }
}
