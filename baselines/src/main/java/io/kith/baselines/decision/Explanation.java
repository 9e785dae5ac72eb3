package io.kith.baselines.decision;

import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.Destination;
import io.kith.baselines.process.Candidate;
import org.jspecify.annotations.Nullable;

/** A denial in one sentence for the person who has to act on it. */
public final class Explanation {
  private Explanation() {}

  /**
   * What happened and what would have been normal.
   *
   * @param process the process that was denied, or null when it is not known
   */
  public static String of(Deny deny, @Nullable Candidate process, Destination destination) {
    var who = process == null ? "a process" : process.fingerprint().words();
    var where = destination.words();
    var sentence =
        switch (deny.reason()) {
          case Reason.NoBaseline() -> "there is no baseline to decide by yet";
          case Reason.NewProcess() -> who + " is not one of the programs that speak from here";
          case Reason.NewDestination() -> who + " never went to " + where;
          case Reason.OriginNotInImage(var origin) ->
              who + " runs code that is not in the image (from: " + origin.words() + ")";
          case Reason.HashChanged(var expected, var seen) ->
              who
                  + " is another file than allowed: "
                  + (seen == null ? "unknown" : seen)
                  + " instead of "
                  + expected;
          case Reason.LineageMismatch(var expected) ->
              who + " was not started by " + String.join(" ← ", expected);
          case Reason.InterpreterInline() ->
              who + " runs code from its command line or standard input";
          case Reason.InjectedCode(var mappings) ->
              who + " has code loaded that is not in the image: " + String.join(", ", mappings);
          case Reason.IdentityMismatch(var detail) -> detail;
          case Reason.NameMismatch(var detail) -> detail;
          case Reason.Quarantined(var why) -> "quarantined by an operator: " + why;
          case Reason.Expired(var until) -> "it was allowed until " + until;
          case Reason.Unattributed(var detail) ->
              "the process behind the connection is not known: " + detail;
          case Reason.BridgeUnavailable(var detail) ->
              "no identity bridge answers for this pod: " + detail;
          case Reason.Unmediated() -> "the connection did not go through the proxy";
          case Reason.DeniedByHand(var note) -> "denied by an operator: " + note;
          case Reason.BadProvenance(var detail) -> "the caller did not prove its origin: " + detail;
          case Reason.UnknownReporter(var detail) -> detail;
          case Reason.Malformed(var detail) -> detail;
          case Reason.Overloaded() -> "the server has too much to do";
          case Reason.Deadline() -> "the answer was not ready in time";
          case Reason.Internal() -> "the server failed; its log has the cause";
        };
    var nearest = deny.nearest();
    return nearest == null ? sentence : sentence + "; nearest: " + nearest.words();
  }
}
