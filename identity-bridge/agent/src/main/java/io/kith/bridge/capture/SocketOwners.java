package io.kith.bridge.capture;

import io.kith.baselines.process.Rung;
import io.kith.bridge.capture.Translations.Translation;
import io.kith.bridge.ffm.BootClock;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.TaskWalk;
import io.kith.bridge.ffm.Tuple;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Which processes opened a connection: by the kernel's own record where it can be had, by who holds
 * the socket where not: without the kernel's programs, or for what was connected before them.
 *
 * <p>Thread-safe. {@link #refreshPods} and {@link #checkCanary} are for a timer, {@link #readExecs}
 * for a thread of its own.
 */
public final class SocketOwners implements AutoCloseable {
  /*
   * A sidecar sees a connection after REDIRECT: another destination, and often another source port,
   * since many destinations fold onto one listener. So the addresses in a question are turned back
   * by connection tracking, in the pod, and what comes out must have the destination that was asked
   * about. There is no search for something near: a wrong answer is worse than none.
   */
  /**
   * An earlier owner of the same addresses counts as well when it closed its end this shortly
   * before the latest one connected: a connection that was reset may still wait to be accepted by
   * the proxy, whose question then describes the next one.
   */
  static final long RECENT_NANOS = 10_000_000_000L;

  /** Who closed his end before that cannot be meant: conntrack forgets a connection after 120 s. */
  private static final long GONE_NANOS = 120_000_000_000L;

  private static final String PROXYS_OWN = "the proxy's own connection is not its client's";
  private static final String NO_SOCKET = "there is no such socket any more";
  private static final String NOT_LOOKED_UP = "sockets cannot be looked up: ";

  private final Settings settings;
  private final Translations translations;
  private final Pods pods;
  private final @Nullable KernelCapture kernel;
  private final boolean sees;
  private final List<String> problems;
  private volatile boolean canaryFound;
  private volatile boolean openersFound;
  private volatile String canaryProblem = "";
  private volatile String reserveProblem = "";
  private volatile String beginProblem = "";
  private volatile String openersProblem = "";
  private volatile boolean begun;

  /**
   * How to look.
   *
   * @param proxyPorts where the proxy listens for redirected connections
   * @param proxyUid user of the proxy, whose own connections are never its clients'
   * @param entries connections remembered in the kernel
   * @param cgroup root of the cgroup v2 tree, or null to find it
   * @param hostNetwork our own network is a pod too, with its loopback addresses
   * @param pin folder on the BPF file system where capture outlives us, or null
   */
  public record Settings(
      List<Integer> proxyPorts,
      int proxyUid,
      int entries,
      @Nullable Path cgroup,
      boolean hostNetwork,
      @Nullable Path pin) {
    public Settings {
      proxyPorts = List.copyOf(proxyPorts);
    }

    /** For pods with a network of their own only, with a capture that ends with us. */
    public Settings(List<Integer> proxyPorts, int proxyUid, int entries, @Nullable Path cgroup) {
      this(proxyPorts, proxyUid, entries, cgroup, false, null);
    }
  }

  private SocketOwners(
      Settings settings, @Nullable KernelCapture kernel, boolean sees, List<String> problems) {
    this.settings = settings;
    this.translations = new Translations(settings.proxyPorts());
    this.kernel = kernel;
    this.sees = sees;
    this.pods =
        new Pods(
            kernel == null ? NetworkNamespace::cookieHere : kernel::cookieHere,
            kernel == null ? () -> null : kernel::tasks,
            settings.hostNetwork);
    this.problems = List.copyOf(problems);
  }

  /** Starts to look, as well as this machine and this user allow; {@link #problems} says how. */
  public static SocketOwners open(Settings settings) throws InterruptedException {
    try (var root = CgroupRoot.open(settings.cgroup())) {
      return open(settings, root);
    } catch (KernelException | CgroupRoot.NotFoundException e) {
      return started(settings, null, List.of(notSeen(e)));
    }
  }

  /**
   * As {@link #open(Settings)}, but connections are only seen that a process of one cgroup makes:
   * to measure one program alone.
   */
  public static SocketOwners open(Settings settings, Descriptor cgroup)
      throws InterruptedException {
    KernelCapture kernel;
    try {
      kernel = KernelCapture.open(cgroup, settings.entries(), settings.pin());
    } catch (KernelException e) {
      return started(settings, null, List.of(notSeen(e)));
    }
    return started(settings, kernel, List.of());
  }

  private static String notSeen(Exception why) {
    return "connections are not seen as they are made: "
        + why.getMessage()
        + " (run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)";
  }

  private static SocketOwners started(
      Settings settings, @Nullable KernelCapture kernel, List<String> without)
      throws InterruptedException {
    var problems = new ArrayList<>(without);
    var owners = new SocketOwners(settings, kernel, seesIntoPods(problems), problems);
    owners.refreshPods();
    owners.checkCanary();
    return owners;
  }

  /**
   * Notes what servers may read from now on: another bridge of this node, if there was one, has
   * ended. Until then its programs fill the tables that both have, and nothing can be read here;
   * but ours are attached already where there are none that do.
   */
  public void begin() {
    begun = true;
    checkCanary();
  }

  /** Whether there was something to take over. */
  private boolean takeOver() {
    try {
      var attached = kernel != null && kernel.takeOver();
      beginProblem = "";
      return attached;
    } catch (KernelException e) {
      beginProblem = "the programs of a bridge before stay: " + e.getMessage();
      return false;
    }
  }

  /** Whether network namespaces can be entered and their sockets looked up. */
  private static boolean seesIntoPods(List<String> problems) throws InterruptedException {
    try (var own = NetworkNamespace.open("/proc/self/ns/net")) {
      own.call(SockDiag::open).close();
      return true;
    } catch (KernelException e) {
      problems.add(
          "the sockets of pods cannot be looked at, so only the workload of a connection there is"
              + " known: "
              + e.getMessage()
              + " (run as root, or with CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_SYS_PTRACE)");
      return false;
    }
  }

  /**
   * Ends what a capture with such a setting left behind.
   *
   * @param pin as in {@link Settings}
   * @return whether there was something
   */
  public static boolean unpin(Path pin) throws IOException {
    return Pins.remove(pin);
  }

  /** The best that this node can do now. */
  public Rung rung() {
    // Our own network needs no entering, and its canary tries what holders can be found.
    var seesOwn = settings.hostNetwork && canaryFound;
    var findsNone = settings.hostNetwork && !canaryFound && kernel == null;
    if (findsNone || !(sees || seesOwn)) {
      return Rung.WORKLOAD_ONLY;
    }
    if (kernel == null || !canaryFound) {
      return Rung.DIAG;
    }
    return kernel.knowsExecutables() ? Rung.KERNEL_EXACT : Rung.KERNEL_PID;
  }

  /** Why the rung is not higher and what does not work, in words. */
  public List<String> problems() {
    var all = new ArrayList<>(kernel == null ? List.<String>of() : kernel.problems());
    all.addAll(problems);
    if (!canaryProblem.isEmpty()) {
      all.add(canaryProblem);
    }
    if (!reserveProblem.isEmpty()) {
      all.add(reserveProblem);
    }
    if (!beginProblem.isEmpty()) {
      all.add(beginProblem);
    }
    if (begun && !openersProblem.isEmpty()) { // before, it is another bridge that notes
      all.add(Openers.NO_TABLE + openersProblem);
    }
    all.addAll(pods.problems());
    lost(
        all,
        Counter.NOT_NOTED,
        " connections found no memory to note who made them: refused, those of pods");
    lost(all, Counter.NOT_REPORTED, " programs started without a report: the ring was full");
    return all;
  }

  private void lost(List<String> problems, Counter counter, String words) {
    var count = kernel == null ? 0 : kernel.tables().count(counter);
    if (count > 0) {
      problems.add(count + words);
    }
  }

  /** Whether the last connection to itself was found. */
  public boolean canaryFound() {
    return canaryFound;
  }

  /** How often the addresses of pods changed; {@link #pods} has what is counted here. */
  public long podChanges() {
    return pods.changes();
  }

  /** The pods with an address. */
  public List<Pod> pods() {
    return pods.all();
  }

  /** The processes of these pods now; null when the kernel does not list them to us. */
  public @Nullable List<TaskWalk.Task> processes(List<Pod> pods) {
    var tasks = kernel == null ? null : kernel.tasks();
    if (tasks == null) {
      return null;
    }
    var ids = new HashSet<String>();
    pods.forEach(pod -> ids.add(pod.id()));
    var isPods = new HashMap<Long, Boolean>();
    tasks.removeIf(
        task ->
            !isPods.computeIfAbsent(
                task.network(), number -> ids.contains(TaskWalk.namespace("net", number))));
    return tasks;
  }

  /** The sockets of a pod's network; null when they cannot be listed or the pod is gone. */
  public @Nullable SockDiag sockets(Pod pod) {
    var inside = pods.of(pod.id());
    return inside == null ? null : inside.diag();
  }

  /** The number of a pod's network in BPF records; 0: not known. */
  public long network(Pod pod) {
    var inside = pods.of(pod.id());
    return inside == null ? 0 : inside.cookie();
  }

  /**
   * Who opened a connection of a pod last.
   *
   * @param tuple from the application's end, before NAT
   * @return null when the kernel noted nobody
   */
  public @Nullable Owner opener(Pod pod, Tuple tuple) {
    var inside = pods.of(pod.id());
    if (kernel == null || inside == null) {
      return null;
    }
    return kernel.latest(inside.cookie(), tuple);
  }

  /**
   * Has a connection be forgotten, once it is closed, as soon as the next with its addresses
   * begins.
   *
   * @param tuple from its near end, before NAT
   */
  public void letReopen(Pod pod, Tuple tuple) throws KernelException {
    var inside = pods.of(pod.id());
    if (inside != null && inside.conntrack() != null) {
      inside.conntrack().letReopen(tuple); // false: it is forgotten already
    }
  }

  /** The pod with this id, be it without an address that stands for it; null when it is gone. */
  public @Nullable Pod pod(String id) {
    var inside = pods.of(id);
    return inside == null ? null : inside.pod();
  }

  /**
   * The port from which a connection of a pod was opened, before NAT.
   *
   * @param seen as its proxy has the connection
   */
  public int originalSourcePort(Pod pod, Tuple seen) {
    var inside = pods.of(pod.id());
    return inside != null
            && translations.undone(inside.conntrack(), inside.problem(), seen)
                instanceof Translation.Undone(var original)
        ? original.sourcePort()
        : seen.sourcePort();
  }

  /** Looks for pods that came or went; returns whether any did. */
  public boolean refreshPods() throws InterruptedException {
    var changed = pods.refresh();
    reserve();
    return changed;
  }

  /** One at a time, or what one looked up before another would undo what that one did. */
  private synchronized void reserve() {
    if (kernel == null) {
      return;
    }
    try {
      kernel.tables().reserveFor(pods.cookies());
      reserveProblem = "";
    } catch (KernelException e) {
      reserveProblem = "pods can push each other's connections out: " + e.getMessage();
    }
  }

  /** Connections seen by the kernel since its programs were first attached. */
  public long connectsSeen() {
    return kernel == null ? 0 : kernel.tables().count(Counter.CONNECTS);
  }

  /** Connections, of those, that had to give way to newer ones: at least so many. */
  public long evicted() {
    return kernel == null ? 0 : kernel.tables().evicted();
  }

  /** Connections of each pod that no other pod's push out; 0 when the kernel writes none down. */
  public int reservePerPod() {
    return kernel == null ? 0 : kernel.tables().reservePerPod();
  }

  /**
   * Makes a connection to itself and looks it up: the proof that the programs are attached where
   * connections are made and read what they should, or that holders are found in our own network.
   */
  public boolean checkCanary() {
    if (kernel == null && !settings.hostNetwork) {
      return false;
    }
    if (begun) {
      takeOver();
    }
    lookForOurselves();
    if (!canaryFound && takeOver()) {
      lookForOurselves(); // what a bridge before left does not work
    }
    var openers = canaryFound && kernel != null ? kernel.openers() : null;
    openersProblem = kernel == null || openers == null ? "" : Canary.run(kernel, openers);
    openersFound = openers != null && openersProblem.isEmpty();
    return canaryFound;
  }

  private void lookForOurselves() {
    canaryProblem = kernel == null ? Canary.run(this::holders) : Canary.run(kernel);
    canaryFound = canaryProblem.isEmpty();
  }

  /** What a server of this node may read; null when the last connection to itself is not there. */
  public @Nullable Openers openers() {
    return openersFound && kernel != null ? kernel.openers() : null;
  }

  /**
   * A server read of a connection in {@link #openers}, and did not ask: what {@link #resolve} does
   * for one that is asked about is done.
   *
   * @param seen as the proxy has the connection
   */
  public void unasked(Tuple seen) {
    var inside = pods.at(seen.source());
    if (inside != null) {
      var _ = translations.undone(inside.conntrack(), inside.problem(), seen);
    }
  }

  /** Whether {@link #readExecs} ever has something. */
  public boolean reportsExecs() {
    return kernel != null && kernel.reportsExecs();
  }

  /** Waits for started programs at most that long and hands them over; for one thread. */
  public int readExecs(int timeoutMillis, Consumer<Exec> consumer) {
    return kernel == null ? 0 : kernel.readExecs(timeoutMillis, consumer);
  }

  /**
   * Hands over once more the programs whose start a bridge before was told last, so that those that
   * are gone stay known; once, before {@link #readExecs}.
   *
   * @return how many; none where nothing is pinned
   * @throws IllegalStateException afterwards, when some could not be read or taken
   */
  public int readExecsAgain(Consumer<Exec> consumer) {
    return kernel == null ? 0 : kernel.readExecsAgain(consumer);
  }

  /** How the last process with this pid was forked; null when that was not seen. */
  public @Nullable Fork fork(int pid) {
    return kernel == null ? null : kernel.fork(pid);
  }

  /** Who opened a connection, where nothing is known of proxies but their user. */
  public Resolution resolve(Tuple seen) throws InterruptedException {
    return resolve(seen, _ -> Set.of());
  }

  /**
   * Who opened a connection, asked with the addresses that the proxy has.
   *
   * @param proxies the cgroups of a pod's proxies, by the pod's id; none: not known
   */
  public Resolution resolve(Tuple seen, Function<String, Set<Long>> proxies)
      throws InterruptedException {
    var inside = pods.at(seen.source());
    if (inside == null) {
      if (pods.refreshIfOld()) {
        reserve();
      }
      inside = pods.at(seen.source());
    }
    if (inside == null) {
      return unknown(Rung.WORKLOAD_ONLY, seen, List.of("no pod here has " + seen.source()));
    }
    var reasons = new ArrayList<String>();
    var proxy = proxies.apply(inside.pod().id());
    return switch (translations.undone(inside.conntrack(), inside.problem(), seen)) {
      case Translation.None() -> owners(inside, seen, false, proxy, reasons);
      case Translation.Undone(var tuple) -> owners(inside, tuple, true, proxy, reasons);
      case Translation.Unknown(var why) -> {
        reasons.add(why);
        if (isNoteOfAClosedSocket(inside, seen)) {
          reasons.add("the socket that had these addresses is closed: they may be another's");
          yield unknown(rung(), seen, reasons);
        }
        yield owners(inside, seen, false, proxy, reasons);
      }
      case Translation.Other(var why) -> unknown(rung(), seen, List.of(why));
    };
  }

  /**
   * As {@link #resolve(Tuple, Function)}, of what the kernel's records say at once.
   *
   * @return null when they do not tell, and it has to be looked for elsewhere
   */
  public @Nullable Resolution atHand(Tuple seen, Function<String, Set<Long>> proxies) {
    var inside = pods.at(seen.source());
    if (inside == null) {
      return null;
    }
    var proxy = proxies.apply(inside.pod().id());
    return switch (translations.undone(inside.conntrack(), inside.problem(), seen)) {
      case Translation.None() -> recorded(inside, seen, false, proxy, new ArrayList<>());
      case Translation.Undone(var tuple) -> recorded(inside, tuple, true, proxy, new ArrayList<>());
      case Translation.Unknown _, Translation.Other _ -> null;
    };
  }

  /**
   * Whether the kernel's record is of a connection that its end has closed. NAT gives a redirected
   * connection a port that no open connection to there has, but one that was closed lately may have
   * had it: without connection tracking that one could be anybody's.
   */
  private boolean isNoteOfAClosedSocket(Pods.Inside inside, Tuple tuple) {
    if (kernel == null || inside.cookie() == 0) {
      return false;
    }
    var latest = kernel.latest(inside.cookie(), tuple);
    return latest != null && latest.closeNanos() != 0;
  }

  private Resolution owners(
      Pods.Inside inside, Tuple tuple, boolean verified, Set<Long> proxy, List<String> reasons)
      throws InterruptedException {
    var recorded = recorded(inside, tuple, verified, proxy, reasons);
    if (recorded != null) {
      return recorded;
    }
    if (kernel != null && canaryFound && inside.cookie() != 0) {
      reasons.add("the kernel has no record of " + tuple);
      var noted = noted(kernel, inside, tuple, proxy, reasons);
      if (noted != null) {
        return new Resolution(noted, rung(), verified, tuple.sourcePort(), reasons, null);
      }
    }
    var holders = holders(inside, tuple, reasons);
    var rung = inside.diag() == null ? Rung.WORKLOAD_ONLY : Rung.DIAG;
    return new Resolution(holders, rung, verified, tuple.sourcePort(), reasons, null);
  }

  /** What the kernel's tables say of a connection; null when they know none, or cannot be asked. */
  private @Nullable Resolution recorded(
      Pods.Inside inside, Tuple tuple, boolean verified, Set<Long> proxy, List<String> reasons) {
    if (kernel == null || !canaryFound || inside.cookie() == 0) {
      return null;
    }
    var seen = kernel.sightings(inside.cookie(), tuple, RECENT_NANOS);
    if (seen == null || isLongGone(seen.owners().getFirst())) {
      return null;
    }
    var meant = meant(seen, proxy, reasons);
    var opener = reasons.isEmpty() ? opener(inside, meant) : null;
    return new Resolution(meant, rung(), verified, tuple.sourcePort(), reasons, opener);
  }

  private Openers.@Nullable Opener opener(Pods.Inside inside, List<Owner> owners) {
    var openers = openers();
    return openers == null || owners.size() != 1
        ? null
        : new Openers.Opener(openers.number(owners.getFirst()), inside.cookie());
  }

  /**
   * The owners of a connection that the tables have forgotten, from its socket. Whoever holds it
   * counts only when it was connected before anybody looked: a pod can have its own connections
   * forgotten, and hand one on to another program.
   *
   * @return null when whoever holds it counts
   */
  private @Nullable List<Owner> noted(
      KernelCapture capture,
      Pods.Inside inside,
      Tuple tuple,
      Set<Long> proxy,
      List<String> reasons) {
    var diag = inside.diag();
    if (diag == null) {
      return null; // nor is it known who holds it
    }
    try {
      var notes = capture.notes(diag, tuple);
      if (notes.size() != 1) {
        reasons.add(notes.isEmpty() ? NO_SOCKET : notes.size() + " sockets have these addresses");
        return List.of();
      }
      var note = notes.getFirst();
      if (note.length != 0) {
        var seen = capture.sightings(note, inside.cookie(), tuple, RECENT_NANOS);
        return meant(seen, proxy, reasons);
      }
    } catch (KernelException e) {
      reasons.add(NOT_LOOKED_UP + e.getMessage());
      return List.of();
    }
    if (capture.tables().count(Counter.NOT_NOTED) != 0) {
      reasons.add("nothing is noted in the socket, and of some there was no memory to note it");
      return List.of();
    }
    return null;
  }

  private static boolean isLongGone(Owner latest) {
    return latest.closeNanos() != 0 && latest.closeNanos() < BootClock.nanos() - GONE_NANOS;
  }

  private static Resolution unknown(Rung rung, Tuple seen, List<String> reasons) {
    return new Resolution(List.of(), rung, false, seen.sourcePort(), reasons, null);
  }

  /**
   * The last owners, which may all be meant; none when there may have been yet others.
   *
   * @param proxy cgroups of the pod's proxies; none: not known
   */
  private List<Owner> meant(KernelCapture.Sightings seen, Set<Long> proxy, List<String> reasons) {
    if (!seen.all()) {
      reasons.add("more processes than are remembered used these addresses within seconds");
      return List.of();
    }
    var owners = new ArrayList<Owner>();
    if (isProxys(seen.owners().getFirst(), proxy)) {
      reasons.add(PROXYS_OWN);
      return owners; // nor that of whoever had its port before
    }
    for (var owner : seen.owners()) {
      if (isProxys(owner, proxy)) {
        reasons.add(PROXYS_OWN);
      } else if (owners.stream().noneMatch(owner::isSameSender)) {
        owners.add(owner);
      }
    }
    if (owners.size() > 1) {
      reasons.add(owners.size() + " processes used these addresses of late: all of them count");
    }
    return owners;
  }

  /** Whoever may set its user can have the proxy's, but is in the cgroup of its own container. */
  private boolean isProxys(Owner owner, Set<Long> proxy) {
    return owner.uid() == settings.proxyUid()
        && (proxy.isEmpty() || proxy.contains(owner.cgroup()));
  }

  /** Of a connection whose near end is in a pod that is known. */
  private List<Owner> holders(Tuple tuple, List<String> reasons) {
    var inside = pods.at(tuple.source());
    if (inside == null) {
      reasons.add("no pod here has " + tuple.source());
      return List.of();
    }
    return holders(inside, tuple, reasons);
  }

  private List<Owner> holders(Pods.Inside inside, Tuple tuple, List<String> reasons) {
    var diag = inside.diag();
    if (diag == null) {
      reasons.add("sockets cannot be listed: " + inside.problem());
      return List.of();
    }
    try {
      var socket = diag.find(tuple);
      if (socket == null) {
        reasons.add(NO_SOCKET);
        return List.of();
      }
      if (socket.uid() == settings.proxyUid()) {
        reasons.add(PROXYS_OWN);
        return List.of();
      }
      if (socket.inode() == 0) {
        reasons.add("no process holds the socket any more");
        return List.of();
      }
      // Listed anew: a child forked since the last look holds the socket as well.
      var owners =
          SocketHolders.of(socket.inode(), Pods.pidsIn(inside.pod().id())).stream()
              .map(pid -> Owner.holder(pid, socket.uid()))
              .toList();
      if (owners.isEmpty()) {
        reasons.add("no process of the pod was found that holds the socket");
      }
      return owners;
    } catch (KernelException | IOException | DirectoryIteratorException e) {
      reasons.add(NOT_LOOKED_UP + e.getMessage());
      return List.of();
    }
  }

  @Override
  public void close() {
    pods.close();
    if (kernel != null) {
      kernel.close();
    }
  }
}
