package io.kith.bridge.capture;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.kith.baselines.identity.IpAddress;
import io.kith.bridge.ffm.Conntrack;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.NetworkNamespace;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.TaskWalk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The network namespaces of this machine, found by their processes; that of the host is left out,
 * and our own as well unless it is asked for.
 *
 * <p>For each, one connection tracking and one socket diagnosis socket stay open inside it. {@link
 * #refresh} is called now and then and when an address is not known; look-ups never wait for it.
 */
final class Pods implements AutoCloseable {
  private static final Path PROC = Path.of("/proc");

  private static final String UNREADABLE = "its addresses cannot be read: those that it had count";

  /** An address that is not known is worth one look at all processes in this time. */
  private static final long LOOK_AGAIN_NANOS = 1_000_000_000L;

  private final @Nullable String own = link(PROC.resolve("self/ns/net"));
  private final Cookies cookies;
  private final Walk walk;
  private final boolean withOwn;
  private final ReentrantLock turn = new ReentrantLock();
  private final Map<String, Inside> open = new HashMap<>();
  private volatile long lookedAt = System.nanoTime() - LOOK_AGAIN_NANOS;
  private volatile Map<IpAddress, Inside> byAddress = Map.of();
  private volatile List<Pod> all = List.of();
  private volatile Map<String, Inside> living = Map.of();
  private final AtomicLong changes = new AtomicLong();
  private volatile List<String> problems = List.of();

  /** How to learn the number of the calling thread's network namespace in BPF records. */
  interface Cookies {
    long here() throws KernelException;
  }

  /** Lists every process there is; null when that cannot be had, and {@code /proc} must do. */
  interface Walk {
    @Nullable List<TaskWalk.Task> tasks();
  }

  /**
   * No pods yet.
   *
   * @param withOwn our own network is a pod too, with its loopback addresses
   */
  Pods(Cookies cookies, Walk walk, boolean withOwn) {
    this.cookies = cookies;
    this.walk = walk;
    this.withOwn = withOwn;
  }

  /**
   * A pod with what was opened inside it.
   *
   * @param conntrack null when the kernel refuses, as {@code problem} says
   * @param cookie number of the namespace in BPF records, later ones are higher; 0 when the kernel
   *     does not tell
   * @param ours the namespace was made by the host's users, as runtimes do it
   */
  record Inside(
      Pod pod,
      long cookie,
      boolean ours,
      @Nullable Conntrack conntrack,
      @Nullable SockDiag diag,
      String problem) {
    private Inside with(Pod newer) {
      return with(newer, problem);
    }

    private Inside with(Pod newer, String words) {
      return new Inside(newer, cookie, ours, conntrack, diag, words);
    }

    /**
     * The one whose claim counts first: anybody can make a network with any address in it, but only
     * with users of their own, and not before the pod has its own.
     */
    private static final Comparator<Inside> BY_CLAIM =
        Comparator.comparing((Inside inside) -> !inside.ours)
            .thenComparing(inside -> inside.cookie - 1, Long::compareUnsigned); // 0 is last

    private Inside orRather(Inside other) {
      return BY_CLAIM.compare(this, other) <= 0 ? this : other;
    }

    private Inside withOnly(Set<IpAddress> addresses) {
      var shared = new HashSet<>(pod.addresses());
      shared.removeAll(addresses);
      return with(new Pod(pod.id(), addresses, shared, pod.pids()));
    }

    private void close() {
      if (conntrack != null) {
        conntrack.close();
      }
      if (diag != null) {
        diag.close();
      }
    }
  }

  /** Looks for pods; returns whether their addresses changed. */
  boolean refresh() throws InterruptedException {
    turn.lockInterruptibly();
    try {
      return look();
    } finally {
      turn.unlock();
    }
  }

  /**
   * Looks for pods unless somebody just did or does; for callers that must not wait. Returns
   * whether their addresses changed.
   */
  boolean refreshIfOld() throws InterruptedException {
    if (System.nanoTime() - lookedAt >= LOOK_AGAIN_NANOS && turn.tryLock()) {
      try {
        return look();
      } finally {
        turn.unlock();
      }
    }
    return false;
  }

  private boolean look() throws InterruptedException {
    Map<String, List<Integer>> pidsByNamespace;
    try {
      pidsByNamespace = pidsByNamespace();
    } catch (IOException | DirectoryIteratorException e) {
      problems = List.of("pods cannot be looked for: /proc cannot be listed: " + e.getMessage());
      return false; // what is known stays
    }
    var found = new HashMap<IpAddress, Inside>();
    var failures = new ArrayList<String>();
    for (var entry : pidsByNamespace.entrySet()) {
      var inside = look(entry.getKey(), entry.getValue());
      if (inside != null) {
        for (var address : inside.pod.addresses()) {
          var other = found.get(address);
          found.put(address, other == null ? inside : inside.orRather(other));
          if (other != null) {
            failures.add(
                inside.pod.id()
                    + " and "
                    + other.pod.id()
                    + " both have "
                    + address
                    + ": it stands for "
                    + inside.orRather(other).pod.id());
          }
        }
        if (!inside.problem.isEmpty()) {
          failures.add("in " + inside.pod.id() + ": " + inside.problem);
        }
      }
    }
    open.entrySet()
        .removeIf(
            entry -> {
              var gone = !pidsByNamespace.containsKey(entry.getKey());
              if (gone) {
                entry.getValue().close();
              }
              return gone;
            });
    var changed = !addressesOf(found).equals(addressesOf(byAddress));
    all = shareOut(found).stream().sorted(Inside.BY_CLAIM).map(Inside::pod).toList();
    byAddress = Map.copyOf(found);
    living = Map.copyOf(open);
    problems = List.copyOf(failures);
    lookedAt = System.nanoTime();
    if (changed) {
      changes.incrementAndGet();
    }
    return changed;
  }

  /** Leaves each pod the addresses that stand for it; returns them all. */
  private static Collection<Inside> shareOut(Map<IpAddress, Inside> found) {
    var theirs = new HashMap<String, Set<IpAddress>>();
    found.forEach(
        (address, inside) ->
            theirs.computeIfAbsent(inside.pod.id(), _ -> new HashSet<>()).add(address));
    var pods = new HashMap<String, Inside>();
    found.replaceAll(
        (_, inside) ->
            pods.computeIfAbsent(
                inside.pod.id(), id -> inside.withOnly(theirs.getOrDefault(id, Set.of()))));
    return pods.values();
  }

  private static Map<IpAddress, String> addressesOf(Map<IpAddress, Inside> pods) {
    var ids = new HashMap<IpAddress, String>();
    pods.forEach((address, inside) -> ids.put(address, inside.pod.id()));
    return ids;
  }

  /** The pod with this address, or null. */
  @Nullable Inside at(IpAddress address) {
    return byAddress.get(address);
  }

  /** How often the addresses of pods changed; read before {@link #all}, never ahead of it. */
  long changes() {
    return changes.get();
  }

  /** Every pod that has an address; first those of the host's users, and the older first. */
  List<Pod> all() {
    return all;
  }

  /** The pod with this id, be it without an address that stands for it; null when it is gone. */
  @Nullable Inside of(String id) {
    return living.get(id);
  }

  /** The numbers of their namespaces in BPF records. */
  Set<Long> cookies() {
    var cookies = new HashSet<Long>();
    byAddress.values().forEach(inside -> cookies.add(inside.cookie));
    cookies.remove(0L);
    return cookies;
  }

  /** What could not be opened inside the pods, in words. */
  List<String> problems() {
    return problems;
  }

  private @Nullable Inside look(String id, List<Integer> pids) throws InterruptedException {
    for (var pid : pids) {
      var addresses = addresses(id, pid);
      if (addresses != null) {
        var pod = new Pod(id, addresses, Set.of(), pids);
        var known = open.get(id);
        var inside =
            known == null || !known.problem.isEmpty() ? enter(pod, pid, known) : known.with(pod);
        open.put(id, inside);
        return inside;
      }
    }
    var known = open.get(id);
    return known == null || pids.stream().noneMatch(pid -> Files.exists(PROC.resolve("" + pid)))
        ? null
        : known.with(new Pod(id, known.pod.addresses(), Set.of(), pids), UNREADABLE);
  }

  /** Null when it cannot be told, as of a process that is gone. */
  private @Nullable Set<IpAddress> addresses(String id, int pid) {
    var loopback = id.equals(own);
    var net = PROC.resolve(Integer.toString(pid)).resolve("net");
    try {
      var addresses = new HashSet<>(AddressFiles.v4(text(net.resolve("fib_trie")), loopback));
      if (Files.exists(net.resolve("if_inet6"))) {
        addresses.addAll(AddressFiles.v6(text(net.resolve("if_inet6")), loopback));
      }
      return addresses;
    } catch (IOException | UncheckedIOException _) {
      return null;
    }
  }

  /** In which an interface's name, of any bytes, cannot be a mistake. */
  private static String text(Path file) throws IOException {
    return Files.readString(file, ISO_8859_1);
  }

  /**
   * Opens what is not open yet.
   *
   * @param before what was opened when it was tried last, which somebody may be using
   */
  private Inside enter(Pod pod, int pid, @Nullable Inside before) throws InterruptedException {
    var diag = before == null ? null : before.diag;
    if (pod.id().equals(own)) {
      return openInside(pod, true, diag); // entering takes a privilege, being there does not
    }
    try (var namespace = NetworkNamespace.open("/proc/" + pid + "/ns/net")) {
      var ours = namespace.isOfOurUsers();
      return namespace.call(() -> openInside(pod, ours, diag));
    } catch (KernelException e) {
      return before != null
          ? before.with(pod)
          : new Inside(pod, 0, false, null, null, String.valueOf(e.getMessage()));
    }
  }

  /** Runs inside the namespace. */
  private Inside openInside(Pod pod, boolean ours, @Nullable SockDiag before) {
    var problem = "";
    var cookie = 0L;
    Conntrack conntrack = null;
    var diag = before;
    try {
      diag = diag == null ? SockDiag.open() : diag;
      cookie = cookies.here();
      conntrack = Conntrack.open();
    } catch (KernelException e) {
      problem = String.valueOf(e.getMessage());
    }
    return new Inside(pod, cookie, ours, conntrack, diag, problem);
  }

  private Map<String, List<Integer>> pidsByNamespace() throws IOException {
    var tasks = walk.tasks();
    if (tasks != null) {
      return pidsByNamespace(tasks);
    }
    var host = link(PROC.resolve("1/ns/net"));
    var found = new HashMap<String, List<Integer>>();
    try (var processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (var process : processes) {
        var id = link(process.resolve("ns/net"));
        if (id != null && isPod(id, host)) {
          found.computeIfAbsent(id, _ -> new ArrayList<>()).add(pidOf(process));
        }
      }
    }
    return found;
  }

  /** The host's is that of process 1, also where /proc hides it. */
  private Map<String, List<Integer>> pidsByNamespace(List<TaskWalk.Task> tasks) {
    var byNumber = new HashMap<Long, List<Integer>>();
    String host = null;
    for (var task : tasks) {
      byNumber.computeIfAbsent(task.network(), _ -> new ArrayList<>()).add(task.pid());
      if (task.pid() == 1) {
        host = TaskWalk.namespace("net", task.network());
      }
    }
    var hosts = host;
    var found = new HashMap<String, List<Integer>>();
    byNumber.forEach(
        (number, pids) -> {
          var id = TaskWalk.namespace("net", number);
          if (id != null && isPod(id, hosts)) {
            found.put(id, pids);
          }
        });
    return found;
  }

  private boolean isPod(String id, @Nullable String host) {
    return id.equals(own) ? withOwn : !id.equals(host);
  }

  /** The processes in a network namespace now; costs a few microseconds per process of the host. */
  static List<Integer> pidsIn(String id) throws IOException {
    var found = new ArrayList<Integer>();
    try (var processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (var process : processes) {
        if (id.equals(link(process.resolve("ns/net")))) {
          found.add(pidOf(process));
        }
      }
    }
    return found;
  }

  private static int pidOf(Path process) {
    return Integer.parseInt(process.getFileName().toString());
  }

  private static @Nullable String link(Path path) {
    try {
      return Files.readSymbolicLink(path).toString();
    } catch (IOException _) {
      return null;
    }
  }

  @Override
  public void close() {
    turn.lock();
    try {
      open.values().forEach(Inside::close);
      open.clear();
      byAddress = Map.of();
      living = Map.of();
      all = List.of();
    } finally {
      turn.unlock();
    }
  }
}
