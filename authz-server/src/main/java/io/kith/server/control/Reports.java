package io.kith.server.control;

import io.kith.baselines.allow.AllowLists;
import io.kith.baselines.allow.AllowRule;
import io.kith.baselines.allow.Finding;
import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Verified;
import io.kith.baselines.change.Revisions;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.edge.EdgeState;
import io.kith.baselines.identity.Owner;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What people read of a control state. Thread-safe, answers from memory. */
public final class Reports {
  /** Of who changed a mode and waits for what became of it, half a minute at most. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final ControlSettings settings;
  private final Workloads workloads;
  private final Fold fold;
  private final Supplier<AllowLists> lists;
  private final RuleUse use;
  private final Drafts drafts;
  private final InstantSource clock;
  private final Instant since;

  Reports(
      ControlSettings settings,
      Workloads workloads,
      Fold fold,
      Supplier<AllowLists> lists,
      RuleUse use,
      Drafts drafts,
      InstantSource clock) {
    this.settings = settings;
    this.workloads = workloads;
    this.fold = fold;
    this.lists = lists;
    this.use = use;
    this.drafts = drafts;
    this.clock = clock;
    this.since = clock.instant();
  }

  private WorkloadView view(GovernedWorkload workload) {
    return new WorkloadView(workload, settings.keptInMemory(), clock.instant());
  }

  List<WorkloadState> states() {
    return workloads.inOrder().stream().map(workload -> view(workload).state()).toList();
  }

  /**
   * Edges, rules by hand first.
   *
   * @param owner null for every workload
   * @param reviewOnly only what waits for a person
   */
  public List<KnownEdge> edges(@Nullable Owner owner, boolean reviewOnly) throws RefusedException {
    return workloads.asked(owner).stream()
        .map(this::view)
        .flatMap(view -> (reviewOnly ? view.review() : view.edges()).stream())
        .toList();
  }

  /** How many edges of a workload wait for a person. */
  public int reviewItems(Owner owner) throws RefusedException {
    return view(workloads.known(owner)).review().size();
  }

  /**
   * The same of those that are enforced, and that no scope within this one speaks for.
   *
   * @return null where they are too many to be looked at in some seconds
   */
  public @Nullable Integer reviewItems(ScopeName scope) {
    var modes = fold.modes();
    var until = clock.instant().plus(PATIENCE);
    var items = 0;
    for (var workload : workloads.inOrder()) {
      if (workload.mode() == Mode.ENFORCE && modes.governs(scope, workload.owner())) {
        var view = view(workload);
        if (view.now().isAfter(until)) {
          return null;
        }
        items += view.review().size();
      }
    }
    return items;
  }

  /** How far learning is. */
  public List<WorkloadCoverage> coverage(@Nullable Owner owner) throws RefusedException {
    return workloads.asked(owner).stream().map(this::coverage).toList();
  }

  private WorkloadCoverage coverage(GovernedWorkload workload) {
    var learner = workload.learning().seen();
    var edges = learner.edges();
    return new WorkloadCoverage(
        workload.owner(),
        learner.startedAt(),
        learner.deficit(),
        workload.speaks() ? learner.waitsFor(clock.instant()) : List.of(),
        learner.starts(),
        workload.approved().size(),
        WorkloadView.count(edges, EdgeState.CANDIDATE),
        WorkloadView.count(edges, EdgeState.OBSERVED),
        WorkloadView.count(edges, EdgeState.QUARANTINED),
        view(workload).review().size(),
        learner.dropped(),
        workload.unread(),
        workload.standing().vouchers().size(),
        view(workload).stage(),
        workload.standing().life().newestEntry());
  }

  /**
   * How far all workloads are together.
   *
   * @param stages how many workloads are at each stage
   * @param reviewItems edges that wait for a person
   */
  public record Totals(
      Map<WorkloadState.Stage, Long> stages,
      long approved,
      long candidates,
      long quarantined,
      long reviewItems) {
    public Totals {
      stages = Map.copyOf(stages);
    }
  }

