package io.kith.server.control;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.allow.AllowLists;
import io.kith.baselines.config.Inbound;
import io.kith.baselines.config.KithConfig;
import io.kith.baselines.config.KithConfig.ScopeEntry;
import io.kith.baselines.config.ScopeName;
import io.kith.baselines.decision.Mode;
import io.kith.baselines.decision.Snapshot;
import io.kith.baselines.decision.Verdict.Deny;
import io.kith.baselines.destination.PublicSuffixes;
import io.kith.baselines.edge.Baseline;
import io.kith.baselines.edge.HandRules;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import io.kith.baselines.identity.Workload;
import io.kith.baselines.identity.WorkloadDirectory;
import io.kith.baselines.learning.LearningSettings;
import io.kith.baselines.learning.Proposal;
import io.kith.baselines.store.Entry;
import io.kith.baselines.store.LearnedPart;
import io.kith.baselines.store.StoreException;
import io.kith.server.check.CheckRecord;
import io.kith.server.check.NodeBridges;
import io.kith.server.check.PodSource;
import io.kith.server.check.Policy;
import io.kith.server.check.Sidecars;
import io.kith.server.store.InMemoryStore;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The control side of one server: the log of changes folded into what it decides by, what it
 * learns, and the latest decisions.
 *
 * <p>The check path reads compiled snapshots without a lock and hands in its answers; what people
 * ask for reads the rest, or changes it through the log. A workload enters enforce only by a person
 * and only with a baseline. Thread-safe.
 */
public final class ControlState implements Policy, AutoCloseable {
  private static final System.Logger AUDIT = System.getLogger("io.kith.audit");
  private static final System.Logger LOG = System.getLogger(ControlState.class.getName());

  /** Bridges say how they are every 30 s. */
  private static final Duration BRIDGES_REMEMBERED = Duration.ofMinutes(10);

  private final ControlSettings settings;
  private final InstantSource clock;
  private final Fold fold;
  private final Workloads workloads;
  private final @Nullable History history;
  private final Journal journal;
  private final RunningPods pods;
  private final Sidecars sidecars;
  private final NodeBridges nodeBridges = new NodeBridges();
  private final VerdictCounts counts = new VerdictCounts();
  private final DecisionLog log = new DecisionLog();
  private final RuleUse use = new RuleUse();
  private final FleetDenials fleetDenials = new FleetDenials();
  private final OtherDecisions others;
  private final Lessons lessons;
  private final LongAdder dropped = new LongAdder();
  private final LongAdder late = new LongAdder();
  private final LongAdder routine = new LongAdder();
  private final AllowListFiles files;
  private final LearnedParts parts;
  private final ModeVerbs modes;
  private final ClusterVerbs cluster;
  private final BaselineVerbs baselines;
  private final RuleVerbs rules;
  private final Imports imports;
  private final Proposals proposals;
  private final Reports reports;
  private final Answers answers;
  private final @Nullable Holdings holdings;
  private final Queue<Workload> appeared = new ConcurrentLinkedQueue<>();
  private final Set<String> failing = ConcurrentHashMap.newKeySet(); // steps, and that was said

  /** The log is read to its end, so what comes now is new. */
  private volatile boolean live;

