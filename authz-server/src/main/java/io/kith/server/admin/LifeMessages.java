package io.kith.server.admin;

import static io.kith.server.admin.Timestamps.timestamp;

import io.kith.admin.v1.Acknowledgement;
import io.kith.admin.v1.AuditRecord;
import io.kith.admin.v1.Edge;
import io.kith.admin.v1.GetRevisionResponse;
import io.kith.admin.v1.GetStatusResponse;
import io.kith.admin.v1.ImportResponse;
import io.kith.admin.v1.KeyStatus;
import io.kith.admin.v1.NodeStatus;
import io.kith.admin.v1.ResourcesStatus;
import io.kith.admin.v1.Revision;
import io.kith.admin.v1.StoreStatus;
import io.kith.admin.v1.WorkloadCoverage;
import io.kith.baselines.allow.Finding;
import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.store.Entry;
import io.kith.server.control.ControlState;
import io.kith.server.control.Imports;
import io.kith.server.control.KnownEdge;
import io.kith.server.control.Reports;
import io.kith.server.control.Rule;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** The life of baselines and rules as messages of the admin API. */
final class LifeMessages {
  private LifeMessages() {}

  static void addTo(GetStatusResponse.Builder status, ControlState state) {
    var store = state.store();
    var keys = state.keys();
    status
        .setStore(
            StoreStatus.newBuilder()
                .setKind(store.kind())
                .setHealthy(store.problem() == null)
                .setProblem(store.problem() == null ? "" : store.problem())
                .setPosition(store.position())
                .setReplica(store.replica()))
        .setKeys(
            KeyStatus.newBuilder()
                .setLearner(keys.learner().id())
                .addAllApprovers(keys.approverIds())
                .setServerApproves(keys.approver() != null)
                .addAllBundlers(keys.bundlerIds()))
        .setDroppedAnswers(state.dropped())
        .setAllowListFiles(state.allowLists().files());
    state
        .allowLists()
        .problems()
        .forEach(problem -> status.addAllowListProblems(problem.toString()));
    state
        .recentBridges()
        .forEach(
            bridge ->
                status.addNodes(
                    NodeStatus.newBuilder()
                        .setNode(bridge.node())
                        .setProblem(bridge.problem())
                        .setHeard(timestamp(bridge.heard()))));
    var cluster = state.cluster();
    if (cluster.health().isFollowed()) {
      status.setResources(
          ResourcesStatus.newBuilder()
              .setProblem(Objects.requireNonNullElse(cluster.health().problem(), ""))
              .addAllProblems(cluster.health().problems())
              .setWrites(cluster.health().writes())
              .setWriter(cluster.health().writer())
              .setAllowLists(cluster.lists().size())
              .setScopes(cluster.scopes().size()));
    }
  }

  static WorkloadCoverage coverage(
      io.kith.server.control.WorkloadCoverage one, LearningSettings learning) {
    var message =
        WorkloadCoverage.newBuilder()
            .setOwner(one.owner().toString())
            .setDeficit(one.deficit())
            .setDeficitLimit(learning.deficit())
            .addAllWaitsFor(one.waitsFor())
            .setPodsStarted(one.podsStarted())
            .setApproved(one.approved())
            .setCandidates(one.candidates())
            .setObserved(one.observed())
            .setQuarantined(one.quarantined())
            .setReviewItems(one.reviewItems())
            .setMaxEdges(learning.maxEdges())
            .setDropped(one.dropped())
            .setUnread(one.unread())
            .setVouchers(one.vouchers())
            .setState(one.stage().word());
    if (one.since() != null) {
      message.setSince(timestamp(one.since()));
    }
    var newest = one.newest();
    if (newest != null) {
      message.setRevision(newest.baseline().revision()).setBy(newest.by());
    }
    return message.build();
  }

