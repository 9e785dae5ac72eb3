package io.kith.bridge.process;

import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.baselines.process.ProcessFingerprint;
import io.kith.baselines.process.Script;
import io.kith.bridge.container.ContainerDirectory;
import io.kith.bridge.container.Described;
import io.kith.bridge.container.Placement;
import io.kith.bridge.ffm.BootClock;
import io.kith.bridge.ffm.TaskWalk;
import io.kith.bridge.process.Examined.Entry;
import io.kith.bridge.process.HashCache.Hash;
import io.kith.bridge.turns.FairExecutor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Says what a process is, also when it is gone by the time of the question.
 *
 * <p>Programs are looked at and hashed when they are executed, ahead of need. A question waits a
 * bounded time for what is not finished and is then answered without it, with a remark. Nothing is
 * guessed: what is not known is {@link Origin#UNKNOWN}, null or empty. Thread-safe; no method
 * throws because of what a process does.
 */
public final class FingerprintSource implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(FingerprintSource.class.getName());
  private static final int REMEMBERED = 32_768;

  /**
   * By one thread, so that what started first is looked at first. As many of one as a bridge is
   * told again when it starts: all may be of one cgroup.
   */
  private static final FairExecutor.Limits EXECS = new FairExecutor.Limits(1, 1, 8_192, 4_096);

  private static final int FILES_WAITING = 512;
  private static final int FILES_OF_ONE = 128;
  private static final int MAX_FORKS = 8;
  private static final int MAX_ANCESTORS = 64;

  private final FairExecutor<Placement> hashers;
  private final FairExecutor<Long> watchers;
  private final Containers containers = new Containers(System::nanoTime);
  private final ContainerDirectory directory;
  private final ProcessTree tree;
  private final HashCache hashes;
  private final Examiner examiner;
  private final InjectedCode injected = new InjectedCode(System::nanoTime);
  private final BoundedMap<ProcessKey, Run> runs;
  private final BoundedMap<Integer, Run> latest;
  private final BoundedMap<ProcessKey, Examined> late;
  private volatile long toldSince = Long.MAX_VALUE;

  /**
   * A program that was executed while somebody watched.
   *
   * @param event without the end of long arguments, which only the look at it needs
   * @param late that was a bridge before us
   * @param examined done once, by whoever comes first: the thread for it or who asks
   */
  private record Run(ExecEvent event, boolean late, FutureTask<Examined> examined) {}

  /**
   * @param maxSize bytes; larger files are not hashed
   * @param workers threads that hash; where there are several, all but one at most for one
   *     container
   * @param births how processes came to be
   * @param directory what the runtimes say of containers; stays open
   */
  public FingerprintSource(long maxSize, int workers, Births births, ContainerDirectory directory) {
    this(maxSize, workers, births, directory, REMEMBERED);
  }

  /**
   * The same with another memory.
   *
   * @param remembered processes; more where more are alive
   */
  FingerprintSource(
      long maxSize, int workers, Births births, ContainerDirectory directory, int remembered) {
    this.directory = directory;
    this.latest = new BoundedMap<>(remembered, (_, run) -> run.event().key().isAlive());
    this.runs = new BoundedMap<>(remembered, (key, _) -> isRunning(key));
    this.late = new BoundedMap<>(remembered, (key, _) -> isRunning(key));
    this.tree = new ProcessTree(containers, births, remembered);
    this.hashers =
        new FairExecutor<>(
            "kith-hash-",
            new FairExecutor.Limits(
                workers, Math.max(1, workers - 1), FILES_WAITING, FILES_OF_ONE));
    this.watchers = new FairExecutor<>("kith-exec-", EXECS);
    this.hashes = new HashCache(maxSize, hashers);
    this.examiner = new Examiner(containers, tree, hashes, directory);
  }

  /**
   * Takes note of who started whom among processes that were there before us, so that it is known
   * when the parents are gone. Executables are hashed when they are asked about.
   *
   * @return how many were there
   */
  public int remember(List<Integer> pids) {
    var there = 0;
    for (var pid : pids) {
      there += tree.look(pid) == null ? 0 : 1;
    }
    return there;
  }

  /** As {@link #remember}, of processes of which the kernel told at once what is needed. */
  public int rememberListed(List<TaskWalk.Task> tasks) {
    return tree.remember(tasks);
  }

  /**
   * Takes note of what living forks run, while it is known who forked them: that is forgotten after
   * as many births, and a fork may live for long before it connects.
   */
  public void rememberForks(List<TaskWalk.Task> tasks) {
    for (var task : tasks) {
      if (task.execId() != 0) {
        var key = new ProcessKey(task.pid(), task.startNanos(), task.execId());
        var _ = runOf(new Sighting(key, 0, -1, task.parent(), null, null));
      }
    }
  }

  /** Whether a process is alive and no later exec of it was told. */
  private boolean isRunning(ProcessKey key) {
    var last = latest.get(key.pid());
    return key.isAlive()
        && (last == null
            || last.event().key().startNanos() != key.startNanos()
            || last.event().key().execId() <= key.execId());
  }

  /**
   * Every exec is told from now on. Of a process that begins later and whose exec is not known, the
   * command line is not believed.
   */
  public void execsAreTold() {
    execsAreTold(BootClock.nanos());
  }

  void execsAreTold(long sinceNanos) {
    toldSince = sinceNanos;
  }

  /** Takes note of an exec; returns at once. */
  public void executed(ExecEvent event) {
    executed(event, false);
  }

  /** As {@link #executed}, of an exec that a bridge before us saw: its script is read late. */
  public void executedBefore(ExecEvent event) {
    executed(event, true);
  }

  private void executed(ExecEvent event, boolean late) {
    var run = remember(event, late);
    try {
      watchers.execute(event.cgroup(), run.examined());
    } catch (RejectedExecutionException _) {
      // Too many at once: looked at when it is asked about. They may be too many to keep in full.
      remember(event.brief(), late);
    }
  }

  private Run remember(ExecEvent event, boolean late) {
    var run = new Run(event.brief(), late, new FutureTask<>(() -> examine(event)));
    latest.put(event.key().pid(), run);
    synchronized (runs) {
      runs.put(event.key(), run);
      runs.notifyAll();
    }
    return run;
  }

  private Examined examine(ExecEvent event) {
    try {
      lookAtAncestors(event.key(), event.parent());
      var examined = examiner.examine(event.key(), 0, event.parent(), event, false, true);
      return examined == null ? examiner.gone(event) : examined;
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.ERROR, "a mistake inside while a program was looked at", e);
      throw e;
    }
  }

  /**
   * Has the programs looked at first that a process descends from: what they ran is in its lineage,
   * and they may be gone. They are told before it, and may be another cgroup's.
   */
  private void lookAtAncestors(ProcessKey key, int toldParent) {
    var ancestors = new ArrayDeque<FutureTask<Examined>>();
    var began = key.startNanos() == 0 ? Long.MAX_VALUE : key.startNanos();
    var pid = tree.forkedBy(key, toldParent);
    for (var depth = 0; depth < MAX_ANCESTORS && pid > 0; depth++) {
      var run = latest.get(pid);
      if (run == null || run.event().key().startNanos() >= began) { // or another's by now
        pid = tree.parentOf(pid);
      } else if (run.examined().isDone()) {
        break; // and what is above it
      } else {
        ancestors.push(run.examined());
        began = run.event().key().startNanos();
        pid = tree.forkedBy(run.event().key(), run.event().parent());
      }
    }
    for (var ancestor : ancestors) {
      ancestor.run(); // unless somebody does, who waits for older ones at most
      try {
        ancestor.get();
      } catch (ExecutionException _) {
        // was logged; the lineage is without it
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /**
   * What the process is that was seen at a socket.
   *
   * @param until time of {@link System#nanoTime} when an answer without hashes is better than none
   */
  public Identified identify(Sighting sighting, long until) {
    var run = runOf(sighting);
    Examined examined = null;
    if (run == null) {
      examined = lookNow(sighting);
      if (examined == null ? isReported(sighting) : examined.doubted()) {
        run = awaitRun(sighting, until);
      }
    }
    if (run != null) {
      run.examined().run(); // unless somebody does or has
      examined = await(run.examined(), until);
      if (examined == null) {
        examined = examiner.gone(run.event());
      }
    }
    if (examined == null) {
      return unseen(sighting);
    }
    var foreign =
        injected.of(
            sighting.key(), sighting.tid(), examined.file(), examined.ancestry().container());
    return identified(sighting, run, examined, foreign, until);
  }

  /**
   * @param run that was seen when it began; null for what was there before
   * @param foreign code that was mapped into it
   */
  private Identified identified(
      Sighting sighting, @Nullable Run run, Examined examined, List<String> foreign, long until) {
    var remarks = new ArrayList<>(examined.remarks());
    if (isLate(run, examined)
        && examined.entry().path() != null
        && !remarks.contains(Examiner.READ_LATE)) {
      remarks.add(Examiner.READ_LATE);
    }
    var image = sighting.image();
    var pretended = run != null && !isOf(run, sighting);
    var proved =
        image != null && !pretended && (run != null || image.file().equals(examined.file()));
    if (pretended) {
      remarks.add("it names another executable than was executed");
    } else if (image != null && !proved) {
      remarks.add("the executable changed after it connected");
    }
    var container = examined.ancestry().container();
    var origin =
        pretended
            ? Origin.UNKNOWN
            : image == null
                ? examined.fileOrigin()
                : Origins.of(image, examined.name(), examined.host(), container);
    var described = described(examined.placement(), until, remarks);
    var fingerprint =
        new ProcessFingerprint(
            examined.path(),
            take(examined.hash(), until, "executable", remarks),
            origin,
            uid(sighting, remarks),
            examined.entry().kind(),
            examined.program(),
            script(examined.entry(), until, remarks),
            examined.ancestry().lineage(),
            ContainerPart.name(described),
            ContainerPart.imageDigest(described),
            foreign,
            ContainerPart.isExecSession(described, examined.ancestry()));
    return new Identified(FingerprintId.of(fingerprint), fingerprint, proved, remarks);
  }

  /** Whether what an interpreter was given was read long after the exec, if it is known at all. */
  private static boolean isLate(@Nullable Run run, Examined examined) {
    return run == null ? !examined.doubted() : run.late();
  }

  /**
   * The same where all of it is remembered: nothing is hashed, mapped code is not looked at, and
   * nobody is waited for.
   *
   * @return null where that does not do
   */
  public @Nullable Identified atHand(Sighting sighting) {
    if (sighting.uid() == -1 || sighting.key().startNanos() == 0) {
      return null;
    }
    var run = runOf(sighting);
    var examined = run == null ? late.get(sighting.key()) : done(run);
    if (examined == null
        || !(run != null || runs(examined, sighting.image()))
        || !examined.hash().isDone()
        || !examined.entry().hash().isDone()
        || !directory.isAtHand(examined.placement())) {
      return null;
    }
    var foreign = injected.atHand(sighting.key(), examined.ancestry().container());
    return foreign == null ? null : identified(sighting, run, examined, foreign, System.nanoTime());
  }

  private static @Nullable Examined done(Run run) {
    return run.examined().state() == Future.State.SUCCESS ? run.examined().resultNow() : null;
  }

  /** Whether what was looked at may be the image that was seen. */
  private static boolean runs(Examined examined, @Nullable KernelImage image) {
    var file = examined.file();
    return image == null
        || file == null
        || (file.device().equals(image.file().device()) && file.inode() == image.file().inode());
  }

  private Described described(Placement placement, long until, List<String> remarks) {
    var described = directory.describe(placement, until);
    if (described instanceof Described.Unknown(var why)) {
      remarks.add(why);
    }
    return described;
  }

  private static boolean isReported(Sighting sighting) {
    return sighting.image() != null && sighting.key().execId() != 0;
  }

  /**
   * The exec of a process that is gone or not believed: its report may be behind the record of its
   * connection, which the kernel keeps elsewhere.
   */
  private @Nullable Run awaitRun(Sighting sighting, long until) {
    try {
      synchronized (runs) {
        var run = runOf(sighting);
        var left = until - System.nanoTime();
        while (run == null && left > 0) {
          runs.wait(left / 1_000_000, (int) (left % 1_000_000));
          run = runOf(sighting);
          left = until - System.nanoTime();
        }
        return run;
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  /** The exec of the process, or of the ancestor that it is a fork of. */
  private @Nullable Run runOf(Sighting sighting) {
    var key = sighting.key();
    if (key.startNanos() == 0) {
      return runOfHolder(sighting);
    }
    var own = runs.get(key);
    if (own != null && counts(own, sighting)) {
      return own;
    }
    var forker = key.execId() == 0 ? null : runOfForker(sighting);
    if (forker != null) {
      runs.put(key, forker); // is kept as long as the fork is alive
    }
    return forker;
  }

  /** The same of a process of which only the pid is known: what it runs now. */
  private @Nullable Run runOfHolder(Sighting sighting) {
    var pid = sighting.key().pid();
    var run = latest.get(pid);
    if (run != null && run.event().key().isAlive()) {
      return run;
    }
    var birth = tree.birth(pid);
    var key = birth == null ? null : new ProcessKey(pid, birth.startNanos(), birth.execId());
    if (key == null || !key.isAlive()) {
      return null;
    }
    var forker = runOfForker(new Sighting(key, 0, -1, 0, null, null));
    return forker != null && runsTheSame(pid, forker) ? forker : null;
  }

  /**
   * The exec of the ancestor that a process is a fork of. Its parent by now may have executed as
   * often, and is no ancestor: where it is not known who forked whom, both have to be there.
   */
  private @Nullable Run runOfForker(Sighting sighting) {
    var key = sighting.key();
    var birth = tree.birth(key.pid());
    var seen = birth != null && birth.startNanos() == key.startNanos();
    if (birth == null || !seen) {
      birth = new Birth(key.startNanos(), key.execId(), sighting.parent());
    }
    for (var depth = 0; depth < MAX_FORKS && birth.parent() > 0; depth++) {
      if (birth.execId() != key.execId()) {
        return null; // it has executed since, and that is told yet or was never
      }
      var parent = new ProcessKey(birth.parent(), startOfForker(birth), key.execId());
      var run = runs.get(parent);
      if (run != null
          && (seen ? counts(run, sighting) : isOf(run, sighting) && runsTheSame(key.pid(), run))) {
        return run;
      }
      var above = tree.birth(parent.pid());
      if (above == null || above.startNanos() != parent.startNanos()) {
        seen = false;
        above = new Birth(birth.startNanos(), key.execId(), tree.parentOf(parent.pid()));
      }
      birth = above;
    }
    return null;
  }

  /**
   * When a process began that forked another, by its last exec or its own birth; 0 when neither is
   * known. A process that has its pid since is another.
   */
  private long startOfForker(Birth child) {
    var run = latest.get(child.parent());
    var birth = tree.birth(child.parent());
    var executed = run == null ? 0 : run.event().key().startNanos();
    var born = birth == null ? 0 : birth.startNanos();
    return Math.max(child.mayBeOf(executed) ? executed : 0, child.mayBeOf(born) ? born : 0);
  }

  /** Whether both are alive and the one has not called exec since the other forked it. */
  private static boolean runsTheSame(int pid, Run run) {
    var key = run.event().key();
    var one = ProcFs.of(pid).stat();
    var other = ProcFs.of(key.pid()).stat();
    return one != null
        && other != null
        && other.startedAt(key.startNanos())
        && one.stack() != 0
        && one.stack() == other.stack();
  }

  /**
   * Whether an exec says what a process is that has called no other since, whatever is its
   * executable by now: with CAP_SYS_ADMIN, be it in a user namespace of its own, it can name any
   * file as that (PR_SET_MM_MAP).
   */
  private boolean counts(Run run, Sighting sighting) {
    return isOf(run, sighting) || (sighting.key().isDistinct() && !isRestored(run, sighting));
  }

  /** A program of the host that has become one of a container, as those of a checkpoint do. */
  private boolean isRestored(Run run, Sighting sighting) {
    var executed = run.event().mountNamespace();
    var seen = sighting.mountNamespace();
    return executed != null
        && containers.isHost(executed)
        && seen != null
        && !containers.isHost(seen);
  }

  private static boolean isOf(Run run, Sighting sighting) {
    var executed = run.event().image();
    var seen = sighting.image();
    return executed == null
        || seen == null
        || (executed.file().device().equals(seen.file().device())
            && executed.file().inode() == seen.file().inode());
  }

  /**
   * Whether what a process runs was executed before execs were told: it is older itself, or a fork
   * of one that is. A process can set its stack's address (PR_SET_MM_MAP), and not how often it and
   * its ancestors have called exec.
   */
  private boolean isOlder(ProcessKey key) {
    var pid = key.pid();
    var stat = ProcFs.of(pid).stat();
    for (var depth = 0; depth < MAX_FORKS && stat != null; depth++) {
      if (stat.startNanos() <= toldSince) {
        return depth == 0 || tree.mayRun(pid, stat.startNanos(), key.execId());
      }
      pid = stat.parent();
      var parent = ProcFs.of(pid).stat();
      var same = parent != null && stat.stack() != 0 && parent.stack() == stat.stack();
      stat = same ? parent : null;
    }
    return false;
  }

  private @Nullable Examined lookNow(Sighting sighting) {
    var key = sighting.key();
    var distinct = key.startNanos() != 0 && key.execId() != 0;
    var before = distinct ? late.get(key) : null;
    var image = sighting.image();
    var examined = before;
    if (examined == null) {
      lookAtAncestors(key, sighting.parent());
      examined =
          examiner.examine(
              key, sighting.tid(), sighting.parent(), null, image != null, isOlder(key));
    }
    if (examined == null || !runs(examined, image)) {
      return null; // gone, or it runs another program by now
    }
    if (examined.doubted()) {
      return examined;
    }
    if (distinct) {
      late.put(key, examined);
    }
    return examined;
  }

  /** Of a process that was executed unseen and is gone: only what the kernel froze. */
  private Identified unseen(Sighting sighting) {
    var remarks = new ArrayList<String>();
    remarks.add("process gone before it was looked at");
    var image = sighting.image();
    var hash = image == null ? null : hashes.known(image.file());
    var container = examiner.containerOf(sighting.mountNamespace(), sighting.parent(), image);
    var host = sighting.mountNamespace() != null && containers.isHost(sighting.mountNamespace());
    var above = tree.ancestryOfGone("", sighting.key(), sighting.parent(), container);
    var placement = examiner.placementOf(above.container() == null ? container : above.container());
    var described = described(placement, System.nanoTime(), remarks);
    var fingerprint =
        new ProcessFingerprint(
            "",
            hash == null ? null : hash.sha256(),
            image == null ? Origin.UNKNOWN : Origins.of(image, "", host, container),
            uid(sighting, remarks),
            EntryKind.UNKNOWN,
            "",
            null,
            above.lineage(),
            ContainerPart.name(described),
            ContainerPart.imageDigest(described),
            List.of(),
            ContainerPart.isExecSession(described, above));
    if (hash == null) {
      remarks.add("binary gone before it could be hashed");
    }
    return new Identified(FingerprintId.of(fingerprint), fingerprint, false, remarks);
  }

  private static int uid(Sighting sighting, List<String> remarks) {
    if (sighting.uid() != -1) {
      return sighting.uid();
    }
    var now = ProcFs.of(sighting.key().pid()).uid();
    if (now == null) {
      remarks.add("user not known");
      return -1;
    }
    return now;
  }

  private static @Nullable Script script(Entry entry, long until, List<String> remarks) {
    var path = entry.path();
    if (path == null) {
      return null;
    }
    return new Script(
        path, take(entry.hash(), until, "script", remarks), entry.origin(), entry.claimed());
  }

  private static @Nullable String take(
      CompletableFuture<Hash> hash, long until, String what, List<String> remarks) {
    var answer = await(hash, until);
    if (answer == null) {
      remarks.add(what + ": hash pending");
      return null;
    }
    if (answer.problem() != null) {
      remarks.add(what + ": " + answer.problem());
    }
    return answer.sha256();
  }

  private static <T> @Nullable T await(Future<T> future, long until) {
    try {
      return future.get(Math.max(0, until - System.nanoTime()), TimeUnit.NANOSECONDS);
    } catch (TimeoutException | ExecutionException _) {
      return null;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  @Override
  public void close() {
    watchers.close();
    hashers.close();
  }
}