  private ControlState(
      ControlSettings settings,
      AllowListFiles files,
      @Nullable EntryCopy copy,
      InstantSource clock,
      Consumer<AuditEntry> audit) {
    this.settings = settings;
    this.clock = requireNonNull(clock, "clock");
    this.files = files;
    var keys = settings.keys();
    var following = settings.following();
    this.holdings =
        following == null || following.all()
            ? null
            : new Holdings(settings.directory(), new Loading(), clock);
    this.fold =
        new Fold(Modes.of(settings.scopes()), keys.ring(), settings.suffixes(), this::isHeld);
    this.workloads =
        new Workloads(
            new Learners(settings.learning(), settings.suffixes()), fold, this::written, clock);
    this.others = new OtherDecisions(log, this::knownAs);
    this.history = following == null ? new History() : null;
    this.journal =
        new Journal(
            settings.store(),
            keys.learner(),
            fold,
            settings.mark(),
            copy,
            clock,
            history,
            audit,
            this::applied);
    this.sidecars = new Sidecars(clock);
    this.pods = new RunningPods(workloads, settings.directory());
    this.parts = new LearnedParts(settings.store(), settings.replica(), keys, workloads);
    this.modes = new ModeVerbs(workloads, journal, keys, audit);
    var drafts = new Drafts(keys, settings.learning().stale());
    this.baselines = new BaselineVerbs(workloads, journal, keys, drafts, clock, audit);
    this.proposals = new Proposals(workloads, journal, drafts, clock);
    this.rules = new RuleVerbs(workloads, log, journal, keys, clock, audit);
    this.imports =
        new Imports(
            workloads,
            journal,
            keys,
            baselines,
            settings.suffixes(),
            () ->
                settings.directory().all().stream()
                    .map(Workload::environment)
                    .collect(Collectors.toSet()),
            clock,
            audit);
    this.cluster = new ClusterVerbs(workloads, journal, fold, this.modes, audit);
    this.reports = new Reports(settings, workloads, fold, this::lists, use, drafts, clock);
    this.lessons =
        new Lessons(
            workloads, pods, log, use, following == null ? journal : null, fleetDenials, clock);
    this.answers = new Answers(settings.queue(), this::learn);
  }

  /** What people wrote of a workload in files and in objects of the cluster. */
  private HandRules written(Owner owner) {
    var inFiles = files.of(owner);
    var inCluster = fold.lists().lists().of(owner);
    return inCluster.equals(HandRules.NONE)
        ? inFiles
        : new HandRules(
            Stream.concat(inFiles.allowed().stream(), inCluster.allowed().stream()).toList(),
            Stream.concat(inFiles.denied().stream(), inCluster.denied().stream()).toList());
  }

  private AllowLists lists() {
    return files.lists().and(fold.lists().lists());
  }

  private void learn(CheckRecord answered) {
    lessons.read(answered);
    if (holdings != null && answered.workload() != null) {
      holdings.touch(answered.workload().owner());
    }
  }

  /** Of the check servers' decisions: the control servers hold all. */
  private @Nullable Workload knownAs(Owner owner) {
    var governed = workloads.find(owner);
    return governed == null ? null : governed.workload();
  }

  /**
   * Governs a workload that the directory gets to know, from the next {@link #tidy} or Check on; it
   * goes on from what was learned of it before.
   */
  private void appears(Workload workload) {
    if (workloads.find(workload.owner()) == null) {
      parts.resumeLater(workload.owner());
      appeared.add(workload);
    }
  }

  private boolean isHeld(Owner owner) {
    return holdings == null || holdings.has(owner);
  }

  /** What a server on a node does for the workloads that come and go. */
  private final class Loading implements Holdings.Loader {
    @Override
    public void load(Workload workload, Runnable begun) throws IOException {
      journal.hold(workload.owner(), begun);
      try {
        var prepared = workloads.prepared(workload);
        parts.resume(prepared);
        workloads.put(prepared);
      } catch (RuntimeException | Error e) {
        journal.release(workload.owner(), () -> {});
        throw e;
      }
    }

    @Override
    public void unload(Owner owner, Runnable begun) {
      var workload = workloads.find(owner);
      workloads.remove(owner);
      journal.release(owner, begun);
      if (workload != null) {
        parts.leave(workload);
      }
    }
  }

