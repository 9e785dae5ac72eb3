package io.kith.baselines.allow;

import io.kith.baselines.allow.AllowRule.Action;
import io.kith.baselines.allow.Finding.Kind;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.HandRule;
import io.kith.baselines.edge.ProcessPattern.ScriptPattern;
import io.kith.baselines.edge.Provenance;
import io.kith.baselines.edge.Strictness;
import io.kith.baselines.identity.Owner;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What should not stay of what people wrote, though it is correct. */
public final class Lint {
  private static final Duration SOON = Duration.ofDays(7);
  private static final Duration LONG = Duration.ofDays(30);
  private static final int MANY_PORTS = 1_024;
  private static final int SHORTEST_IPV4_PREFIX = 16;
  private static final int SHORTEST_IPV6_PREFIX = 48;
  private static final Set<String> MANY_PROGRAMS = Set.of("busybox", "toybox", "coreutils");

  private final List<Placed> rules;
  private final Map<Owner, Baseline> baselines;
  private final @Nullable Usage usage;
  private final Instant now;
  private final List<Finding> findings = new ArrayList<>();

  private record Placed(ScopeName scope, AllowRule rule, boolean byHand) {
    boolean ended(Instant now) {
      return rule.rule().provenance().endedAt(now);
    }
  }

  private Lint(
      AllowLists lists,
      Map<Owner, List<AllowRule>> byHand,
      Map<Owner, Baseline> baselines,
      @Nullable Usage usage,
      Instant now) {
    var all = new ArrayList<Placed>();
    lists
        .all()
        .forEach(
            list ->
                list.rules().forEach(rule -> all.add(new Placed(list.workload(), rule, false))));
    byHand.forEach(
        (owner, theirs) ->
            theirs.forEach(rule -> all.add(new Placed(new ScopeName.One(owner), rule, true))));
    this.rules = List.copyOf(all);
    this.baselines = baselines;
    this.usage = usage;
    this.now = now;
  }

  /**
   * Everything to be said, in the order of the rules.
   *
   * @param baselines what is enforced; may be empty
   * @param usage when rules were needed, or null when nobody watched
   */
  public static List<Finding> of(
      AllowLists lists, Map<Owner, Baseline> baselines, @Nullable Usage usage, Instant now) {
    return of(lists, Map.of(), baselines, usage, now);
  }

  /**
   * The same with rules that people made by hand on a server, after those of the lists.
   *
   * @param byHand in the order of the findings
   */
  public static List<Finding> of(
      AllowLists lists,
      Map<Owner, List<AllowRule>> byHand,
      Map<Owner, Baseline> baselines,
      @Nullable Usage usage,
      Instant now) {
    var lint = new Lint(lists, byHand, baselines, usage, now);
    for (var i = 0; i < lint.rules.size(); i++) {
      lint.look(i);
    }
    return List.copyOf(lint.findings);
  }

  private void look(int index) {
    var placed = rules.get(index);
    expiring(placed);
    unused(placed);
    overBroad(placed);
    if (placed.rule.action() == Action.ALLOW) {
      pathOnly(placed);
      shadowed(placed);
    }
    redundant(index);
    inBaseline(placed);
  }

  private void found(Kind kind, Placed placed, String what) {
    findings.add(new Finding(kind, placed.rule.where(), placed.rule.words(), what));
  }

  private void expiring(Placed placed) {
    var until = placed.rule.rule().provenance().until();
    if (until == null) {
      if (placed.byHand && placed.rule.action() == Action.ALLOW) {
        found(
            Kind.ENDLESS,
            placed,
            "no end (what is normal belongs into the baseline: approve its edge and remove the"
                + " rule; else allow it again with an end)");
      }
      return;
    }
    if (!now.isBefore(until)) {
      found(Kind.EXPIRING, placed, "ended at " + until + " (remove it, or set another until)");
    } else if (!now.plus(SOON).isBefore(until)) {
      found(Kind.EXPIRING, placed, "ends at " + until + " (let it, or set another until)");
    }
  }

  private void unused(Placed placed) {
    if (usage == null || now.isBefore(usage.since().plus(LONG))) {
      return;
    }
    var last = usage.lastUsed().get(placed.rule.rule().id());
    if (last == null) {
      found(Kind.UNUSED, placed, "no flow since " + usage.since() + " (remove it)");
    } else if (!now.isBefore(last.plus(LONG))) {
      found(Kind.UNUSED, placed, "no flow since " + last + " (remove it)");
    }
  }

  private void pathOnly(Placed placed) {
    if (placed.rule.rule().strictness() == Strictness.PATH) {
      found(
          Kind.PATH_ONLY,
          placed,
          "strictness path lets this executable run any script (name the script, or its sha256)");
    }
  }

