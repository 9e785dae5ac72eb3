package io.kith.server.control;

import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.yaml.Problem;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * How objects of a cluster change what a server decides by.
 *
 * <p>What they say is written into the log of changes, so that it outlives the server and an API
 * server that is down, and reaches check servers; nothing is written that the log says already.
 * Thread-safe.
 */
public final class ClusterVerbs {
  /** Characters of an allow-list. */
  private static final int MAX_TEXT = 1 << 19;

  private final Workloads workloads;
  private final Journal journal;
  private final Fold fold;
  private final ModeVerbs modes;
  private final Consumer<AuditEntry> audit;
  private volatile ClusterHealth health = ClusterHealth.NONE;
  private volatile BooleanSupplier mayWrite = () -> true;

  ClusterVerbs(
      Workloads workloads,
      Journal journal,
      Fold fold,
      ModeVerbs modes,
      Consumer<AuditEntry> audit) {
    this.workloads = workloads;
    this.journal = journal;
    this.fold = fold;
    this.modes = modes;
    this.audit = audit;
  }

  /**
   * Tells from now on how the objects are followed.
   *
   * @param answers whether objects can be changed by people now; while they cannot, a command may
   *     set a mode that an object sets
   * @param mayWrite whether this server, of several, is the one that writes what they say; asked
   *     before each attempt, since another may have been first where this one was stopped meanwhile
   */
  public void follow(ClusterHealth followed, BooleanSupplier answers, BooleanSupplier mayWrite) {
    health = followed;
    modes.clusterAnswers(answers);
    this.mayWrite = mayWrite;
  }

  private void requireMayWrite() throws RefusedException {
    if (!mayWrite.getAsBoolean()) {
      throw RefusedException.precondition("this server does not hold the Lease any more");
    }
  }

  /** How they are followed. */
  public ClusterHealth health() {
    return health;
  }

  /** The allow-lists in force, as text, by object. */
  public Map<String, String> lists() {
    return fold.lists().texts();
  }

  /** What objects say of scopes, in force but for the modes that a command overrules. */
  public Map<ScopeName, DeclaredScope> scopes() {
    return fold.modes().declared();
  }

  /**
   * What is wrong with the text of an allow-list.
   *
   * @param mayName whom the object may speak for
   * @param whom the same in words
   * @return all problems, empty when it may be in force
   */
  public List<Problem> problems(
      String object, String text, Predicate<ScopeName> mayName, String whom) {
    if (text.length() > MAX_TEXT) {
      return List.of(
          new Problem(
              ClusterLists.nameOf(object),
              "spec.rules",
              text.length()
                  + " characters (expected: at most "
                  + MAX_TEXT
                  + "; make several objects of it)"));
    }
    return fold.lists().problems(object, text, mayName, whom);
  }

  /** Rules of an object that are in force. */
  public int rules(String object) {
    return fold.lists()
        .lists()
        .all()
        .filter(list -> list.name().equals(ClusterLists.nameOf(object)))
        .mapToInt(list -> list.rules().size())
        .sum();
  }

  /**
   * Puts an allow-list in force, or out of it.
   *
   * @param text without problems; null: there is no such object any more
   * @param by who wrote the object, as far as it says
   * @return whether something changed
   * @throws RefusedException when the store does not take it, or this server may not write
   */
  public boolean write(String object, @Nullable String text, String by) throws RefusedException {
    var added =
        journal.add(
            by,
            text == null ? "the object is gone" : "the object says so",
            now -> {
              requireMayWrite();
              var before = now.lists().texts().get(object);
              return new Journal.Drafted<>(
                  Objects.equals(before, text) ? null : new Amendment.WriteList(object, text),
                  ClusterLists.sizeOf(before));
            });
    if (added.changed()) {
      audit.accept(
          new AuditEntry(
              "list",
              ClusterLists.nameOf(object),
              by,
              "the object says so",
              added.result(),
              ClusterLists.sizeOf(text)));
    }
    return added.changed();
  }