  /**
   * The state that the log of a store has, followed from now on.
   *
   * @param audit gets every change that a person makes here
   * @throws StoreException when the store does not answer, and no copy of the log is enough
   * @throws IOException when the log does not reach what this server has seen before, or a file
   *     cannot be read; the message is for people
   */
  public static ControlState open(
      ControlSettings settings,
      AllowListFiles files,
      InstantSource clock,
      Consumer<AuditEntry> audit)
      throws StoreException, IOException {
    var following = settings.following();
    var copy = following == null ? null : EntryCopy.open(following.copy());
    var state = new ControlState(settings, files, copy, clock, audit);
    try {
      state.journal.open();
      if (state.holdings == null) { // after: who cannot open tries again, and is told for ever
        settings.directory().tell(state::appears); // before: what comes meanwhile is there twice
        settings.directory().all().forEach(state.workloads::governed);
      }
      if (following == null) {
        state.parts.resume();
      } else {
        state.parts.resumeOrLater();
      }
      state.live = true;
      files.follow(state.workloads::refreshAll);
      return state;
    } catch (Journal.Untrusted e) {
      state.close();
      throw new IOException(e.getMessage(), e);
    } catch (StoreException | IOException | RuntimeException e) {
      state.close();
      throw e;
    }
  }

  /** Of a server that keeps nothing. */
  static ControlState inMemory(
      WorkloadDirectory directory,
      List<ScopeEntry> scopes,
      LearningSettings learning,
      InstantSource clock,
      int queue,
      Consumer<AuditEntry> audit) {
    var settings =
        new ControlSettings(
            directory,
            scopes,
            learning,
            PublicSuffixes.UNKNOWN,
            ServerKeys.ephemeral(),
            new InMemoryStore(),
            "memory",
            "here",
            null,
            queue);
    try {
      return open(settings, AllowListFiles.none(), clock, audit);
    } catch (StoreException | IOException e) {
      throw new IllegalStateException("memory is always there", e);
    }
  }

  /** As configured, but kept in memory; changes are written to the log {@code io.kith.audit}. */
  public static ControlState of(
      KithConfig config, WorkloadDirectory directory, InstantSource clock) {
    return inMemory(
        directory,
        config.scopes(),
        config.learning(),
        clock,
        ControlSettings.QUEUE,
        ControlState::toLog);
  }

  /** Writes a change to the log {@code io.kith.audit}. */
  public static void toLog(AuditEntry entry) {
    AUDIT.log(Level.INFO, entry::line);
  }

  /** What was learned since it was last asked for, sealed; each part is handed out once. */
  public List<LearnedPart> changedParts(boolean countsToo, int limit) {
    return parts.changed(countsToo, limit);
  }

  /** Times that a learned part was refused: altered, or of a server that is not trusted. */
  public long refusedParts() {
    return parts.refused();
  }

  /** Takes what the other servers learned of a workload, as it is in the store by now. */
  public void readOthers(Owner owner) {
    parts.readOthers(owner);
  }

  /** The same of all workloads, of what is new in the store. */
  public void readOthers() {
    parts.readOthers();
  }

  /** By whichever server the entry was written. */
  private void applied(Entry entry, Amendment amendment, Fold.Outcome.Taken taken) {
    try {
      var now = clock.instant();
      switch (amendment) {
        case Amendment.SetMode _,
            Amendment.InheritMode _,
            Amendment.Declare _,
            Amendment.WriteList _ ->
            workloads.refreshAll(
                owner -> taken.scopes().stream().anyMatch(scope -> scope.covers(owner)));
        case Amendment.Relearn(var owner, var process) -> {
          var workload = workloads.find(owner);
          if (workload != null) {
            workload.relearn(process, now);
            if (live) {
              parts.forget(workload);
            }
          }
        }
        case Amendment.Import _, Amendment.OfWorkload _ ->
            taken
                .changed()
                .keySet()
                .forEach(
                    owner -> {
                      var workload = workloads.find(owner);
                      if (workload != null) {
                        workload.refresh(now);
                      }
                    });
      }
      use.noteNew(amendment, entry.change().at());
    } catch (RuntimeException | Error e) {
      // It is in force: what cannot be compiled does not get here.
      LOG.log(Level.ERROR, "a change was not noted in all places: " + entry.position(), e);
    }
  }

  @Override
  public @Nullable Snapshot ready(Workload workload) {
    if (holdings == null) {
      return workloads.governed(workload).snapshot();
    }
    var held = workloads.find(workload.owner());
    return held == null ? null : held.snapshot();
  }

  @Override
  public Snapshot snapshot(Workload workload) {
    var ready = ready(workload);
    return ready == null ? notYet(workload.owner()) : ready;
  }

