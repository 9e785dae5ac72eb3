package io.kith.bridge.guard;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.decision.Mode;
import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.capture.CgroupRoot;
import io.kith.bridge.capture.Owner;
import io.kith.bridge.capture.Pod;
import io.kith.bridge.container.PodContainers;
import io.kith.bridge.ffm.Btf;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.HostCgroups;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.SockDiag.Listed;
import io.kith.bridge.ffm.Tuple;
import io.kith.bridge.process.Identified;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Guards the pods of this node, as the servers say.
 *
 * <p>{@link #refresh} is for a timer, {@link #readAnswers} for a thread of its own; everything else
 * answers from memory. Thread-safe.
 */
public final class Guard implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(Guard.class.getName());
  private static final int DESTROYED_AT_ONCE = 100;
  private static final int MOST_ADDRESSES = 64;

  /** Looks at a pod between two at what its processes are, when none came or went. */
  private static final int LOOKS = 10;

  private final Node node;
  private final PolicyBook book = new PolicyBook();
  private final GuardEvents events;
  private final DnsMemory names = new DnsMemory();
  private final Map<String, Watched> pods = new HashMap<>(); // guarded by this
  private final Revocation revocation = new Revocation(DESTROYED_AT_ONCE); // guarded by this
  private final ProxyFinder proxies = new ProxyFinder(); // guarded by this
  private final Reopening reopening; // guarded by this
  private final @Nullable Kernel kernel;
  private final List<String> problems;
  private int looks; // guarded by this
  private final Map<String, Totals> counted = new HashMap<>(); // guarded by this
  private volatile Totals totals = Totals.NONE;
  private volatile long destroyed;
  private volatile List<PodGuard> states = List.of();
  private volatile Map<Long, String> podsByCgroup = Map.of();
  private volatile Map<String, Set<Long>> proxyCgroups = Map.of();

  /** What the guard asks of the rest of the bridge. */
  public interface Node {
    /** The sockets of a pod's network, or null. */
    @Nullable SockDiag sockets(Pod pod);

    /** The number of a pod's network in BPF records; 0: not known. */
    long network(Pod pod);

    /** Who opened a connection of a pod, or null when that was not seen. */
    @Nullable Owner opener(Pod pod, Tuple tuple);

    /**
     * Has connection tracking forget a closed connection with these addresses as soon as a new one
     * begins.
     *
     * @param tuple from its near end, before NAT
     */
    default void letReopen(Pod pod, Tuple tuple) throws KernelException {}

    /** What a process is that was seen at a socket. */
    Identified identify(Owner owner);

    /** Who the pod's proxy is, as its container runtime says. */
    default PodContainers.Proxy proxy(Pod pod) {
      return new PodContainers.Proxy.NotKnown();
    }

    /** A pod was told addresses of a name. */
    default void named() {}
  }

  /**
   * How to guard.
   *
   * @param pin folder on the BPF file system where the guard outlives the bridge, or null
   * @param cgroup root of the cgroup v2 tree, or null to find it
   * @param proxyUid user of the proxy where no server has spoken
   */
  public record Settings(@Nullable Path pin, @Nullable Path cgroup, int proxyUid) {}

  private record Kernel(
      Descriptor root, PodCgroups cgroups, KernelGuard guard, GuardLock lock, int proxyUid) {}

  private Guard(Node node, @Nullable Kernel kernel, List<String> problems) {
    this.node = node;
    this.kernel = kernel;
    this.problems = problems;
    this.reopening = new Reopening(node);
    this.events = new GuardEvents(owner -> node.identify(owner));
  }

  /**
   * Guards nothing.
   *
   * @param why in words
   */
  public static Guard none(Node node, String why) {
    return new Guard(node, null, List.of("no pod is guarded: " + why));
  }

  /**
   * Starts to guard, as well as this machine allows; {@link #problems} says how.
   *
   * @param types of the kernel
   * @param lock let go when this is closed
   * @param cgroups of processes; stay open
   */
  public static Guard open(
      Settings settings, Types types, GuardLock lock, HostCgroups cgroups, Node node) {
    var problems = new ArrayList<>(types.problems());
    Kernel kernel = null;
    try {
      kernel = open(settings, types.btf(), lock, cgroups, problems);
    } catch (KernelException | CgroupRoot.NotFoundException e) {
      problems.add(
          "no pod is guarded: "
              + e.getMessage()
              + " (run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)");
    }
    return new Guard(node, kernel, List.copyOf(problems));
  }

  private static Kernel open(
      Settings settings,
      @Nullable Btf types,
      GuardLock lock,
      HostCgroups cgroups,
      List<String> problems)
      throws KernelException, CgroupRoot.NotFoundException {
    Descriptor root = null;
    try {
      root = CgroupRoot.open(settings.cgroup());
      var guard = KernelGuard.open(settings.pin(), types, problems);
      return new Kernel(root, new PodCgroups(root, cgroups::of), guard, lock, settings.proxyUid());
    } catch (KernelException | CgroupRoot.NotFoundException | RuntimeException e) {
      if (root != null) {
        root.close();
      }
      lock.close();
      throw e;
    }
  }

  /**
   * The kernel's types, which take a moment to read.
   *
   * @param btf null when the kernel does not tell
   * @param problems why, in words
   */
  public record Types(@Nullable Btf btf, List<String> problems) {
    public Types {
      problems = List.copyOf(problems);
    }

    /** Those of this kernel. */
    public static Types read() {
      try {
        return new Types(Btf.ofThisKernel(), List.of());
      } catch (IOException | IllegalArgumentException e) {
        return new Types(null, List.of("the guard does not see executables: " + e.getMessage()));
      }
    }
  }

  /** A pod with what was done for it last. */
  private static final class Watched {
    private Set<Long> cgroups = Set.of();
    private @Nullable Applied applied;
    private boolean spoken;

    /** The open connections were judged by what is applied. */
    private boolean judged;

    /** What the bridge before was told stays, since no server has spoken and it enforces. */
    private boolean kept;

    /** Of its proxy, and of the one before, whose connections may be asked about still. */
    private Set<Long> proxyCgroups = Set.of();

    private long proxyCgroup;
    private List<String> problems = List.of();
    private RawSockets.Found raw = RawSockets.Found.NONE;
    private List<Integer> pids = List.of();
    private PodCgroups.@Nullable Found cgroupsFound;
    private int looks;

    private void hasProxy(long cgroup) {
      if (cgroup != 0 && cgroup != proxyCgroup) {
        proxyCgroups = proxyCgroup == 0 ? Set.of(cgroup) : Set.of(cgroup, proxyCgroup);
        proxyCgroup = cgroup;
      }
    }
  }

  private record Applied(GuardPolicy policy, long proxyCgroup, Set<IpAddress> own, Mode mode) {}

  /** What a server says about pods; what it said of others before stays. */
  public void said(String server, Map<String, GuardPolicy> policies) {
    book.said(server, policies);
  }

  /** A server is gone. */
  public void gone(String server) {
    book.gone(server);
  }

  /**
   * Looks at the pods: guards the new, follows the servers, counts, ends what must end.
   *
   * @param present a cgroup is the first one's of those with processes in it: what is in a pod may
   *     make further networks, which must come after the pod's own
   */
  public synchronized void refresh(List<Pod> present) {
    var own = kernel;
    if (own == null) {
      return;
    }
    var ids = new HashSet<String>();
    present.forEach(pod -> ids.add(pod.id()));
    var byCgroup = new HashMap<Long, String>();
    for (var pod : present) {
      var guarded = pods.computeIfAbsent(pod.id(), _ -> new Watched());
      try {
        look(own, pod, guarded, byCgroup);
      } catch (RuntimeException | Error e) { // the other pods have to be looked at all the same
        failed(pod, guarded, byCgroup, e);
      }
    }
    podsByCgroup = Map.copyOf(byCgroup);
    forget(own, ids);
    var ofProxies = new HashMap<String, Set<Long>>();
    pods.forEach((id, guarded) -> ofProxies.put(id, guarded.proxyCgroups));
    proxyCgroups = ofProxies;
    revocation.run();
    try {
      events.add(own.guard().attempts(), byCgroup);
    } catch (KernelException e) {
      throw new IllegalStateException("the guard's own table cannot be read", e);
    }
    var seen = new ArrayList<PodGuard>(present.size());
    for (var pod : present) {
      var state = state(own, pod);
      var before = counted.put(state.pod(), state.totals());
      var more = state.totals().since(before == null ? Totals.NONE : before);
      totals = totals.plus(more);
      if (more.refused(GuardReason.NOT_REDIRECTED) > 0 || more.returned() > 0) {
        reopening.look(pod);
      }
      seen.add(state);
    }
    states = List.copyOf(seen);
    counted.keySet().retainAll(ids);
    destroyed = revocation.all();
  }

  /** What it is guarded by stays, and nobody else gets its cgroups. */
  private static void failed(Pod pod, Watched guarded, Map<Long, String> byCgroup, Throwable e) {
    var words = List.of("guarded as before: a mistake inside while it was looked at: " + e);
    if (!guarded.problems.equals(words)) {
      LOG.log(System.Logger.Level.ERROR, "a mistake inside while a pod was looked at", e);
    }
    guarded.problems = words;
    guarded.cgroups.forEach(id -> byCgroup.putIfAbsent(id, pod.id()));
  }

  private void look(Kernel own, Pod pod, Watched guarded, Map<Long, String> byCgroup) {
    var found = new ArrayList<String>();
    var said = book.of(pod.id());
    var cgroups = cgroups(own, pod, guarded);
    if (!cgroups.problem().isEmpty()) {
      found.add(cgroups.problem());
    }
    guarded.spoken = said != null;
    var policy = said == null ? GuardPolicy.unspoken(own.proxyUid()) : said;
    long proxy = 0;
    var sockets = node.sockets(pod);
    try {
      proxy = proxies.of(pod.id(), policy, told(own, pod), cgroups.own(), sockets);
      guarded.hasProxy(proxy);
    } catch (KernelException e) {
      found.add("its proxy cannot be looked for: " + e.getMessage());
    }
    if (said == null && proxy == 0) {
      guarded.problems = List.of(); // no pod of the mesh, as far as anybody has said
      return;
    }
    if (proxy == 0) {
      found.add(
          "no proxy found (user "
              + policy.proxyUid()
              + " listening on one of "
              + policy.proxyPorts()
              + "): whoever has its user is counted, not refused");
    } else if (policy.proxyCgroup() == 0 && !cgroups.own().contains(proxy)) {
      found.add("its proxy has ended: until there is another, nobody who has its user is it");
    }
    var wanted = new Applied(policy, proxy, addresses(pod, found), policy.mode());
    var mine = new HashMap<>(cgroups.guarded());
    if (mine.keySet().removeAll(byCgroup.keySet())) {
      found.add("processes of it are in the cgroup of another pod, which is guarded as that one");
    }
    mine.keySet().forEach(id -> byCgroup.put(id, pod.id()));
    try {
      guarded.kept = said == null && own.guard().enforcesAny(mine.keySet());
      guarded.cgroups = attach(own, mine, guarded, wanted, node.network(pod));
      if (!guarded.kept) {
        rejudge(pod, guarded, wanted, sockets);
      }
      guarded.applied = guarded.kept || guarded.cgroups.isEmpty() ? null : wanted;
    } catch (KernelException e) {
      found.add("not guarded as it should be: " + e.getMessage());
    }
    guarded.problems = found;
  }

  /** Those that are within the pod; all pods share the room for them. */
  private static Set<IpAddress> addresses(Pod pod, List<String> problems) {
    var all = new ArrayList<IpAddress>();
    for (var addresses : List.of(pod.addresses(), pod.shared())) {
      addresses.stream().sorted(Comparator.comparing(IpAddress::toString)).forEach(all::add);
    }
    if (all.size() <= MOST_ADDRESSES) {
      return Set.copyOf(all);
    }
    problems.add(MOST_ADDRESSES + " of its " + all.size() + " addresses count as its own");
    return Set.copyOf(all.subList(0, MOST_ADDRESSES));
  }

  private long told(Kernel own, Pod pod) {
    return switch (node.proxy(pod)) {
      case PodContainers.Proxy.In(var firstPid) -> {
        var cgroup = own.cgroups().idOf(firstPid);
        yield cgroup == 0 ? ProxyFinder.NOT_KNOWN : cgroup;
      }
      case PodContainers.Proxy.None() -> 0;
      case PodContainers.Proxy.NotKnown() -> ProxyFinder.NOT_KNOWN;
    };
  }

  /** What is read of each process is read when processes came or went, and now and then. */
  private static PodCgroups.Found cgroups(Kernel own, Pod pod, Watched guarded) {
    var known = guarded.cgroupsFound;
    if (known != null && guarded.pids.equals(pod.pids()) && ++guarded.looks < LOOKS) {
      return known;
    }
    var found = own.cgroups().of(pod.pids());
    guarded.pids = pod.pids();
    guarded.cgroupsFound = found;
    guarded.looks = 0;
    guarded.raw = RawSockets.of(pod.pids());
    return found;
  }

  private static Set<Long> attach(
      Kernel own, Map<Long, Path> cgroups, Watched guarded, Applied wanted, long network)
      throws KernelException {
    var all = new HashSet<Long>();
    for (var entry : cgroups.entrySet()) {
      var id = entry.getKey();
      var attached = own.guard().isAttached(id);
      if (!guarded.kept && (!attached || !wanted.equals(guarded.applied))) {
        own.guard().policy(id, wanted.policy(), wanted.mode(), wanted.proxyCgroup(), wanted.own());
      }
      own.guard().network(id, network);
      if (!attached) {
        try (var cgroup = own.cgroups().open(entry.getValue())) {
          own.guard().attach(id, cgroup);
        }
      }
      all.add(id);
    }
    return all;
  }

  /**
   * Judges the open connections of a pod when enforcement begins or gets another policy; again when
   * not all that fail could be noted, once those that were are ended.
   */
  private void rejudge(Pod pod, Watched guarded, Applied now, @Nullable SockDiag sockets) {
    var again = now.equals(guarded.applied);
    if (again && (guarded.judged || revocation.waiting() > 0)) {
      return;
    }
    guarded.judged = now.mode() != Mode.ENFORCE || (sockets != null && judge(pod, now, sockets));
  }

  /** Returns whether all that fail will be ended. */
  private boolean judge(Pod pod, Applied now, SockDiag sockets) {
    try {
      var judge = new PolicyJudge(now.policy(), now.proxyCgroup(), now.own());
      var order = new Revocation.Order(() -> {});
      for (var socket : OpenConnections.outgoing(sockets, tuple -> node.opener(pod, tuple))) {
        var listed = socket.socket();
        var reason =
            judge.against(
                listed.tuple().destination(),
                listed.tuple().destinationPort(),
                socket.uid(),
                socket.gid(),
                listed.cgroup());
        if (reason != null && !revocation.doom(pod.id(), listed, ending(pod), order)) {
          return false;
        }
      }
      return true;
    } catch (KernelException e) {
      revocation.failed(pod.id(), e);
      return false;
    }
  }

  /**
   * A connection of a pod whose flow lost its permission.
   *
   * @param tuple from the application's end, before NAT
   * @param seenNanos when it was there for certain, after boot
   */
  public record Revoked(Tuple tuple, long seenNanos) {}

  /**
   * Ends connections, soon and at a bounded rate.
   *
   * @param done told once none of them is there any more; never when one could not be ended
   */
  public synchronized void revoke(Map<Pod, List<Revoked>> connections, Runnable done) {
    var order = new Revocation.Order(done);
    connections.forEach((pod, its) -> revoke(pod, its, order));
    order.whole();
  }

  private void revoke(Pod pod, List<Revoked> connections, Revocation.Order order) {
    var sockets = node.sockets(pod);
    if (sockets == null) {
      order.fail(); // the pod is gone, or its sockets cannot be listed
      return;
    }
    try {
      var open = new HashMap<Tuple, List<Listed>>();
      for (var socket : sockets.list(SockDiag.State.OPEN)) {
        open.computeIfAbsent(socket.tuple(), _ -> new ArrayList<>(1)).add(socket);
      }
      for (var connection : connections) {
        var its = open.getOrDefault(connection.tuple(), List.of());
        if (its.size() != 1 || !isLater(node.opener(pod, connection.tuple()), connection)) {
          its.forEach(socket -> revocation.doom(pod.id(), socket, ending(pod), order));
        }
      }
    } catch (KernelException e) {
      revocation.failed(pod.id(), e);
      order.fail();
    }
  }

  /** Also when no address stands for the pod any more, but not once it is gone. */
  private Revocation.Ending ending(Pod pod) {
    return socket -> {
      var sockets = node.sockets(pod);
      return sockets != null && sockets.destroy(socket);
    };
  }

  /**
   * Whether the socket with the ends of a connection is another, opened later. A process can bind
   * two to different interfaces, so that both have these ends: then nobody knows which is which,
   * and both end; and a note of a socket that is closed is not of the one that is open.
   */
  private static boolean isLater(@Nullable Owner opener, Revoked connection) {
    return opener != null
        && opener.closeNanos() == 0
        && opener.connectNanos() > connection.seenNanos();
  }

  /** A cgroup is guarded until it is removed, also when no process of it is seen any more. */
  private void forget(Kernel own, Set<String> ids) {
    pods.keySet().retainAll(ids);
    book.keep(ids);
    proxies.keep(ids);
    revocation.keep(ids);
    reopening.keep(ids);
    events.keep(ids);
    names.keep(ids);
    var guarded = own.guard().guarded();
    guarded.removeAll(podsByCgroup.keySet());
    var there = guarded.isEmpty() || looks++ % LOOKS != 0 ? null : own.cgroups().all();
    if (there == null) {
      return;
    }
    guarded.removeAll(there);
    for (var id : guarded) {
      try {
        own.guard().detach(id);
      } catch (KernelException e) {
        throw new IllegalStateException("the guard of a cgroup that is gone stays", e);
      }
    }
  }

  private PodGuard state(Kernel own, Pod pod) {
    var guarded = requireNonNull(pods.get(pod.id()), "looked at before");
    var totals = Totals.NONE;
    for (var id : guarded.cgroups) {
      totals = totals.plus(own.guard().totals(id));
    }
    var all = new ArrayList<>(guarded.problems);
    for (var problem : List.of(revocation.problem(pod.id()), reopening.problem(pod.id()))) {
      if (!problem.isEmpty()) {
        all.add(problem);
      }
    }
    if (totals.lost() > 0) {
      all.add(totals.lost() + " connects or DNS answers could not be noted: no memory for it");
    }
    var applied = guarded.applied;
    return new PodGuard(
        pod.id(),
        guarded.kept ? Mode.ENFORCE : applied == null ? null : applied.mode(),
        guarded.spoken,
        all,
        totals,
        guarded.raw.holders(),
        guarded.raw.able(),
        guarded.raw.named(),
        revocation.destroyed(pod.id()));
  }

  /** Waits for DNS answers that pods received, at most that long; for one thread. */
  public void readAnswers(int timeoutMillis) {
    if (kernel == null) {
      return;
    }
    kernel.guard().readAnswers(timeoutMillis, this::answered);
  }

  private void answered(byte[] record) {
    var pod = podsByCgroup.get(GuardRecord.number(record, 0));
    if (pod == null) {
      return;
    }
    var answer = DnsMessage.answer(record, GuardRecord.ANSWER_PAYLOAD, answerBytes(record));
    if (answer != null) {
      if (names.heard(pod, answer)) {
        node.named();
      }
    }
  }

  private static int answerBytes(byte[] record) {
    return Math.clamp(
        GuardRecord.number(record, GuardRecord.ANSWER_LENGTH), 0, GuardRecord.ANSWER_MOST);
  }

  /** Whether anything can be guarded. */
  public boolean works() {
    return kernel != null;
  }

  /** Why nothing is guarded, or not as well as it could be, in words. */
  public List<String> problems() {
    return problems;
  }

  /** The cgroups of a pod's proxy and of the one before, also when they have ended; may be none. */
  public Set<Long> proxyCgroups(String pod) {
    return proxyCgroups.getOrDefault(pod, Set.of());
  }

  /** How each pod is guarded. */
  public List<PodGuard> states() {
    return states;
  }

  /** What was counted at all pods since the bridge started, also at those that are gone. */
  public Totals totals() {
    return totals;
  }

  /** Connections that were ended since the bridge started. */
  public long destroyed() {
    return destroyed;
  }

  /** What went past the sidecars, with counts since the bridge started. */
  public List<GuardEvent> events() {
    return events.events();
  }

  /** The names that pods asked for, with what they were told. */
  public DnsMemory names() {
    return names;
  }

  /** Stops to look. Where the guard is pinned it goes on with the last policies. */
  @Override
  public synchronized void close() {
    if (kernel != null) {
      kernel.guard().close();
      kernel.root().close();
      kernel.lock().close();
    }
  }
}
