package io.kith.server.admin;

import io.kith.admin.v1.DecisionRecord;
import io.kith.baselines.decision.Reason;
import io.kith.baselines.decision.Verdict;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.process.Candidate;
import io.kith.server.check.CheckRecord;
import io.kith.server.control.ControlState;
import java.util.Comparator;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A decision with what the person who has to act on it needs beside it. */
final class DecisionMessages {
  private DecisionMessages() {}

  static DecisionRecord of(CheckRecord answered, ControlState state) {
    var message = AdminMessages.decision(answered).toBuilder();
    var decision = answered.decision();
    message.setRevision(Objects.requireNonNullElse(decision.revision(), ""));
    var workload = answered.workload();
    if (workload == null) {
      return message.build();
    }
    var owner = workload.owner();
    message.setModeFrom(state.cluster().originOfMode(owner));
    var process = decision.subject();
    var deny = denial(decision.applied(), decision.shadow());
    if (deny != null) {
      var nearest = deny.nearest();
      var flow = answered.flow();
      if (nearest != null && process != null && flow != null) {
        message
            .setNearestEdge(nearest.words())
            .setDifference(
                difference(nearest, process, flow.resolved().destination(), deny.reason()));
      }
      if (process != null && flow != null && isForARule(deny.reason())) {
        message.setCommand(
            "kith allow "
                + owner
                + " "
                + answered.decisionId()
                + " --ttl 4h --note \"why it is right\"");
      }
    }
    if (process != null) {
      message.setSinceRollout(rollout(state, answered, process));
    }
    var seen = state.reports().acknowledgement(owner, answered.decisionId());
    if (seen != null) {
      message.setAcknowledged(LifeMessages.acknowledgement(seen));
    }
    return message.build();
  }

  private static @Nullable Deny denial(Verdict applied, @Nullable Verdict shadow) {
    if (applied instanceof Deny deny) {
      return deny;
    }
    return shadow instanceof Deny deny ? deny : null;
  }

  /** Whether a person may answer with an allow rule. */
  private static boolean isForARule(Reason reason) {
    return switch (reason) {
      case Reason.NewProcess _,
          Reason.NewDestination _,
          Reason.OriginNotInImage _,
          Reason.HashChanged _,
          Reason.LineageMismatch _,
          Reason.InterpreterInline _,
          Reason.InjectedCode _,
          Reason.Expired _ ->
          true;
      case Reason.NoBaseline _,
          Reason.IdentityMismatch _,
          Reason.NameMismatch _,
          Reason.Quarantined _,
          Reason.Unattributed _,
          Reason.BridgeUnavailable _,
          Reason.Unmediated _,
          Reason.DeniedByHand _,
          Reason.BadProvenance _,
          Reason.UnknownReporter _,
          Reason.Malformed _,
          Reason.Overloaded _,
          Reason.Deadline _,
          Reason.Internal _ ->
          false;
    };
  }

  /** The first field in which the flow differs from the edge, with both values. */
  private static String difference(
      Edge nearest, Candidate process, Destination destination, Reason reason) {
    var edge = nearest.process();
    var seen = process.processClass();
    if (!edge.path().equals(seen.path())) {
      return differs("path", edge.path(), seen.path());
    }
    if (!edge.program().equals(seen.program())) {
      return differs("program", edge.program(), seen.program());
    }
    if (!Objects.equals(edge.script(), seen.script())) {
      return differs("script", edge.script(), seen.script());
    }
    if (!edge.ancestors().equals(seen.ancestors())) {
      return differs(
          "ancestors", String.join(" ← ", edge.ancestors()), String.join(" ← ", seen.ancestors()));
    }
    if (edge.root() != seen.root()) {
      return differs("user", edge.root() ? "root" : "not root", seen.root() ? "root" : "not root");
    }
    if (!nearest.destination().covers(destination)) {
      return differs("destination", nearest.destination().words(), destination.words());
    }
    return switch (reason) {
      case Reason.HashChanged(var expected, var actual) -> differs("hash", expected, actual);
      case Reason.OriginNotInImage(var origin) -> differs("origin", "image", origin.words());
      case Reason.InjectedCode(var mappings) ->
          differs("mappings", null, String.join(", ", mappings));
      case Reason.Expired(var until) -> "end: it was allowed until " + until;
      default -> "";
    };
  }

  private static String differs(String field, @Nullable String expected, @Nullable String seen) {
    return field + ": " + shown(seen) + " instead of " + shown(expected);
  }

  private static String shown(@Nullable String value) {
    return value == null || value.isEmpty() ? "none" : value;
  }

  /** The image of the process, when it is not the first that was seen of the workload. */
  private static String rollout(ControlState state, CheckRecord answered, Candidate process) {
    var digest = process.fingerprint().imageDigest();
    var workload = answered.workload();
    if (digest == null || workload == null) {
      return "";
    }
    var images = state.reports().images(workload.owner());
    var since = images.get(digest);
    var first = images.values().stream().min(Comparator.naturalOrder());
    return since == null || first.isEmpty() || !since.isAfter(first.get())
        ? ""
        : digest + " since " + since;
  }
}