  private void overBroad(Placed placed) {
    if (placed.rule.action() == Action.DENY) {
      return; // a person may deny as much as they like
    }
    if (placed.scope instanceof ScopeName.Mesh) {
      found(Kind.OVER_BROAD, placed, "holds for every workload (name a namespace or a workload)");
    }
    var destination = placed.rule.destination();
    if (destination.place() instanceof Place.Within(var block, _)
        && block.prefix()
            < (block.network().bytes().length == 4 ? SHORTEST_IPV4_PREFIX : SHORTEST_IPV6_PREFIX)) {
      found(Kind.OVER_BROAD, placed, block + " is a large part of a network (name a host)");
    }
    if (destination.ports().size() > MANY_PORTS) {
      found(Kind.OVER_BROAD, placed, destination.ports().size() + " ports (name those in use)");
    }
    var process = placed.rule.rule().process();
    var path = process.path();
    if (path != null
        && process.program() == null
        && MANY_PROGRAMS.contains(path.substring(path.lastIndexOf('/') + 1))) {
      found(Kind.OVER_BROAD, placed, path + " is many programs (add program:)");
    }
  }

  private void shadowed(Placed placed) {
    for (var other : rules) {
      if (other.rule.action() == Action.DENY
          && !other.ended(now)
          && covers(other.scope, placed.scope)
          && deniesAll(other.rule.rule(), placed.rule.rule())
          && other.rule.destination().includes(placed.rule.destination())) {
        found(
            Kind.SHADOWED,
            placed,
            "never allows anything: " + other.rule.where() + " denies all of it (remove one)");
        return;
      }
    }
  }

  private static boolean deniesAll(HandRule deny, HandRule allow) {
    return deny.process().includes(allow.process())
        && (deny.sha256() == null || deny.sha256().equals(allow.sha256()))
        && (deny.scriptSha256() == null || deny.scriptSha256().equals(allow.scriptSha256()));
  }

  private void redundant(int index) {
    var placed = rules.get(index);
    for (var i = 0; i < rules.size(); i++) {
      var other = rules.get(i);
      if (i != index
          && makesRedundant(other, placed)
          && (i < index || !makesRedundant(placed, other))) {
        found(Kind.REDUNDANT, placed, other.rule.where() + " says so already (remove this one)");
        return;
      }
    }
  }

  private boolean makesRedundant(Placed one, Placed other) {
    return one.rule.action() == other.rule.action()
        && !one.ended(now)
        && lastsAsLong(one.rule.rule().provenance(), other.rule.rule().provenance())
        && covers(one.scope, other.scope)
        && one.rule.destination().includes(other.rule.destination())
        && (one.rule.action() == Action.DENY
            ? deniesAll(one.rule.rule(), other.rule.rule())
            : allowsAll(one.rule.rule(), other.rule.rule()));
  }

  private static boolean lastsAsLong(Provenance.ByHand one, Provenance.ByHand other) {
    return one.until() == null || (other.until() != null && !one.until().isBefore(other.until()));
  }

  /** A rule with a hash may allow what is not from the image, so only another one replaces it. */
  private static boolean allowsAll(HandRule one, HandRule other) {
    var hash = one.strictness() == Strictness.HASH;
    return one.process().includes(other.process())
        && hash == (other.strictness() == Strictness.HASH)
        && (!hash
            || (java.util.Objects.equals(one.sha256(), other.sha256())
                && java.util.Objects.equals(one.scriptSha256(), other.scriptSha256())));
  }

  private void inBaseline(Placed placed) {
    if (placed.rule.action() != Action.ALLOW
        || !(placed.scope instanceof ScopeName.One(var owner))
        || placed.rule.rule().strictness() == Strictness.HASH) {
      return;
    }
    var baseline = baselines.get(owner);
    if (baseline == null) {
      return;
    }
    for (var edge : baseline.edges()) {
      if (edge.strictness() == Strictness.CLASS && isAllOf(edge, placed.rule)) {
        found(
            Kind.REDUNDANT,
            placed,
            "the baseline "
                + baseline.revision()
                + " knows it by now ("
                + edge.id()
                + "; remove the rule)");
        return;
      }
    }
  }

  /** Whether the edge is the only class that the rule can mean, and reaches as far. */
  private static boolean isAllOf(Edge edge, AllowRule rule) {
    var process = rule.rule().process();
    return process.path() != null
        && process.covers(edge.process())
        && (process.ancestors() == null || process.ancestors().equals(edge.process().ancestors()))
        && !(process.script() instanceof ScriptPattern.AnyOrNone)
        && edge.destination()
            instanceof DestinationPattern.Exact(var name, var weakest, var port, var protocol)
        && new Written(new Place.Named(name, weakest), new Ports(port, port), protocol)
            .includes(rule.destination());
  }

  private static boolean covers(ScopeName one, ScopeName other) {
    return switch (other) {
      case ScopeName.One(var owner) -> one.covers(owner);
      case ScopeName.Namespace _ -> one instanceof ScopeName.Mesh || one.equals(other);
      case ScopeName.Mesh() -> one instanceof ScopeName.Mesh;
    };
  }
}
