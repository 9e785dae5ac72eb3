package io.kith.baselines.decision;

import io.kith.baselines.decision.Reason.BridgeUnavailable;
import io.kith.baselines.decision.Reason.DeniedByHand;
import io.kith.baselines.decision.Reason.Expired;
import io.kith.baselines.decision.Reason.HashChanged;
import io.kith.baselines.decision.Reason.IdentityMismatch;
import io.kith.baselines.decision.Reason.InjectedCode;
import io.kith.baselines.decision.Reason.InterpreterInline;
import io.kith.baselines.decision.Reason.LineageMismatch;
import io.kith.baselines.decision.Reason.NameMismatch;
import io.kith.baselines.decision.Reason.NewDestination;
import io.kith.baselines.decision.Reason.NewProcess;
import io.kith.baselines.decision.Reason.NoBaseline;
import io.kith.baselines.decision.Reason.OriginNotInImage;
import io.kith.baselines.decision.Reason.Quarantined;
import io.kith.baselines.decision.Reason.Unattributed;
import io.kith.baselines.decision.Snapshot.Rules;
import io.kith.baselines.decision.Verdict.Allow;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.SpiffeId;
import io.kith.baselines.process.Attribution;
import io.kith.baselines.process.Candidate;
import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The decision: one total function of a snapshot, a flow and a time.
 *
 * <p>Takes no lock, reads no clock, allocates a few objects, never throws for any input that its
 * types admit.
 */
public final class Decider {
  /*
   * Order of the questions. What cannot be true comes before what is not known, and what is not
   * known before what has changed:
   *
   *   who speaks     identity_mismatch, bridge_unavailable, unattributed
   *   what it says   name_mismatch
   *   what people refuse   denied_by_hand, quarantined
   *   where code is from   origin_not_in_image, interpreter_inline, injected_code
   *   what it is     new_process
   *   where it goes  new_destination, expired
   *   is it unchanged   hash_changed, lineage_mismatch, origin_not_in_image (of a script)
   *
   * Code has to come from where the workload's code comes from: its image, or the host for a
   * workload that is declared to run there.
   *
   * A rule by hand of strictness HASH names one binary, so it may allow what is not in the image,
   * inline or injected; nothing weaker may.
   */
  private Decider() {}

  private static final Deny NO_RULES = new Deny(null, new NoBaseline());

  /** Decides a flow of the snapshot's workload. */
  public static Decision decide(Snapshot snapshot, Flow flow, Instant now) {
    var enforced = judge(snapshot.enforced(), snapshot, flow, now);
    var proposed = snapshot.proposed();
    var next = proposed == null ? null : judge(proposed, snapshot, flow, now);
    return switch (snapshot.mode()) {
      case OBSERVE -> allowed(snapshot, next == null ? enforced : next, next);
      case SHADOW -> {
        var would = next == null ? enforced : next;
        yield allowed(snapshot, would, revision(snapshot) == null ? null : would);
      }
      case ENFORCE ->
          new Decision(
              enforced.verdict,
              next == null ? null : next.verdict,
              Mode.ENFORCE,
              snapshot.revision(snapshot.enforced()),
              enforced.subject);
    };
  }

  private record Judgement(Verdict verdict, @Nullable Candidate subject) {}

  private static Decision allowed(Snapshot snapshot, Judgement would, @Nullable Judgement shadow) {
    var edge = would.verdict instanceof Allow(var matched) ? matched : null;
    return new Decision(
        new Allow(edge),
        shadow == null ? null : shadow.verdict,
        snapshot.mode(),
        revision(snapshot),
        would.subject);
  }

  /** The revision that would decide next. */
  private static @Nullable String revision(Snapshot snapshot) {
    return snapshot.revision(snapshot.proposed());
  }

  private static @Nullable Candidate first(Flow flow) {
    return flow.attribution() instanceof Attribution.Attributed(var candidates, _, _)
        ? candidates.getFirst()
        : null;
  }

  private static Judgement judge(@Nullable Rules rules, Snapshot snapshot, Flow flow, Instant now) {
    if (rules == null) {
      return new Judgement(NO_RULES, first(flow));
    }
    return switch (flow.attribution()) {
      case Attribution.BridgeUnavailable(var why) ->
          unattributed(rules, snapshot, flow, new BridgeUnavailable(why), now);
      case Attribution.Unattributed(_, var reasons) ->
          unattributed(rules, snapshot, flow, new Unattributed(String.join("; ", reasons)), now);
      case Attribution.Attributed(var candidates, _, _) ->
          all(rules, snapshot, candidates, flow, now);
    };
  }

