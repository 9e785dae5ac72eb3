package io.kith.server.operator;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.kith.admin.v1.AdminServiceGrpc.AdminServiceBlockingStub;
import io.kith.admin.v1.Approval;
import io.kith.admin.v1.ApproveRequest;
import io.kith.admin.v1.ApproveResponse;
import io.kith.admin.v1.Edge;
import io.kith.admin.v1.GetRevisionRequest;
import io.kith.admin.v1.GetRevisionResponse;
import io.kith.baselines.bundle.SigningKey;
import io.kith.baselines.edge.Baseline;
import io.kith.server.files.KeyFiles;
import io.kith.server.verb.Failure;
import io.kith.server.verb.TextFile;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** A person's word for a revision, or for edges. */
@Command(
    name = "approve",
    description = {
      "Put your word behind a baseline, or behind edges that wait for a person. Changes no mode.",
      "Edges that leave the mesh need an approver's key: yours (--key, it never leaves this"
          + " machine), an approval that was signed elsewhere (kith sign), or the server's own.",
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  kith approve shop/deployment/checkout --note \"reviewed with ada\"",
      "  kith approve shop/deployment/checkout e:0123456789ab --note \"CHG-1234\"",
      "  kith approve shop/deployment/checkout --key ada.pem --note \"reviewed\"",
    })
public final class ApproveCommand extends AdminVerb<ApproveResponse> {
  @Parameters(index = "0", paramLabel = "OWNER", description = "Workload: namespace/kind/name.")
  String owner = "";

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "WHAT",
      description =
          "A revision (bl:… or proposed), or edges (e:…) of kith show --review. Default: the newest"
              + " revision that waits.")
  List<String> what = List.of();

  @Mixin NoteOption note = new NoteOption();

  @Option(names = "--key", paramLabel = "FILE", description = "Sign with this key (PEM).")
  @Nullable Path key;

  @Option(
      names = "--approval",
      paramLabel = "FILE",
      description = "Hand in an approval that kith sign made.")
  @Nullable Path approval;

  @Override
  ApproveResponse ask(AdminServiceBlockingStub admin) throws Failure {
    if (key != null && approval != null) {
      throw Failure.usage("--approval: beside --key (expected: one of them)");
    }
    var edges = what.stream().filter(text -> text.startsWith("e:")).toList();
    var revisions = what.size() - edges.size();
    if (revisions > 1 || (revisions == 1 && !edges.isEmpty())) {
      throw Failure.usage(
          "WHAT: " + String.join(" ", what) + " (expected: one revision, or edges)");
    }
    var signer = key == null ? null : KeyFiles.secret(surroundings().resolve(key));
    // First: what is wrong with it is known before anything is proposed.
    var word = approval == null ? null : read(surroundings().resolve(approval));
    var revision = edges.isEmpty() && !what.isEmpty() ? what.getFirst() : "";
    if (!edges.isEmpty()) {
      var proposed = approve(admin, "", edges, null);
      if (proposed.getToApproveCount() == 0 || (signer == null && word == null)) {
        return proposed;
      }
      revision = proposed.getRevision();
    }
    if (signer == null) {
      return approve(admin, revision, List.of(), word);
    }
    var asked =
        admin.getRevision(
            GetRevisionRequest.newBuilder().setOwner(owner).setRevision(revision).build());
    var baseline = ServerBaselines.read(asked.getText());
    // by its id: others may propose another meanwhile
    return approve(admin, baseline.revision(), List.of(), signed(asked, baseline, signer));
  }

  private ApproveResponse approve(
      AdminServiceBlockingStub admin,
      String revision,
      List<String> edges,
      @Nullable Approval word) {
    var request =
        ApproveRequest.newBuilder()
            .setOwner(owner)
            .setRevision(revision)
            .addAllEdgeIds(edges)
            .setNote(note.text);
    if (word != null) {
      request.setApproval(word);
    }
    return admin.approve(request.build());
  }

  private static Approval signed(GetRevisionResponse asked, Baseline baseline, SigningKey signer) {
    var ids = asked.getToApproveList().stream().map(Edge::getId).collect(Collectors.toSet());
    var edges = baseline.edges().stream().filter(edge -> ids.contains(edge.id())).toList();
    return Approvals.sign(baseline.owner(), edges, signer);
  }

  private static Approval read(Path file) throws Failure {
    var read = Approval.newBuilder();
    try {
      JsonFormat.parser().merge(TextFile.read(file), read);
    } catch (InvalidProtocolBufferException e) {
      throw Failure.refused(file + ": not an approval (expected: what kith sign wrote)");
    }
    return read.build();
  }

  @Override
  void print(ApproveResponse approved, PrintWriter out) {
    if (approved.getToApproveCount() == 0) {
      out.println("Approved: " + approved.getRevision() + " of " + owner + ".");
    } else {
      out.println("Proposed: " + approved.getRevision() + " of " + owner + ".");
    }
    NextSteps.afterProposal(
        owner, approved.getRevision(), approved.getToApproveList(), serverOption(), out);
    NextSteps.review(
        approved.hasReviewItems() ? approved.getReviewItems() : null, owner, serverOption(), out);
  }
}
