package io.kith.bridge.capture;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Rung;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.Tuple;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Which processes opened a connection: by the kernel's own record where it can be had, by who holds
 * the socket where not.
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
  private static final long RECENT_NANOS = 10_000_000_000L;

  private final Settings settings;
  private final Pods pods = new Pods();
  private final @Nullable KernelCapture kernel;
  private final List<String> problems;
  private final boolean holdersCanBeFound;
  private volatile boolean canaryFound;
  private volatile String canaryProblem = "";
  private volatile String reserveProblem = "";

  /**
   * How to look.
   *
   * @param proxyPorts where the proxy listens for redirected connections
   * @param proxyUid user of the proxy, whose own connections are never its clients'
   * @param entries connections remembered in the kernel
   * @param cgroup root of the cgroup v2 tree, or null to find it
   * @param pin folder on the BPF file system where capture outlives us, or null
   */
  public record Settings(
      List<Integer> proxyPorts,
      int proxyUid,
      int entries,
      @Nullable Path cgroup,
      @Nullable Path pin) {
    public Settings {
      proxyPorts = List.copyOf(proxyPorts);
    }

    /** With a capture that ends with us. */
    public Settings(List<Integer> proxyPorts, int proxyUid, int entries, @Nullable Path cgroup) {
      this(proxyPorts, proxyUid, entries, cgroup, null);
    }
  }

  private SocketOwners(
      Settings settings,
      @Nullable KernelCapture kernel,
      boolean holdersCanBeFound,
      List<String> problems) {
    this.settings = settings;
    this.kernel = kernel;
    this.holdersCanBeFound = holdersCanBeFound;
    this.problems = List.copyOf(problems);
  }

  /** Starts to look, as well as this machine and this user allow; {@link #problems} says how. */
  public static SocketOwners open(Settings settings) throws InterruptedException {
    var problems = new ArrayList<String>();
    KernelCapture kernel = null;
    try {
      var cgroup = settings.cgroup() == null ? CgroupRoot.find() : settings.cgroup();
      kernel = KernelCapture.open(cgroup, settings.entries(), settings.pin());
      problems.addAll(kernel.problems());
    } catch (KernelException | CgroupRoot.NotFoundException e) {
      problems.add(
          "connections are not seen as they are made: "
              + e.getMessage()
              + " (run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN)");
    }
    var owners = new SocketOwners(settings, kernel, canEnterPods(problems), problems);
    owners.refreshPods();
    owners.checkCanary();
    return owners;
  }

  /**
   * Whether pods can be asked from inside who holds a socket: our own network stands for theirs.
   */
  private static boolean canEnterPods(List<String> problems) throws InterruptedException {
    try (var own = NetworkNamespace.open("/proc/self/ns/net")) {
      own.call(SockDiag::open).close();
      return true;
    } catch (KernelException e) {
      problems.add(
          "pods cannot be asked who holds a socket: "
              + e.getMessage()
              + " (run as root, or with CAP_SYS_ADMIN and CAP_NET_ADMIN)");
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
    if (kernel == null || !canaryFound) {
      return holdersCanBeFound ? Rung.DIAG : Rung.WORKLOAD_ONLY;
    }
    return kernel.knowsExecutables() ? Rung.KERNEL_EXACT : Rung.KERNEL_PID;
  }

  /** Why the rung is not higher and what does not work, in words. */
  public List<String> problems() {
    var all = new ArrayList<>(problems);
    if (!canaryProblem.isEmpty()) {
      all.add(canaryProblem);
    }
    if (!reserveProblem.isEmpty()) {
      all.add(reserveProblem);
    }
    all.addAll(pods.problems());
    return all;
  }

  /** Whether the last connection to itself was found. */
  public boolean canaryFound() {
    return canaryFound;
  }

  /** The pods with an address. */
  public List<Pod> pods() {
    return pods.all();
  }

  /** Looks for pods that came or went; returns whether any did. */
  public boolean refreshPods() throws InterruptedException {
    var changed = pods.refresh();
    if (kernel != null) {
      try {
        kernel.tables().reserveFor(pods.cookies());
        reserveProblem = "";
      } catch (KernelException e) {
        reserveProblem = "pods can push each other's connections out: " + e.getMessage();
      }
    }
    return changed;
  }

  /** Connections seen by the kernel since its programs were first attached. */
  public long connectsSeen() {
    return kernel == null ? 0 : kernel.tables().connects();
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
   * connections are made and read what they should.
   */
  public boolean checkCanary() {
    if (kernel == null) {
      return false;
    }
    canaryProblem = Canary.run(kernel);
    canaryFound = canaryProblem.isEmpty();
    return canaryFound;
  }

  /** Whether {@link #readExecs} ever has something. */
  public boolean reportsExecs() {
    return kernel != null && kernel.reportsExecs();
  }

  /** Waits for started programs at most that long and hands them over; for one thread. */
  public int readExecs(int timeoutMillis, Consumer<Exec> consumer) {
    return kernel == null ? 0 : kernel.readExecs(timeoutMillis, consumer);
  }

  /** How the last process with this pid was forked; null when that was not seen. */
  public @Nullable Fork fork(int pid) {
    return kernel == null ? null : kernel.fork(pid);
  }

  /** Who opened a connection, asked with the addresses that the proxy has. */
  public Resolution resolve(Tuple seen) throws InterruptedException {
    var inside = pods.at(seen.source());
    if (inside == null) {
      refreshPods();
      inside = pods.at(seen.source());
    }
    if (inside == null) {
      return unknown(Rung.WORKLOAD_ONLY, seen, List.of("no pod here has " + seen.source()));
    }
    var reasons = new ArrayList<String>();
    var tracked = original(inside, seen, reasons);
    var tuple = tracked == null ? seen : tracked;
    var verified = tracked != null;
    if (kernel != null && canaryFound && inside.cookie() != 0) {
      var owners = fromKernel(kernel, inside.cookie(), tuple, reasons);
      if (!owners.isEmpty()) {
        return new Resolution(owners, rung(), verified, tuple.sourcePort(), reasons);
      }
      reasons.add("the kernel has no record of " + tuple);
    }
    var holders = holders(inside, tuple, reasons);
    var rung = inside.diag() == null ? Rung.WORKLOAD_ONLY : Rung.DIAG;
    return new Resolution(holders, rung, verified, tuple.sourcePort(), reasons);
  }

  private static Resolution unknown(Rung rung, Tuple seen, List<String> reasons) {
    return new Resolution(List.of(), rung, false, seen.sourcePort(), reasons);
  }

  /** The connection before NAT, or null when it is not tracked as a redirected one. */
  private @Nullable Tuple original(Pods.Inside inside, Tuple seen, List<String> reasons) {
    var conntrack = inside.conntrack();
    if (conntrack == null) {
      reasons.add("connection tracking cannot be read: " + inside.problem());
      return null;
    }
    var loopback = IpAddress.parse(seen.source().bytes().length == 4 ? "127.0.0.1" : "::1");
    for (var port : settings.proxyPorts()) {
      try {
        var reply = new Tuple(loopback, port, seen.source(), seen.sourcePort());
        var original = conntrack.original(reply);
        if (original != null
            && original.destination().equals(seen.destination())
            && original.destinationPort() == seen.destinationPort()) {
          return original;
        }
      } catch (KernelException e) {
        reasons.add("connection tracking did not answer: " + e.getMessage());
        return null;
      }
    }
    reasons.add("not tracked as redirected: the addresses are taken as the proxy saw them");
    return null;
  }

  private List<Owner> fromKernel(
      KernelCapture capture, long cookie, Tuple tuple, List<String> reasons) {
    var found = capture.owners(cookie, tuple);
    if (found.isEmpty()) {
      return found;
    }
    var latest = found.stream().map(Owner::connectNanos).max(Comparator.naturalOrder()).orElse(0L);
    var owners = new ArrayList<Owner>(found.size());
    for (var owner : found) {
      var closed = owner.closeNanos();
      if (owner.uid() == settings.proxyUid()) {
        reasons.add("the proxy's own connection is not its client's");
      } else if (closed == 0 || closed >= latest - RECENT_NANOS) {
        owners.add(owner);
      }
    }
    if (owners.size() > 1) {
      reasons.add(owners.size() + " processes used these addresses of late: all of them count");
    }
    return owners;
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
        reasons.add("there is no such socket any more");
        return List.of();
      }
      if (socket.uid() == settings.proxyUid()) {
        reasons.add("the proxy's own connection is not its client's");
        return List.of();
      }
      if (socket.inode() == 0) {
        reasons.add("no process holds the socket any more");
        return List.of();
      }
      var owners =
          SocketHolders.of(socket.inode(), inside.pod().pids()).stream()
              .map(pid -> Owner.holder(pid, socket.uid()))
              .toList();
      if (owners.isEmpty()) {
        reasons.add("no process of the pod was found that holds the socket");
      }
      return owners;
    } catch (KernelException e) {
      reasons.add("sockets cannot be looked up: " + e.getMessage());
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