  private static Judgement unattributed(
      Rules rules, Snapshot snapshot, Flow flow, Reason reason, Instant now) {
    if (!snapshot.unattributedAllowed()) {
      return new Judgement(new Deny(null, reason), null);
    }
    var denied = deniedByHand(rules, null, flow.resolved(), now);
    return new Judgement(denied == null ? new Allow(null) : denied, null);
  }

  /** The answer of the first rule that denies, or null when none does. */
  private static @Nullable Deny deniedByHand(
      Rules rules, @Nullable Candidate candidate, Resolved resolved, Instant now) {
    for (var rule : rules.denied()) {
      if (denies(rule, candidate, resolved, now)) {
        return new Deny(null, new DeniedByHand(rule.words()));
      }
    }
    for (var rule : rules.quarantined()) {
      if (denies(rule, candidate, resolved, now)) {
        return new Deny(null, new Quarantined(rule.words()));
      }
    }
    return null;
  }

  private static boolean denies(
      HandRule rule, @Nullable Candidate candidate, Resolved resolved, Instant now) {
    var also = resolved.also();
    return rule.denies(candidate, resolved.destination(), now)
        || (also != null && rule.denies(candidate, also, now));
  }

  /** Every candidate must be allowed; the first that is not decides. */
  private static Judgement all(
      Rules rules, Snapshot snapshot, List<Candidate> candidates, Flow flow, Instant now) {
    Judgement first = null;
    for (var candidate : candidates) {
      var verdict = one(rules, snapshot, candidate, flow, now);
      if (verdict instanceof Deny) {
        return new Judgement(verdict, candidate);
      }
      if (first == null) {
        first = new Judgement(verdict, candidate);
      }
    }
    return Objects.requireNonNull(first, "an attribution has a candidate");
  }

  private static Verdict one(
      Rules rules, Snapshot snapshot, Candidate candidate, Flow flow, Instant now) {
    var origin = snapshot.origin();
    if (!candidate.attested().isEmpty() && !candidate.attested().contains(flow.spiffeId())) {
      return new Deny(null, new IdentityMismatch(attestedAs(candidate, flow.spiffeId())));
    }
    var mismatch = flow.resolved().mismatch();
    if (mismatch != null) {
      return new Deny(null, new NameMismatch(mismatch));
    }
    var destination = flow.resolved().destination();
    var denied =
        snapshot.isRefusing(rules) ? deniedByHand(rules, candidate, flow.resolved(), now) : null;
    if (denied != null) {
      return denied;
    }
    var known =
        isPlain(candidate, origin)
            ? snapshot.known(rules, candidate.processClass(), destination)
            : null;
    if (known != null && isOpen(known, snapshot.circumstances(), destination)) {
      return new Allow(known);
    }
    return search(rules, snapshot, candidate, destination, now);
  }

  /** Whether nothing speaks against the process that an edge could not speak against as well. */
  private static boolean isPlain(Candidate candidate, Origin origin) {
    var fingerprint = candidate.fingerprint();
    return !fingerprint.path().isEmpty()
        && fingerprint.origin() == origin
        && fingerprint.entryKind() != EntryKind.INLINE
        && fingerprint.injectedMappings().isEmpty()
        && isScriptFrom(origin, fingerprint);
  }

  /** Asks all edges of the process; what the table of known flows cannot answer. */
  private static Verdict search(
      Rules rules, Snapshot snapshot, Candidate candidate, Destination destination, Instant now) {
    var origin = snapshot.origin();
    var edges = rules.edges().of(candidate.processClass());
    var exact = exactBinary(edges, origin, candidate, destination, now);
    if (exact != null) {
      return new Allow(exact);
    }
    var fingerprint = candidate.fingerprint();
    if (fingerprint.path().isEmpty()) {
      return new Deny(null, new Unattributed("the executable's path is not known"));
    }
    if (fingerprint.origin() != origin) {
      return new Deny(
          nearest(edges, rules, destination), new OriginNotInImage(fingerprint.origin()));
    }
    if (fingerprint.entryKind() == EntryKind.INLINE) {
      return new Deny(nearest(edges, rules, destination), new InterpreterInline());
    }
    if (!fingerprint.injectedMappings().isEmpty()) {
      return new Deny(
          nearest(edges, rules, destination), new InjectedCode(fingerprint.injectedMappings()));
    }
    var verdict =
        edges.isEmpty()
            ? new Deny(nearest(edges, rules, destination), new NewProcess())
            : match(edges, rules, snapshot, candidate, destination, now);
    return verdict instanceof Deny(_, NewProcess _) || verdict instanceof Deny(_, NewDestination _)
        ? Grace.orElse(verdict, rules, snapshot, candidate, destination, now)
        : verdict;
  }

