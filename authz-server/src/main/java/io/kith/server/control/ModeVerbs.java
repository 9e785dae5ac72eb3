package io.kith.server.control;

import io.kith.baselines.bundle.SignedBaseline;
import io.kith.baselines.bundle.SignedBaseline.Approval;
import io.kith.baselines.change.RevisionState;
import io.kith.baselines.change.Revisions;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.edge.Baseline;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** How people change modes. */
final class ModeVerbs {
  private final Workloads workloads;
  private final Journal journal;
  private final ServerKeys keys;
  private final Consumer<AuditEntry> audit;
  private volatile BooleanSupplier clusterAnswers = () -> false;

  ModeVerbs(Workloads workloads, Journal journal, ServerKeys keys, Consumer<AuditEntry> audit) {
    this.workloads = workloads;
    this.journal = journal;
    this.keys = keys;
    this.audit = audit;
  }

  /** Asks from now on whether objects of a cluster can be changed by people. */
  void clusterAnswers(BooleanSupplier answers) {
    clusterAnswers = answers;
  }

  /**
   * Sets the mode of a scope. Enforce puts the waiting revisions of the workloads that the scope
   * speaks for in force, shadow puts them into shadow; no other mode forgets any.
   *
   * @param revision of one workload, the one that waits, or decides where none does; null for
   *     whichever
   */
  ModeChange set(ScopeName scope, Mode mode, @Nullable String revision, String note, String by)
      throws RefusedException {
    var change =
        change(
            note,
            by,
            fold -> {
              requireCovered(scope);
              requireNoOther(fold.modes().inForce(scope), scope, mode);
              requireRevision(fold, scope, mode, revision);
              var next = fold.modes().with(scope, mode);
              return new Journal.Drafted<>(
                  new Amendment.SetMode(scope, mode, steps(fold, next, scope, mode)),
                  ModeChange.of(scope, fold.modes(), next));
            });
    audit.accept(
        new AuditEntry("mode", scope.toString(), by, note, change.before().word(), mode.word()));
    return change;
  }

  /**
   * Takes back what a command said of a scope. Puts no revision in force: what was proposed
   * meanwhile waits for a person, as after an object that counts again.
   */
  ModeChange inherit(ScopeName scope, String note, String by) throws RefusedException {
    var change =
        change(
            note,
            by,
            fold -> {
              requireCommanded(fold.modes(), scope);
              var next = fold.modes().inherited(scope);
              var made = ModeChange.of(scope, fold.modes(), next);
              requireBaselines(fold, scope, made);
              return new Journal.Drafted<>(new Amendment.InheritMode(scope, made.mode()), made);
            });
    audit.accept(
        new AuditEntry(
            "inherit",
            scope.toString(),
            by,
            note,
            change.before().word(),
            change.mode().word() + ", set by " + change.from()));
    return change;
  }

  private ModeChange change(String note, String by, Journal.Draft<ModeChange> draft)
      throws RefusedException {
    Notes.require(note, "why the mode changes");
    return journal.add(by, note, draft).result();
  }

  /** Of a workload that is not known any more a command may have said something, too. */
  private void requireCommanded(Modes modes, ScopeName scope) throws RefusedException {
    if (!modes.commanded().containsKey(scope)) {
      requireCovered(scope);
      throw RefusedException.precondition(
          "kith mode said nothing of "
              + scope
              + ": its mode, "
              + modes.of(scope).word()
              + ", comes from "
              + modes.origin(scope));
    }
  }

  /** Whoever enters enforce has a baseline in force. */
  private void requireBaselines(Fold fold, ScopeName scope, ModeChange change)
      throws RefusedException {
    if (change.before() == Mode.ENFORCE || change.mode() != Mode.ENFORCE) {
      return;
    }
    var without = new ArrayList<String>();
    for (var workload : workloads.inOrder()) {
      var owner = workload.owner();
      if (fold.modes().governs(scope, owner)
          && workload.speaks()
          && fold.of(owner).life().enforced() == null) {
        without.add(owner.toString());
      }
    }
    if (!without.isEmpty()) {
      throw RefusedException.precondition(
          "enforce, set by "
              + change.from()
              + ", and no baseline in force yet: "
              + String.join(", ", without)
              + " (kith mode OWNER enforce --note TEXT puts a proposed one in force; where none is,"
              + " end learning first: kith learn finish OWNER --note TEXT; to have it"
              + " observe on: kith mode OWNER observe --note TEXT)");
    }
  }

  private void requireCovered(ScopeName scope) throws RefusedException {
    switch (scope) {
      case ScopeName.Mesh() -> {}
      case ScopeName.One(var owner) -> workloads.known(owner);
      case ScopeName.Namespace(var name) -> {
        if (workloads.isEmpty(scope::covers)) {
          throw RefusedException.notFound(
              "namespace '"
                  + name
                  + "' has no workload (expected: one of "
                  + workloads.namespaces()
                  + ")");
        }
      }
    }
  }

