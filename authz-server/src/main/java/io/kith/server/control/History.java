package io.kith.server.control;

import io.kith.baselines.bundle.BaselineJson;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.store.Change;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What changes took the place of, in words: told by the state that the log had before each, so that
 * every server tells the same. Of the latest 100,000. Thread-safe.
 */
final class History {
  static final int KEPT = 100_000;

  private static final String NONE = "none";
  private static final int NAMED = 5;

  private final List<String> before = new ArrayList<>();
  private long first = 1;

  /** Takes note of an entry that follows those before, and is about to be applied. */
  synchronized void note(Amendment amendment, Fold now) {
    if (before.size() >= 2 * KEPT) {
      before.subList(0, KEPT).clear();
      first += KEPT;
    }
    before.add(before(amendment, now));
  }

  /** What was before a change; empty when that is too long ago. */
  synchronized String before(long position) {
    var index = position - first;
    return index < 0 || index >= before.size() ? "" : before.get(Math.toIntExact(index));
  }

  private static String before(Amendment amendment, Fold now) {
    return switch (amendment) {
      case Amendment.SetMode(var scope, _, _) -> now.modes().of(scope).word();
      case Amendment.InheritMode(var scope, _) -> now.modes().of(scope).word();
      case Amendment.Declare(var scope, _, _) -> now.modes().of(scope).word();
      case Amendment.WriteList(var object, _) ->
          ClusterLists.sizeOf(now.lists().texts().get(object));
      case Amendment.Propose(var owner, _) -> newest(now.of(owner));
      case Amendment.Approve(var owner, _) -> toApprove(now.of(owner).life(), now);
      case Amendment.Reject(_, var revision) -> revision + " waits";
      case Amendment.Rollback(_, var from, _) -> from;
      case Amendment.Allow(var owner, var edge, _) ->
          rule(now.of(owner), Rule.Action.ALLOW, edge.id());
      case Amendment.Deny(var owner, var edge) -> rule(now.of(owner), Rule.Action.DENY, edge.id());
      case Amendment.Quarantine(var owner, var edge) ->
          rule(now.of(owner), Rule.Action.QUARANTINE, edge.id());
      case Amendment.Remove(var owner, var id) -> rule(now.of(owner), null, id);
      case Amendment.Ack(var owner, var id) ->
          now.of(owner).acknowledged().containsKey(id) ? "acknowledged" : "not acknowledged";
      case Amendment.Relearn _ -> "learned";
      case Amendment.Import _ -> NONE;
      case Amendment.Reopen(_, var revision, _) -> "denied by " + revision;
    };
  }

  private static String newest(Standing standing) {
    var newest = standing.life().newest();
    return newest == null ? NONE : newest.revision();
  }

  private static String toApprove(Life life, Fold now) {
    var newest = life.newest();
    return newest == null
        ? NONE
        : newest.revision()
            + ", "
            + life.unapproved(newest, now.keys()).size()
            + " edges to be approved";
  }

  /** A rule by hand of an action, or of any when that is null. */
  private static String rule(Standing standing, Rule.@Nullable Action action, String id) {
    for (var one : Rule.Action.values()) {
      if (action == null || action == one) {
        for (var edge : Rule.edges(standing, one)) {
          if (edge.id().equals(id)) {
            return one.word() + " " + words(edge);
          }
        }
      }
    }
    return NONE;
  }

  private static String words(Edge edge) {
    return edge.id()
        + " "
        + edge.words()
        + (edge.provenance() instanceof Provenance.ByHand(_, _, var until) && until != null
            ? " until " + until
            : "");
  }

  /** What is since a change. */
  static String after(Change change) {
    return switch (AmendmentJson.read(change)) {
      case Amendment.SetMode(_, var mode, var steps) -> mode.word() + revisions(steps);
      case Amendment.InheritMode(_, var mode) -> mode.word() + ", inherited";
      case Amendment.Declare(_, var declared, var steps) ->
          declared == null
              ? "as kith mode or kith.yaml say"
              : declared.mode().word() + " by " + declared.words() + revisions(steps);
      case Amendment.WriteList(_, var text) -> ClusterLists.sizeOf(text);
      case Amendment.Propose(_, var signed) -> revisionOf(signed);
      case Amendment.Approve(_, var approval) -> approval.grants().size() + " edges approved";
      case Amendment.Reject(_, var revision) -> revision + " superseded";
      case Amendment.Rollback(_, _, var to) -> to;
      case Amendment.Allow(_, var edge, _) -> Rule.Action.ALLOW.word() + " " + words(edge);
      case Amendment.Deny(_, var edge) -> Rule.Action.DENY.word() + " " + words(edge);
      case Amendment.Quarantine(_, var edge) -> Rule.Action.QUARANTINE.word() + " " + words(edge);
      case Amendment.Remove _ -> NONE;
      case Amendment.Ack(_, var id) -> "acknowledged " + id;
      case Amendment.Relearn(_, var process) ->
          process == null ? "nothing learned" : "nothing learned of " + process.words();
      case Amendment.Import(var environment, _, var keyId, var vouchers, _) ->
          vouchers.size() + " vouchers of " + environment + ", signed by " + keyId;
      case Amendment.Reopen(_, _, var edge) -> Rule.Action.ALLOW.word() + " " + words(edge);
    };
  }

  private static String revisions(List<Amendment.SetMode.Step> steps) {
    if (steps.isEmpty()) {
      return "";
    }
    var more = steps.size() - NAMED;
    return steps.stream()
            .limit(NAMED)
            .map(step -> step.owner() + " by " + step.revision())
            .collect(Collectors.joining(", ", "; ", ""))
        + (more > 0 ? " and " + more + " more" : "");
  }

  private static String revisionOf(SignedBaseline signed) {
    return BaselineJson.read(signed.text()).revision();
  }
}