  private static Verdict match(
      List<Edge> edges,
      Rules rules,
      Snapshot snapshot,
      Candidate candidate,
      Destination destination,
      Instant now) {
    Verdict refusal = null;
    for (var edge : edges) {
      if (!edge.destination().covers(destination)
          || !isOpen(edge, snapshot.circumstances(), destination)) {
        continue;
      }
      var reason = refused(edge, snapshot.origin(), candidate, now);
      if (reason == null) {
        return new Allow(edge);
      }
      // The strictest edge speaks, unless all that it has to say is that it ended.
      if (refusal == null || refusal instanceof Deny(_, Expired _)) {
        refusal = new Deny(edge, reason);
      }
    }
    return refusal == null
        ? new Deny(nearest(edges, rules, destination), new NewDestination())
        : refusal;
  }

  /** A rule by hand that names this binary and, for an interpreter, this script. */
  private static @Nullable Edge exactBinary(
      List<Edge> edges, Origin origin, Candidate candidate, Destination destination, Instant now) {
    for (var edge : edges) {
      if (edge.strictness() == Strictness.HASH
          && edge.provenance() instanceof Provenance.ByHand
          && edge.destination().covers(destination)
          && refused(edge, origin, candidate, now) == null) {
        return edge;
      }
    }
    return null;
  }

  /** A range of dynamic ports has no more ports than the destination had instances. */
  private static boolean isOpen(Edge edge, Circumstances circumstances, Destination destination) {
    if (circumstances.ports().isEmpty()) {
      return true; // without a look at the edge
    }
    var ports =
        edge.destination() instanceof PortRange ? circumstances.ports().get(edge.id()) : null;
    return ports == null || ports.admits(destination.port());
  }

  /** Why an edge that covers the destination does not allow the process, or null. */
  static @Nullable Reason refused(Edge edge, Origin origin, Candidate candidate, Instant now) {
    var until = edge.provenance().until();
    if (until != null && !now.isBefore(until)) {
      return new Expired(until);
    }
    var fingerprint = candidate.fingerprint();
    var script = fingerprint.script();
    if (edge.strictness() == Strictness.HASH) {
      var expected = Objects.requireNonNull(edge.sha256(), "edges of strictness hash have one");
      if (!expected.equals(fingerprint.sha256())) {
        return new HashChanged(expected, fingerprint.sha256());
      }
      var expectedScript = edge.scriptSha256();
      var seenScript = script == null ? null : script.sha256();
      var same = expectedScript == null ? script == null : expectedScript.equals(seenScript);
      return same
          ? null
          : new HashChanged(expectedScript == null ? "no script" : expectedScript, seenScript);
    }
    if (edge.strictness() == Strictness.LINEAGE
        && !edge.process().ancestors().equals(candidate.processClass().ancestors())) {
      return new LineageMismatch(edge.process().ancestors());
    }
    return script == null || isScriptFrom(origin, fingerprint)
        ? null
        : new OriginNotInImage(script.origin());
  }

  /** A module has a name and no file of its own. */
  private static boolean isScriptFrom(Origin origin, ProcessFingerprint fingerprint) {
    var script = fingerprint.script();
    return script == null
        || script.origin() == origin
        || fingerprint.entryKind() == EntryKind.MODULE;
  }

  /** The edge that came closest: same process if it is known, else same destination. */
  private static @Nullable Edge nearest(List<Edge> edges, Rules rules, Destination destination) {
    for (var edge : edges) {
      if (edge.destination().wordsStartWith(destination.name())) {
        return edge;
      }
    }
    return edges.isEmpty() ? rules.edges().to(destination) : edges.getFirst();
  }

  private static String attestedAs(Candidate candidate, SpiffeId expected) {
    return "the process is attested as "
        + candidate.attested().stream().sorted().toList()
        + ", the proxy is "
        + expected;
  }
}