  /** Others may have proposed another since somebody looked. */
  private static void requireRevision(
      Fold fold, ScopeName scope, Mode mode, @Nullable String revision) throws RefusedException {
    if (revision == null) {
      return;
    }
    if (mode == Mode.OBSERVE || !(scope instanceof ScopeName.One(var owner))) {
      throw RefusedException.invalid(
          "revision: '" + revision + "' (expected: only with shadow or enforce of one workload)");
    }
    var life = fold.of(owner).life();
    var waiting = life.waiting();
    var next = waiting == null ? life.enforced() : waiting.baseline();
    if (next == null || !next.revision().equals(revision)) {
      throw RefusedException.precondition(
          owner
              + " has "
              + (next == null ? "no revision" : next.revision())
              + ", and not "
              + revision
              + ": others changed it meanwhile (kith revisions "
              + owner
              + " says who)");
    }
  }

  /** As long as the cluster answers, what it says of a scope is changed there. */
  private void requireNoOther(@Nullable DeclaredScope said, ScopeName scope, Mode mode)
      throws RefusedException {
    if (said != null && said.mode() != mode && clusterAnswers.getAsBoolean()) {
      throw RefusedException.precondition(
          said.words()
              + " sets the mode of "
              + scope
              + ": "
              + said.mode().word()
              + " (change that object"
              + helm(said, scope, mode)
              + ", or set the mode of a workload within it)");
    }
  }

  /** The chart's object of a namespace is called as the chart is. */
  private static String helm(DeclaredScope said, ScopeName scope, Mode mode) {
    return scope instanceof ScopeName.Namespace(var name) && said.object().equals(name + "/kith")
        ? "; where it is the chart's: helm upgrade … --set scopes." + name + "=" + mode.word()
        : "";
  }

  /**
   * Revisions that an object's mode brings with it: of those that may decide, as a command would.
   * What may not, or is not there, stays as it is: the workload observes meanwhile.
   */
  List<Amendment.SetMode.Step> stepsOf(Fold fold, ScopeName scope, DeclaredScope said) {
    var steps = new ArrayList<Amendment.SetMode.Step>();
    var next = fold.modes().declared(scope, said);
    for (var workload : workloads.inOrder()) {
      if (said.mode() == Mode.OBSERVE || !next.governs(scope, workload.owner())) {
        continue;
      }
      var life = fold.of(workload.owner()).life();
      var waiting = life.waiting();
      if (waiting == null) {
        continue;
      }
      if (said.mode() == Mode.ENFORCE) {
        try {
          steps.add(enforced(life, waiting, fold));
        } catch (RefusedException _) {
          // its condition says who has to approve
        }
      } else if (waiting.state() == RevisionState.PROPOSED) {
        steps.add(step(waiting.baseline(), List.of()));
      }
    }
    return steps;
  }

  private List<Amendment.SetMode.Step> steps(Fold fold, Modes next, ScopeName scope, Mode mode)
      throws RefusedException {
    if (mode == Mode.OBSERVE) {
      return List.of();
    }
    var steps = new ArrayList<Amendment.SetMode.Step>();
    var without = new ArrayList<String>();
    for (var workload : workloads.inOrder()) {
      if (!next.governs(scope, workload.owner())) {
        continue;
      }
      var life = fold.of(workload.owner()).life();
      var waiting = life.waiting();
      if (mode == Mode.ENFORCE && waiting != null) {
        steps.add(enforced(life, waiting, fold));
      } else if (mode == Mode.ENFORCE && workload.speaks() && life.enforced() == null) {
        without.add(workload.owner().toString());
      } else if (waiting != null && waiting.state() == RevisionState.PROPOSED) {
        steps.add(step(waiting.baseline(), List.of()));
      }
    }
    if (!without.isEmpty()) {
      throw RefusedException.precondition(
          "no baseline yet: "
              + String.join(", ", without)
              + " (end learning first: kith learn finish OWNER --note TEXT)");
    }
    return steps;
  }

  /** The person who enforces is who approves, where the server may sign that. */
  private Amendment.SetMode.Step enforced(Life life, Revisions.Entry waiting, Fold fold)
      throws RefusedException {
    var baseline = waiting.baseline();
    var missing = life.unapproved(baseline, fold.keys());
    if (missing.isEmpty()) {
      return step(baseline, List.of());
    }
    var approver = keys.approver();
    if (approver == null) {
      throw RefusedException.precondition(
          baseline.owner()
              + ": "
              + missing.size()
              + " edges of "
              + baseline.revision()
              + " leave the mesh and no approver signed them: "
              + missing.getFirst().words()
              + (missing.size() > 1 ? ", …" : "")
              + " (kith approve "
              + baseline.owner()
              + " --key FILE)");
    }
    return step(baseline, List.of(SignedBaseline.approve(baseline.owner(), missing, approver)));
  }

  private static Amendment.SetMode.Step step(Baseline baseline, List<Approval> approvals) {
    return new Amendment.SetMode.Step(baseline.owner(), baseline.revision(), approvals);
  }
}
