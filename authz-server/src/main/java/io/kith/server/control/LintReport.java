package io.kith.server.control;

import io.kith.baselines.allow.AllowLists;
import io.kith.baselines.allow.AllowRule;
import io.kith.baselines.allow.Finding;
import io.kith.baselines.allow.Lint;
import io.kith.baselines.allow.Usage;
import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.ProcessPattern;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.WorkloadDirectory;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What should not stay of what people wrote and of what was learned, on a running server. */
record LintReport(
    Workloads workloads,
    WorkloadDirectory directory,
    AllowLists lists,
    RuleUse use,
    Drafts drafts,
    Instant since,
    Instant now) {
  private static final String BY_HAND = "by hand: ";

  /**
   * Findings in the order of the files, then of the owners.
   *
   * @param owner only what is about this workload, or null for all
   */
  List<Finding> of(@Nullable Owner owner) {
    var byHand = new LinkedHashMap<Owner, List<AllowRule>>();
    var baselines = new HashMap<Owner, Baseline>();
    var used = new HashMap<String, Instant>();
    var outOfUse = new ArrayList<Finding>();
    for (var workload : workloads.inOrder()) {
      var enforced = workload.standing().life().enforced();
      if (enforced != null) {
        baselines.put(workload.owner(), enforced);
      }
      if (owner == null || owner.equals(workload.owner())) {
        byHand.put(workload.owner(), byHand(workload));
        outOfUse.addAll(outOfUse(workload));
      }
    }
    var otherNames = new ArrayList<Finding>();
    Stream.concat(
            lists.all().flatMap(list -> list.rules().stream()),
            byHand.values().stream().flatMap(List::stream))
        .forEach(
            rule -> {
              noteUse(rule, used);
              noteOtherName(rule, otherNames);
            });
    var findings = new ArrayList<>(Lint.of(lists, byHand, baselines, new Usage(since, used), now));
    findings.addAll(otherNames);
    if (owner != null) {
      var places =
          lists
              .all()
              .filter(list -> list.workload().covers(owner))
              .flatMap(list -> list.rules().stream())
              .map(AllowRule::where)
              .toList();
      findings.removeIf(one -> !one.where().startsWith(BY_HAND) && !places.contains(one.where()));
    }
    findings.addAll(outOfUse);
    return findings;
  }

  /** Of a denial of a service that leads to a workload, which has other names. */
  private void noteOtherName(AllowRule rule, List<Finding> found) {
    if (rule.action() == AllowRule.Action.ALLOW
        || !(rule.destination().place() instanceof Place.Named(var name, _))) {
      return;
    }
    var workload = directory.named(name);
    if (workload != null) {
      found.add(
          new Finding(
              Finding.Kind.UNUSED,
              rule.where(),
              rule.words(),
              "denies what a proxy sends by this name, not all that is to the workload that "
                  + name
                  + " leads to (name it: host: "
                  + workload.owner()
                  + ")"));
    }
  }

  private void noteUse(AllowRule rule, Map<String, Instant> used) {
    var last = use.sinceOf(rule.rule().id(), rule.rule().words());
    if (last != null) {
      used.put(rule.rule().id(), last);
    }
  }

  private List<AllowRule> byHand(GovernedWorkload workload) {
    var rules = new ArrayList<AllowRule>();
    for (var action : Rule.Action.values()) {
      for (var edge : Rule.edges(workload.standing(), action, now)) {
        rules.add(
            new AllowRule(
                action == Rule.Action.ALLOW ? AllowRule.Action.ALLOW : AllowRule.Action.DENY,
                BY_HAND + workload.owner() + " " + edge.id(),
                written(edge.destination()),
                action == Rule.Action.ALLOW ? exactly(edge) : RuleByHand.of(edge)));
      }
    }
    return rules;
  }

  /** An allow rule by hand is for its class alone, with its ancestors. */
  private static HandRule exactly(Edge edge) {
    var rule = RuleByHand.of(edge);
    var process = rule.process();
    return new HandRule(
        rule.id(),
        new ProcessPattern(
            process.path(), process.program(), process.script(), edge.process().ancestors()),
        rule.destination(),
        rule.strictness(),
        rule.sha256(),
        rule.scriptSha256(),
        rule.provenance());
  }

  /** As a person would have written it. */
  private static Written written(DestinationPattern pattern) {
    return switch (pattern) {
      case Written written -> written;
      case DestinationPattern.Exact(var name, var weakest, var port, var protocol) ->
          new Written(new Place.Named(name, weakest), new Ports(port, port), protocol);
      case DestinationPattern.PortRange(var name, var weakest, var low, var high, var protocol) ->
          new Written(new Place.Named(name, weakest), new Ports(low, high), protocol);
      case DestinationPattern.AddressBlock(var network, var prefix, var port, var protocol) ->
          new Written(
              new Place.Within(new Cidr(network, prefix), false), new Ports(port, port), protocol);
      case DestinationPattern.HostWildcard(var shape, var parent, var weakest, var port, var p) ->
          new Written(
              shape == null
                  ? new Place.Below(parent, weakest)
                  : new Place.Named(shape + "." + parent, weakest), // stands for itself alone
              new Ports(port, port),
              p);
    };
  }

  private List<Finding> outOfUse(GovernedWorkload workload) {
    var life = workload.standing().life();
    var newest = life.newest();
    if (newest == null) {
      return List.of();
    }
    return drafts.unused(workload, life, 1, now).stream()
        .map(
            unused ->
                new Finding(
                    Finding.Kind.UNUSED,
                    "baseline " + newest.revision() + " of " + workload.owner(),
                    unused.edge().words(),
                    (unused.last() == null ? "no flow was seen" : "no flow since " + unused.last())
                        + ", for longer than learning.stale of running time (it is proposed without"
                        + " this edge after as long again; until a person enforces that, the edge"
                        + " stays)"))
        .toList();
  }
}
