package io.kith.server.cli;

import io.kith.baselines.decision.Reason;

/**
 * What a reason means and what an operator does about it, in Markdown; commands in backticks.
 *
 * @param means one or two sentences
 * @param todo what an operator does
 */
record ReasonWords(String means, String todo) {
  /** No default: a new reason must be answered here. */
  static ReasonWords of(Reason reason) {
    return switch (reason) {
      case Reason.NewProcess _ ->
          new ReasonWords(
              "No approved edge is of this program: its path, script, ancestors and user together"
                  + " were never learned for the workload, nor allowed.",
              "Ask what started it. A tool of a person or of an incident: leave it denied and"
                  + " `kith ack OWNER DECISION-ID --note TEXT`. A new part of the application: the"
                  + " command below for now, and `kith approve OWNER EDGE --note TEXT` for good.");
      case Reason.NewDestination _ ->
          new ReasonWords(
              "The program is known, and no edge of it covers this destination, port or protocol."
                  + " Where a known host is meant, look at the port and at the evidence for the"
                  + " name.",
              "Look at `new image`: an upgrade that needs the destination is allowed with the"
                  + " command below and approved later (`kith show OWNER --review` has it). What"
                  + " leaves the mesh needs an approver's key (`--key FILE`) unless the server has"
                  + " one.");
      case Reason.OriginNotInImage _ ->
          new ReasonWords(
              "The executable or the script is not a file of the image (or, for a workload of the"
                  + " host, not of the host): it was written, mounted or loaded at run time. The"
                  + " path may be that of an approved program; the content is not.",
              "Treat it as an intrusion until somebody explains it. A file that belongs there"
                  + " should come with the image; until then the command below allows this very"
                  + " file, by its hash.");
      case Reason.HashChanged _ ->
          new ReasonWords(
              "A rule of strictness `hash` allows one binary (and script), and this one is"
                  + " another.",
              "After an update of the file, put the new SHA-256 into the rule"
                  + " (`kith rules OWNER` names it). Without an update, find out who changed it.");
      case Reason.LineageMismatch _ ->
          new ReasonWords(
              "A rule of strictness `lineage` demands ancestors, and something else started the"
                  + " program.",
              "See `process` and `differs in` for what started it. If that is right, put the"
                  + " ancestors into the rule, or allow it with the command below.");
      case Reason.InterpreterInline _ ->
          new ReasonWords(
              "An interpreter runs code from its command line or its standard input, so there is no"
                  + " file that could be known.",
              "Give the code a file in the image. Nothing weaker than a rule for this very"
                  + " interpreter, by its hash, allows it: and that allows whatever it is told.");
      case Reason.InjectedCode _ ->
          new ReasonWords(
              "The process has executable memory that comes from no file of the image: a preloaded"
                  + " or injected library.",
              "Look at the mappings that are named. An agent that is meant to be there belongs into"
                  + " the image; what nobody knows is an intrusion.");
      case Reason.IdentityMismatch _ ->
          new ReasonWords(
              "The process is attested as another workload than the proxy that asks for it, or the"
                  + " Check is about a connection of another pod than the one it came from.",
              "No rule allows it. Look for a registration that names the wrong selector, and for a"
                  + " process that dials through a proxy that is not its own.");
      case Reason.NameMismatch _ ->
          new ReasonWords(
              "The client says one name (SNI or Host) and the connection reaches another workload.",
              "No rule allows it. A stale DNS answer repairs itself; a client that keeps saying it"
                  + " tries to pass under another's name.");
      case Reason.Expired _ ->
          new ReasonWords(
              "What allowed it had an end, and that has come. Ended rules are remembered for a day,"
                  + " so that this can be said.",
              "If it is still needed, allow it again with the command below, or for good with"
                  + " `kith approve OWNER EDGE --note TEXT`.");
      case Reason.DeniedByHand _ ->
          new ReasonWords(
              "A person denied it, by hand or in an allow-list. That wins over everything that"
                  + " allows.",
              "`kith rules OWNER` shows the rule with who and why. One by hand is taken back with"
                  + " `kith remove OWNER RULE-ID --note TEXT`, one of an allow-list in its file.");
      case Reason.Unattributed _ ->
          new ReasonWords(
              "The node's identity bridge answered, and does not know which process has the"
                  + " connection; or it does not know the path of its executable. A program name"
                  + " alone decides nothing.",
              "`kith status` shows the bridge and how much it covers. A scope may pass what is not"
                  + " known with `unattributed: allow` in `kith.yaml`, or in the spec of its `Scope`"
                  + " object; denials by hand still hold.");
      case Reason.BridgeUnavailable _ ->
          new ReasonWords(
              "No identity bridge answered for the pod in time.",
              "`kith status` lists the bridges that are attached, `kith doctor` the nodes with"
                  + " sidecars and without one (`no-bridge`). Start the one of the node, or see in its"
                  + " log why it cannot reach the server. `unattributed: allow` covers this too.");
      case Reason.UnknownReporter _ ->
          new ReasonWords(
              "Who asked has no certificate that holds, is not in `server.reporters`, or is"
                  + " nobody's workload. Denied in every mode.",
              "Add the proxy's SPIFFE ID and the workload to `kith.yaml`"
                  + " (`kith config check` says whether it is right), or renew its certificate."
                  + " Where the cluster says who is who (kubernetes.md), a new pod is nobody's while"
                  + " it is not watched (`kith status`, `kith_kubernetes_age_seconds`), and a SPIFFE"
                  + " ID of another trust domain is always.");
      case Reason.Malformed _ ->
          new ReasonWords(
              "A field of the Check is missing or is not what Envoy would send.",
              "Repair the ext_authz filter of the proxy; the recipes have every field.");
      case Reason.Overloaded _ ->
          new ReasonWords(
              "More Checks waited for a bridge than the server keeps at a time. Passes under"
                  + " observe and shadow as `server.onFailure` says.",
              "See `kith status` for bridges that are slow, and add servers.");
      case Reason.Deadline _ ->
          new ReasonWords(
              "The answer was not ready in time. Passes under observe and shadow as"
                  + " `server.onFailure` says.",
              "See the span of the decision for which part took the time, and `server.deadline` in"
                  + " `kith.yaml`, which must stay below Envoy's own timeout.");
      case Reason.Internal _ ->
          new ReasonWords(
              "The server failed inside. Passes under observe and shadow as `server.onFailure`"
                  + " says, never under enforce.",
              "The server's log has the cause beside `check failed inside`: report it.");
      case Reason.NoBaseline _ ->
          new ReasonWords(
              "The workload has no baseline to decide by.",
              "`kith coverage OWNER` says what learning waits for;"
                  + " `kith propose OWNER --note TEXT` does not wait.");
      case Reason.Quarantined _ ->
          new ReasonWords(
              "A person denied it with `kith quarantine` and keeps it from being learned: what,"
                  + " why, who and until when are in the words.",
              "`kith rules OWNER` has the rule; `kith remove OWNER RULE --note TEXT` takes it"
                  + " back. What was seen of it meanwhile is not learned but shown"
                  + " (`kith show OWNER`).");
      case Reason.Unmediated _ ->
          new ReasonWords(
              "The connection did not go through the proxy, which could not check it.",
              "Have the traffic captured (excluded ports, UDP, IPv6), or the program removed.");
      case Reason.BadProvenance _ ->
          new ReasonWords(
              "A request came in without proof that its caller's sidecar let it out: the header is"
                  + " missing (where the scope has `inbound: require`), forged, too old, given to"
                  + " another caller or meant for another workload.",
              "Look at the caller's side: it was sent past its sidecar, or by a process"
                  + " that no bridge saw, or that sidecar has no recipe of Kith yet. If all"
                  + " requests are refused, compare the servers' clocks and `server.keys.provenance`"
                  + " (provenance.md).");
    };
  }
}