  /** The mode, and a baseline without edges: under enforce nothing passes. */
  private Snapshot notYet(Owner owner) {
    var governed = workloads.find(owner);
    var mode = governed == null ? fold.modes().of(owner) : governed.current();
    var nothing = Snapshot.Rules.of(Baseline.of(owner, null, List.of()), List.of());
    return new Snapshot(mode, false, nothing, null);
  }

  @Override
  public String notReady() {
    return holdings == null ? "" : holdings.incomplete();
  }

  @Override
  public @Nullable CompletionStage<?> coming(Workload workload) {
    var governed = workloads.find(workload.owner());
    if (governed == null) {
      return holdings == null ? null : holdings.bring(workload);
    }
    var problem = governed.problem();
    return problem == null ? null : CompletableFuture.failedStage(problem);
  }

  /** Times that a workload could not be compiled; until it can its Checks fail. */
  public long compileFailures() {
    return workloads.failures();
  }

  /** The question makes none known that is not held: it would be decided without its baseline. */
  @Override
  public Inbound inbound(Workload callee) {
    var governed = workloads.find(callee.owner());
    return governed == null ? fold.modes().inbound(callee.owner()) : governed.inbound();
  }

  @Override
  public void record(CheckRecord answered) {
    if (answered.late()) {
      late.increment();
    } else {
      counts.add(answered.decision());
    }
    if (answered.routine()) {
      routine.increment();
      return;
    }
    if (!answers.offer(answered, answered.decision().applied() instanceof Deny)) {
      dropped.increment();
      if (answered.workload() != null && !answered.repeated()) {
        var workload = workloads.find(answered.workload().owner());
        if (workload != null) {
          workload.missed();
        }
      }
    }
  }

  /**
   * Allowed Checks like others a moment ago on the same connection: counted, and the log of
   * decisions has the others.
   */
  public long routine() {
    return routine.sum();
  }

  /**
   * Answers whose details were left out because the queue was full; they are counted all the same.
   */
  public long dropped() {
    return dropped.sum();
  }

  /** Answers whose process became known only after they were given; it was learned from. */
  public long late() {
    return late.sum();
  }

  /**
   * Waits until everything recorded before is learned from and in the log of decisions.
   *
   * @throws InterruptedException when the caller is told to give up
   */
  public void flush() throws InterruptedException {
    answers.flush();
  }

  /**
   * Does what is due without being asked: proposes baselines where learning is complete. To be
   * called every few seconds; never throws, and a step that fails keeps no other from being done.
   */
  public void tidy() {
    step("compile again", workloads::retry);
    step("tell of pods", () -> pods.tell(clock.instant()));
    step("forget sidecars", () -> sidecars.retain(pod -> settings.directory().at(pod) != null));
    step("forget bridges", () -> nodeBridges.forget(BRIDGES_REMEMBERED, clock.instant()));
    step("govern what appeared", this::governAppeared);
    step("catch up", parts::catchUp);
    step("rest", workloads::rest);
    if (settings.following() == null) {
      step("propose", proposals::run);
    }
    if (holdings != null) {
      step("look at what is held", holdings::tidy);
    }
  }

  private void governAppeared() {
    for (var next = appeared.poll(); next != null; next = appeared.poll()) {
      workloads.governed(next);
    }
  }

  /** Says a mistake once, and again when it came back. */
  private void step(String name, Runnable doing) {
    try {
      doing.run();
      if (failing.remove(name)) {
        LOG.log(Level.INFO, "what was due is done again: step={0}", name);
      }
    } catch (RuntimeException | Error e) {
      LOG.log(
          failing.add(name) ? Level.ERROR : Level.DEBUG,
          "what was due was not done; it is tried again: step=" + name,
          e);
    }
  }

  /** How much a check server holds. */
  public record Held(int pods, int workloads) {}

  /** How many pods its bridges registered, and how many workloads it holds. */
  public Held held() {
    return new Held(pods.count(), workloads.count());
  }

  /** The workloads that a server on a node holds; null of one that holds all. */
  public @Nullable Set<Owner> holds() {
    return holdings == null ? null : holdings.owners();
  }

