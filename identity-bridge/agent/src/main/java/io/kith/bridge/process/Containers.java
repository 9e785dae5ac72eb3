package io.kith.bridge.process;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The containers of the node, found by looking at the mount namespaces of its processes.
 *
 * <p>A container is a mount namespace that is neither the host's nor our own. Its oldest process is
 * its first; what that one's root is made of is believed, because later processes can make mounts
 * of their own. Thread-safe.
 */
final class Containers {
  private static final long LOOK_AGAIN_NANOS = 1_000_000_000;

  /**
   * Between two looks for namespaces that nobody is seen in: everybody can make one and leave it.
   */
  private static final long PAUSE_NANOS = 10_000_000;

  private static final int PAUSE_PER_LOOK = 4;

  private final Set<String> hosts = new HashSet<>();
  private final @Nullable String hostNumbering;
  private final @Nullable String hostUsers;
  private final LongSupplier nanoTime;
  private final Supplier<List<Integer>> pids;
  private final Map<String, Container> known = new ConcurrentHashMap<>();
  private final Object turn = new Object(); // of who looks, for whom nobody waits that need not
  private final AtomicLong begun = new AtomicLong(); // looks
  private volatile @Nullable Looked last;

  /** A look at all processes that has ended. */
  private record Looked(long atNanos, long tookNanos) {}

  Containers(LongSupplier nanoTime) {
    this(nanoTime, ProcFs::pids);
  }

  /**
   * The same of other processes.
   *
   * @param pids all that there are
   */
  Containers(LongSupplier nanoTime, Supplier<List<Integer>> pids) {
    this.nanoTime = nanoTime;
    this.pids = pids;
    this.hostNumbering = new ProcFs("/proc/self").link("ns/pid");
    this.hostUsers = new ProcFs("/proc/self").link("ns/user");
    for (var folder : List.of("/proc/1", "/proc/self")) {
      var namespace = new ProcFs(folder).link("ns/mnt");
      if (namespace != null) {
        hosts.add(namespace);
      }
    }
  }

  boolean isHost(String mountNamespace) {
    return hosts.contains(mountNamespace);
  }

  /** Whether processes of this pid namespace have the numbers that we see. */
  boolean isHostNumbering(String pidNamespace) {
    return pidNamespace.equals(hostNumbering);
  }

  /**
   * The container with this mount namespace, which is looked for at once while a process is in it;
   * null for the host's and for one that is gone.
   *
   * @param pid that may be in it; 0 for none
   */
  @Nullable Container of(@Nullable String mountNamespace, int pid) {
    if (mountNamespace == null || isHost(mountNamespace)) {
      return null;
    }
    var container = known.get(mountNamespace);
    if (container == null) {
      if (pid > 0 && mountNamespace.equals(ProcFs.of(pid).link("ns/mnt"))) {
        look();
      } else {
        var before = last;
        var took = before == null ? 0 : before.tookNanos();
        lookAfter(Math.max(PAUSE_NANOS, PAUSE_PER_LOOK * took));
      }
      return known.get(mountNamespace);
    }
    var first = container.first().stat();
    if (first == null || first.startNanos() != container.firstStartNanos()) {
      lookAfter(LOOK_AGAIN_NANOS);
    } else if (first.stack() != container.firstStack()) {
      // A runtime makes the root in the namespace, and calls exec when it is done.
      remember(container.after(first.stack()));
    }
    return known.get(mountNamespace);
  }

  /** The container whose root is on this device. */
  @Nullable Container on(Device device) {
    var container = find(device);
    if (container == null) {
      lookAfter(LOOK_AGAIN_NANOS);
      container = find(device);
    }
    return container;
  }

  private @Nullable Container find(Device device) {
    for (var container : known.values()) {
      if (device.equals(container.root()) && container.firstIsAlive()) {
        return container;
      }
    }
    return null;
  }

  private void lookAfter(long pauseNanos) {
    var before = last;
    if (before == null || nanoTime.getAsLong() - before.atNanos() >= pauseNanos) {
      look();
    }
  }

  /** Looks at all processes, or waits for a look that began after it was asked for. */
  private void look() {
    var before = begun.get();
    synchronized (turn) {
      if (begun.get() > before) {
        return;
      }
      begun.incrementAndGet();
      var from = nanoTime.getAsLong();
      lookAtAll();
      var now = nanoTime.getAsLong();
      last = new Looked(now, now - from);
    }
  }

  private void lookAtAll() {
    var oldest = new HashMap<String, Container>();
    for (var pid : pids.get()) {
      var process = ProcFs.of(pid);
      var namespace = process.link("ns/mnt");
      var stat = namespace == null || isHost(namespace) ? null : process.stat();
      if (namespace != null && stat != null) {
        var before = oldest.get(namespace);
        if (before == null || older(stat.startNanos(), pid, before)) {
          oldest.put(
              namespace,
              new Container(namespace, pid, stat.startNanos(), stat.stack(), null, false, null));
        }
      }
    }
    for (var found : oldest.values()) {
      var before = known.get(found.mountNamespace());
      if (before == null
          || !before.beganWith(found.firstPid(), found.firstStartNanos())
          || before.firstStack() != found.firstStack()
          || (before.overlay() && before.layers() == null)) {
        remember(found);
      }
    }
    known.keySet().retainAll(oldest.keySet());
  }

  private static boolean older(long startNanos, int pid, Container than) {
    return startNanos < than.firstStartNanos()
        || (startNanos == than.firstStartNanos() && pid < than.firstPid());
  }

  /** A survivor of the first process does not become the first; a namespace used again does. */
  private synchronized void remember(Container found) {
    var root = found.first().mounts().root();
    var device = root == null ? null : root.device();
    var before = known.get(found.mountNamespace());
    if (before != null
        && !before.beganWith(found.firstPid(), found.firstStartNanos())
        && device != null
        && device.equals(before.root())) {
      return;
    }
    known.put(
        found.mountNamespace(),
        new Container(
            found.mountNamespace(),
            found.firstPid(),
            found.firstStartNanos(),
            found.firstStack(),
            device,
            root != null && root.type().equals("overlay"),
            root == null ? null : layers(root, found.first(), before)));
  }

  /**
   * The layers as we can reach them. Their names are the host's, on which the runtime is; a bridge
   * in a container has another root.
   *
   * @param before what was known of the container
   */
  private @Nullable Layers layers(
      MountInfo.Mount overlay, ProcFs first, @Nullable Container before) {
    var upper = overlay.upper();
    if (upper == null) {
      return null;
    }
    for (var root : roots(first)) {
      var layers = Layers.of(root, upper, overlay.lowers());
      if (layers != null) {
        var known = before == null ? null : before.layers();
        return known != null && layers.isSameAs(known) ? known : layers; // it has learned something
      }
    }
    return null; // what is in that layer is not known
  }

  /** Where layers may have their names: on the host, where the runtime is, and here. */
  private List<String> roots(ProcFs first) {
    var stat = first.stat();
    var runtime = stat == null ? null : ProcFs.of(stat.parent());
    return runtime == null || !isOutside(runtime)
        ? List.of("/proc/1/root", "/")
        : List.of("/proc/1/root", runtime.folder() + "/root", "/");
  }

  /**
   * Whether a process is of the node and no container's, which could choose its root: it would have
   * to be in a user namespace of its own to do that, or its root would be an image.
   */
  private boolean isOutside(ProcFs process) {
    var root = process.mounts().root();
    return hostUsers != null
        && hostUsers.equals(process.link("ns/user"))
        && root != null
        && !root.type().equals("overlay");
  }
}