  /**
   * Governs a scope as an object says. When its mode changes, enforce and shadow bring the
   * revisions that wait with them, as a command does; a workload without one observes on. An object
   * that says again what it said brings none, also where a command overruled it meanwhile.
   *
   * @param said null: no object speaks of the scope any more
   * @param by who wrote the object, as far as it says
   * @return whether something changed
   * @throws RefusedException when the store does not take it, or this server may not write
   */
  public boolean declare(ScopeName scope, @Nullable DeclaredScope said, String by)
      throws RefusedException {
    var added =
        journal.add(
            by,
            said == null ? "no object speaks of it any more" : said.words() + " says so",
            now -> {
              requireMayWrite();
              var before = now.modes().declared().get(scope); // overruled or not
              return new Journal.Drafted<>(
                  Objects.equals(before, said) && !now.modes().overruled().contains(scope)
                      ? null
                      : new Amendment.Declare(
                          scope,
                          said,
                          said == null || (before != null && before.mode() == said.mode())
                              ? List.of()
                              : modes.stepsOf(now, scope, said)),
                  now.modes().of(scope).word());
            });
    if (added.changed()) {
      audit.accept(
          new AuditEntry(
              "declare",
              scope.toString(),
              by,
              said == null ? "no object speaks of it any more" : said.words() + " says so",
              added.result(),
              fold.modes().of(scope).word()));
    }
    return added.changed();
  }

  /** The mode of each scope that has one of its own, whoever set it. */
  public Map<ScopeName, Mode> modes() {
    return fold.modes().all();
  }

  /** The scope that sets the mode of a workload; null where that is the default. */
  public @Nullable ScopeName governing(Owner owner) {
    return fold.modes().governing(owner);
  }

  /**
   * How far a scope's mode is in force.
   *
   * @param workloads those that no more specific scope speaks for
   * @param waiting those that are asked to enforce and do not, in order, with what each waits for
   */
  public record Reached(int workloads, List<Waiting> waiting) {
    public Reached {
      waiting = List.copyOf(waiting);
    }
  }

  /**
   * A workload that does not enforce yet.
   *
   * @param proposed whether a baseline is there, which a person has to put in force
   */
  public record Waiting(Owner owner, boolean proposed) {}

  /** Of each scope of which an object speaks and that sets the mode of a known workload. */
  public Map<ScopeName, Reached> reached() {
    var asked = fold.modes();
    var counts = new HashMap<ScopeName, Integer>();
    var waiting = new HashMap<ScopeName, List<Waiting>>();
    for (var workload : workloads.inOrder()) {
      var scope = asked.governing(workload.owner());
      if (scope == null || !asked.declared().containsKey(scope)) {
        continue;
      }
      counts.merge(scope, 1, Integer::sum);
      if (workload.asked() == Mode.ENFORCE
          && workload.speaks()
          && workload.mode() != Mode.ENFORCE) {
        var proposed = workload.standing().life().waiting() != null;
        waiting
            .computeIfAbsent(scope, _ -> new ArrayList<>())
            .add(new Waiting(workload.owner(), proposed));
      }
    }
    var reached = new HashMap<ScopeName, Reached>();
    counts.forEach(
        (scope, count) ->
            reached.put(scope, new Reached(count, waiting.getOrDefault(scope, List.of()))));
    return reached;
  }

  /** Where the workloads may go, together, whose mode each of these scopes sets. */
  public Map<ScopeName, Approvals> approvals(Set<ScopeName> scopes) {
    var asked = fold.modes();
    var unions = new HashMap<ScopeName, Approvals.Union>();
    scopes.forEach(scope -> unions.put(scope, new Approvals.Union()));
    for (var workload : workloads.inOrder()) {
      var union = unions.get(asked.governing(workload.owner()));
      if (union != null) {
        union.add(workload.approvals());
      }
    }
    var approvals = new HashMap<ScopeName, Approvals>();
    unions.forEach((scope, union) -> approvals.put(scope, union.made()));
    return approvals;
  }

  /** What sets the mode of a workload, for people. */
  public String originOfMode(Owner owner) {
    return fold.modes().origin(owner);
  }
}