  /**
   * The pods that its bridges registered, by workload, as a check server tells its control server:
   * the first address of each.
   */
  public Map<Owner, Set<IpAddress>> podsByOwner() {
    var following = settings.following();
    var byOwner = new HashMap<Owner, Set<IpAddress>>();
    if (following != null) {
      for (var pod : pods.running()) {
        var workload = Holdings.workloadOf(pod, settings.directory());
        if (workload != null) {
          byOwner.computeIfAbsent(workload.owner(), _ -> new HashSet<>()).add(pod.address());
        }
      }
    }
    return byOwner;
  }

  /** Denials that the guard at a control server would count; each is handed out once. */
  public List<FleetDenial> takeDenials() {
    return fleetDenials.take(clock.instant());
  }

  /**
   * Takes a denial by a check server, at a pod that it holds, to the guard over a new revision.
   *
   * @param running how many pods of the workload all check servers together have
   * @return whether it counts
   */
  public boolean denied(FleetDenial denial, int running) {
    return lessons.read(denial, running);
  }

  /** Decisions that other servers made. */
  public OtherDecisions others() {
    return others;
  }

  /**
   * What this server remembers of its own decisions, all until now included.
   *
   * @throws InterruptedException when the caller is told to give up
   */
  public Elsewhere.Remembered answer(Elsewhere.Question question) throws InterruptedException {
    flush();
    return others.answer(question);
  }

  /**
   * Learns from now on of the pods that a source knows, at every {@link #tidy}; a server on a node
   * holds their workloads as soon as they are there.
   */
  public void follow(PodSource source) {
    pods.follow(source);
    if (holdings != null) {
      holdings.follow(source);
    }
  }

  /** What sidecars' filters do while no server can be asked, as they said here. */
  @Override
  public Sidecars sidecars() {
    return sidecars;
  }

  /** What the bridges of nodes say of themselves, here and at check servers that follow. */
  @Override
  public NodeBridges nodeBridges() {
    return nodeBridges;
  }

  /** What they said of late. */
  public List<NodeBridges.State> recentBridges() {
    return nodeBridges.recent(clock.instant());
  }

  /** Every Check answered so far. */
  public List<VerdictCount> counts() {
    return counts.now();
  }

  /** Every workload, in the order of their owners. */
  public List<WorkloadState> states() {
    return reports.states();
  }

  /**
   * What is known of a workload's edges, rules by hand first.
   *
   * @param owner null for every workload
   */
  public List<KnownEdge> edges(@Nullable Owner owner) throws RefusedException {
    return reports.edges(owner, false);
  }

  /** Refuses a workload that is not known. */
  public void requireKnown(Owner owner) throws RefusedException {
    var _ = workloads.known(owner);
  }

  /**
   * The latest decisions, newest first.
   *
   * @param owner null for every workload and for what is nobody's
   */
  public List<CheckRecord> decisions(@Nullable Owner owner, boolean deniedOnly, int limit)
      throws RefusedException {
    return log.latest(owner == null ? null : workloads.known(owner).owner(), deniedOnly, limit);
  }

  /**
   * Decisions from a place in the log on, as they are known now.
   *
   * @param from 0 for the beginning of what is remembered, else {@link DecisionTail#next}
   * @param owner null for every workload and for what is nobody's
   * @param most of so many, the latest
   */
  public DecisionTail decisionsFrom(long from, @Nullable Owner owner, boolean deniedOnly, int most)
      throws RefusedException {
    return log.tail(from, owner == null ? null : workloads.known(owner).owner(), deniedOnly, most);
  }

  /** From when on all such decisions of this server are remembered; null when all ever are. */
  public @Nullable Instant remembered(Wanted wanted) {
    return log.reach(wanted);
  }

  /** A decision that is remembered, or null. */
  public @Nullable CheckRecord decision(String id) {
    return log.find(id);
  }

  /**
   * Ends learning for a workload and proposes its baseline. Call {@link #flush} first, so that what
   * was answered before counts.
   */
  public Proposal finishTestRun(Owner owner, String note, String by) throws RefusedException {
    return baselines.finishTestRun(owner, note, by);
  }