  static Revision revision(Owner owner, Reports.Revision one) {
    var entry = one.entry();
    var baseline = entry.baseline();
    return Revision.newBuilder()
        .setRevision(baseline.revision())
        .setOwner(owner.toString())
        .setParent(Objects.requireNonNullElse(baseline.parent(), ""))
        .setState(entry.state().word())
        .setSince(timestamp(entry.since()))
        .setBy(entry.by())
        .setWhy(entry.why())
        .setWasEnforced(entry.wasEnforced())
        .setEdges(baseline.edges().size())
        .setSignedBy(one.signedBy())
        .setVerified(one.problem() == null)
        .setProblem(Objects.requireNonNullElse(one.problem(), ""))
        .setEdgesWithoutApproval(one.toApprove().size())
        .build();
  }

  static GetRevisionResponse whole(Owner owner, Reports.Revision one) {
    var message =
        GetRevisionResponse.newBuilder()
            .setRevision(revision(owner, one))
            .setText(BaselineJson.write(one.entry().baseline()));
    one.toApprove().forEach(edge -> message.addToApprove(edge(owner, edge)));
    return message.build();
  }

  /** What nobody signed, as it is not proposed. */
  static GetRevisionResponse draft(Baseline baseline) {
    return GetRevisionResponse.newBuilder()
        .setRevision(
            Revision.newBuilder()
                .setRevision(baseline.revision())
                .setOwner(baseline.owner().toString())
                .setParent(Objects.requireNonNullElse(baseline.parent(), ""))
                .setState("draft")
                .setEdges(baseline.edges().size())
                .setProblem("nobody proposed it yet (kith propose)"))
        .setText(BaselineJson.write(baseline))
        .build();
  }

  /** An edge of a revision, without what was seen of it. */
  static Edge edge(Owner owner, io.kith.baselines.edge.Edge edge) {
    return AdminMessages.edge(
        new KnownEdge(
            owner,
            edge,
            EdgeState.CANDIDATE,
            edge.process().words(),
            "it leaves the mesh, so an approver has to sign it",
            null,
            edge.provenance().until(),
            null));
  }

  static Acknowledgement acknowledgement(io.kith.server.control.Acknowledgement by) {
    return Acknowledgement.newBuilder()
        .setBy(by.by())
        .setAt(timestamp(by.at()))
        .setNote(by.note())
        .build();
  }

  static io.kith.admin.v1.Rule rule(Rule rule) {
    var message =
        io.kith.admin.v1.Rule.newBuilder()
            .setId(rule.id())
            .setOwner(rule.owner().toString())
            .setAction(rule.action().word())
            .setProcess(rule.process())
            .setDestination(rule.destination())
            .setBy(rule.by())
            .setNote(rule.note())
            .setWhere(rule.where());
    if (rule.until() != null) {
      message.setUntil(timestamp(rule.until()));
    }
    if (rule.lastUsed() != null) {
      message.setLastUsed(timestamp(rule.lastUsed()));
    }
    return message.build();
  }

  static io.kith.admin.v1.Finding finding(Finding finding) {
    return io.kith.admin.v1.Finding.newBuilder()
        .setKind(finding.kind().name().toLowerCase(Locale.ROOT))
        .setWhere(finding.where())
        .setRule(finding.rule())
        .setWhat(finding.what())
        .build();
  }

  static ImportResponse arrived(Imports.Arrived arrived, List<String> revisions) {
    var promotion = arrived.promotion();
    var message =
        ImportResponse.newBuilder()
            .setEnvironment(promotion.from())
            .setSignedBy(arrived.keyId())
            .setVouchers(promotion.vouchers().size())
            .addAllRevisions(revisions)
            .setText(promotion.text());
    promotion
        .notMapped()
        .forEach(
            left ->
                message.addNotMapped(
                    left.owner() + ": " + left.edge().words() + ": " + left.why()));
    return message.build();
  }

  static AuditRecord audit(Entry entry, ControlState state) {
    var change = entry.change();
    return AuditRecord.newBuilder()
        .setPosition(entry.position())
        .setAt(timestamp(change.at()))
        .setAuthor(change.author())
        .setNote(change.note())
        .setKind(change.kind())
        .setSubject(change.subject())
        .setBody(change.body())
        .setBefore(state.before(entry))
        .setAfter(state.after(entry))
        .build();
  }
}