  /** Looks at every edge of every workload. */
  public Totals totals() {
    var stages = new EnumMap<WorkloadState.Stage, Long>(WorkloadState.Stage.class);
    long approved = 0;
    long candidates = 0;
    long quarantined = 0;
    long reviewItems = 0;
    for (var workload : workloads.inOrder()) {
      var view = view(workload);
      var edges = workload.learning().seen().edges();
      stages.merge(view.stage(), 1L, Long::sum);
      approved += workload.approved().size();
      candidates += WorkloadView.count(edges, EdgeState.CANDIDATE);
      quarantined += WorkloadView.count(edges, EdgeState.QUARANTINED);
      reviewItems += view.review().size();
    }
    return new Totals(stages, approved, candidates, quarantined, reviewItems);
  }

  /** The images of a workload that were seen, with the first start of each. */
  public Map<String, Instant> images(Owner owner) {
    var workload = workloads.find(owner);
    return workload == null ? Map.of() : workload.learning().seen().images();
  }

  /** Who acknowledged an edge or a decision, or null. */
  public @Nullable Acknowledgement acknowledgement(Owner owner, String id) {
    return fold.of(owner).acknowledged().get(id);
  }

  /**
   * A revision with what its signatures are worth.
   *
   * @param signedBy id of the key
   * @param problem why it may not decide, or null
   * @param toApprove edges that an approver has still to sign
   */
  public record Revision(
      Revisions.Entry entry, String signedBy, @Nullable String problem, List<Edge> toApprove) {
    public Revision {
      toApprove = List.copyOf(toApprove);
    }
  }

  /** The revisions of a workload, newest first. */
  public List<Revision> revisions(Owner owner) throws RefusedException {
    workloads.known(owner);
    var life = fold.of(owner).life();
    return life.revisions().entries().reversed().stream()
        .map(entry -> revision(life, entry))
        .toList();
  }

  /** One of them, by its id or the word of its state; null for the newest. */
  public Revision revision(Owner owner, @Nullable String id) throws RefusedException {
    workloads.known(owner);
    var life = fold.of(owner).life();
    var baseline = BaselineVerbs.find(owner, life, id);
    for (var entry : life.revisions().entries()) {
      if (entry.baseline().revision().equals(baseline.revision())) {
        return revision(life, entry);
      }
    }
    throw RefusedException.notFound("'" + id + "' is not a revision of " + owner);
  }

  private Revision revision(Life life, Revisions.Entry entry) {
    var id = entry.baseline().revision();
    SignedBaseline text = life.signed(id);
    if (text == null) {
      return new Revision(entry, "", "its signed text is not kept", List.of());
    }
    return new Revision(
        entry,
        text.signature().keyId(),
        text.verify(fold.keys()) instanceof Verified.Refused(var why) ? why : null,
        life.unapproved(entry.baseline(), fold.keys()));
  }

  /** Rules that people wrote: by hand, in files and in objects of the cluster. */
  public List<Rule> rules(@Nullable Owner owner) throws RefusedException {
    var rules = new ArrayList<Rule>();
    for (var workload : workloads.asked(owner)) {
      var standing = workload.standing();
      for (var action : Rule.Action.values()) {
        for (var edge : Rule.edges(standing, action, clock.instant())) {
          rules.add(
              Rule.byHand(workload.owner(), action, edge)
                  .usedAt(use.of(edge.id(), RuleByHand.of(edge).words())));
        }
      }
      lists
          .get()
          .all()
          .filter(list -> list.workload().covers(workload.owner()))
          .flatMap(list -> list.rules().stream())
          .forEach(rule -> rules.add(written(workload.owner(), rule)));
    }
    return rules;
  }

  private Rule written(Owner owner, AllowRule written) {
    var rule = written.rule();
    var by = rule.provenance();
    return new Rule(
        rule.id(),
        owner,
        switch (written.action()) {
          case ALLOW -> Rule.Action.ALLOW;
          case DENY -> Rule.Action.DENY;
        },
        rule.process().words(),
        written.destination().words(),
        by.by(),
        by.note(),
        by.until(),
        written.where(),
        use.of(rule.id(), rule.words()));
  }

  /**
   * What should not stay of allow-lists, rules by hand and baselines.
   *
   * @param owner only what is about this workload, or null for all
   */
  public List<Finding> lint(@Nullable Owner owner) throws RefusedException {
    if (owner != null) {
      workloads.known(owner);
    }
    return new LintReport(
            workloads, settings.directory(), lists.get(), use, drafts, since, clock.instant())
        .of(owner);
  }
}