  /**
   * Sets the mode of a scope; enforce puts the proposed baselines in force.
   *
   * @param revision of one workload, the one that waits, or decides where none does; null for
   *     whichever
   * @throws RefusedException when the scope covers no known workload, or a workload that would be
   *     enforced has no baseline or another; then nothing changes
   */
  public ModeChange setMode(
      ScopeName scope, Mode mode, @Nullable String revision, String note, String by)
      throws RefusedException {
    return modes.set(scope, mode, revision, note, by);
  }

  /**
   * The same with whichever revision waits.
   *
   * @return the mode that the scope had
   */
  public Mode setMode(ScopeName scope, Mode mode, String note, String by) throws RefusedException {
    return setMode(scope, mode, null, note, by).before();
  }

  /**
   * Takes back what {@link #setMode} said of a scope: it has the mode that objects of a cluster,
   * kith.yaml or the scope around it give it. Puts no proposed baseline in force.
   *
   * @throws RefusedException when it said nothing of the scope, or a workload would be enforced
   *     that has no baseline in force; then nothing changes
   */
  public ModeChange inheritMode(ScopeName scope, String note, String by) throws RefusedException {
    return modes.inherit(scope, note, by);
  }

  /**
   * Allows the process and destination of a decision from now on.
   *
   * @param ttl how long, or null for ever
   */
  public KnownEdge allow(
      Owner owner, String decisionId, @Nullable Duration ttl, String note, String by)
      throws RefusedException {
    return rules.allow(owner, decisionId, rules.until(ttl), null, note, by);
  }

  /** The life of baselines. */
  public BaselineVerbs baselines() {
    return baselines;
  }

  /** What objects of a cluster say. */
  public ClusterVerbs cluster() {
    return cluster;
  }

  /** Rules by hand. */
  public RuleVerbs rules() {
    return rules;
  }

  /** Bundles of other environments. */
  public Imports imports() {
    return imports;
  }

  /** What people read. */
  public Reports reports() {
    return reports;
  }

  /** Keys of this server. */
  public ServerKeys keys() {
    return settings.keys();
  }

  /** How the log of changes is doing. */
  public StoreHealth store() {
    return new StoreHealth(
        settings.storeKind(), settings.replica(), journal.position(), journal.problem());
  }

  /** Whether other servers may be on the same store. */
  public boolean mayBeOneOfSeveral() {
    return settings.storeKind().equals("postgresql");
  }

  /** The server's time. */
  public Instant now() {
    return clock.instant();
  }

  /** Times that an entry of the log was refused. */
  public long refusedEntries() {
    return journal.refusedEntries();
  }

  /** Allow-lists that are configured. */
  public AllowListFiles allowLists() {
    return files;
  }

  /** How it learns. */
  public LearningSettings learning() {
    return settings.learning();
  }

  /**
   * Changes, newest first, as the store has them; fewer than there are when they are large.
   *
   * @param subject an owner or a scope, or null for all
   * @param before only changes before this position; 0 for all
   * @throws RefusedException when the store does not answer
   */
  public List<Entry> audit(@Nullable String subject, long before, int limit)
      throws RefusedException {
    return journal.latest(subject, before, limit);
  }

  /** What a change of {@link #audit} took the place of, in words; empty when it is too long ago. */
  public String before(Entry entry) {
    return history == null ? "" : history.before(entry.position());
  }

  /** What there is since a change of {@link #audit}, in words. */
  public String after(Entry entry) {
    return History.after(entry.change());
  }

  /** A workload that is known, or null. */
  @Nullable GovernedWorkload governed(Owner owner) {
    return workloads.find(owner);
  }

  /** What the log says, to be compared. */
  Map<String, Object> folded() {
    return fold.state();
  }

  /** Reads what waits and stops. The store stays open: it is its opener's. */
  @Override
  public void close() {
    files.close();
    if (holdings != null) {
      holdings.close();
    }
    journal.close();
    answers.close();
  }
}
