package io.kith.bridge.process;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Who started whom, remembered beyond the life of the parents. Thread-safe.
 *
 * <p>A process keeps the parent that it was first seen with: when that one exits the kernel names a
 * new one, which is no ancestor.
 */
final class ProcessTree {
  /** Stands for an ancestor that was gone before anybody looked. */
  static final String UNSEEN = "?";

  private static final int CAPACITY = 32_768;
  private static final int MAX_LINEAGE = 8;
  private static final int MAX_DEPTH = 64;

  private final Containers containers;
  private final BoundedMap<Integer, Node> nodes = new BoundedMap<>(CAPACITY);

  ProcessTree(Containers containers) {
    this.containers = containers;
  }

  /**
   * A process as it was last seen.
   *
   * @param startNanos after boot, rounded down to 10 ms
   * @param parent pid; 0 for none
   * @param path of its executable inside its root; empty when it could not be read
   * @param mountNamespace null when it could not be read
   */
  record Node(
      int pid,
      long startNanos,
      int parent,
      String path,
      @Nullable String mountNamespace,
      @Nullable String pidNamespace) {}

  /**
   * The way up to the container's first process.
   *
   * @param lineage executables, nearest first, none twice in a row nor the process's own first
   * @param execSession entered the container from outside, when it was running
   */
  record Ancestry(List<String> lineage, boolean execSession, @Nullable Container container) {}

  /** Looks at a living process and remembers it; null when it is gone. */
  @Nullable Node look(int pid, int toldParent) {
    return look(pid, toldParent, ProcFs.of(pid));
  }

  private @Nullable Node look(int pid, int toldParent, ProcFs process) {
    var stat = process.stat();
    if (stat == null) {
      return null;
    }
    var executable = process.link("exe");
    var path = executable == null ? "" : process.inside(withoutDeleted(executable));
    var mountNamespace = process.link("ns/mnt");
    var pidNamespace = process.link("ns/pid");
    var again = process.stat();
    if (again == null || again.startNanos() != stat.startNanos()) {
      return null;
    }
    var before = nodes.get(pid);
    var parent = toldParent > 0 ? toldParent : stat.parent();
    if (before != null && before.startNanos() == stat.startNanos()) {
      parent = before.parent();
      if (path.isEmpty()) { // a zombie shows nothing, and was seen better before
        return before;
      }
    }
    var node = new Node(pid, stat.startNanos(), parent, path, mountNamespace, pidNamespace);
    nodes.put(pid, node);
    return node;
  }

  /** For display, where a file that is really named so does no harm. */
  private static String withoutDeleted(String path) {
    var suffix = " (deleted)";
    return path.endsWith(suffix) ? path.substring(0, path.length() - suffix.length()) : path;
  }

  /**
   * A process that was there when a child started, alive or remembered.
   *
   * @param childStartNanos a process that started later is not the parent
   */
  private @Nullable Node parent(int pid, long childStartNanos) {
    var node = look(pid, 0);
    if (node != null && node.startNanos() <= childStartNanos) {
      return node;
    }
    var before = nodes.get(pid);
    return before != null && before.startNanos() <= childStartNanos ? before : null;
  }

  /** The pid of the remembered or living parent of a process; 0 when there is none. */
  int parentOf(int pid) {
    var node = nodes.get(pid);
    if (node == null) {
      node = look(pid, 0);
    }
    return node == null ? 0 : node.parent();
  }

  /** The ancestors of a living process. */
  Ancestry ancestry(Node process) {
    var lineage = new ArrayList<String>();
    var current = process;
    var complete = true;
    for (var depth = 0; depth < MAX_DEPTH && current.parent() > 0; depth++) {
      var parent = parent(current.parent(), current.startNanos());
      if (parent == null) {
        complete = false;
        break;
      }
      if (isOutside(parent, current)) {
        break;
      }
      append(lineage, process.path(), parent.path());
      current = parent;
    }
    var container = containers.of(current.mountNamespace());
    var first = container != null && container.beganWith(current.pid(), current.startNanos());
    if (!complete && !first) {
      append(lineage, process.path(), UNSEEN);
    }
    return new Ancestry(List.copyOf(lineage), complete && container != null && !first, container);
  }

  /**
   * The lineage of a process that is gone, from its parent on.
   *
   * @param path of its executable
   */
  Ancestry ancestryOfGone(String path, int parent, long startNanos) {
    var node = parent <= 0 ? null : parent(parent, startNanos);
    if (node == null) {
      return new Ancestry(List.of(UNSEEN), false, null);
    }
    if (node.mountNamespace() == null || containers.isHost(node.mountNamespace())) {
      return new Ancestry(List.of(), false, null);
    }
    var above = ancestry(node);
    var lineage = new ArrayList<String>();
    append(lineage, path, node.path());
    above.lineage().forEach(ancestor -> append(lineage, path, ancestor));
    return new Ancestry(List.copyOf(lineage), above.execSession(), above.container());
  }

  /**
   * Whether the container ends between a parent and its child. A parent whose processes are
   * numbered by the host while the child's are not is a runtime's shim; a mount namespace of the
   * child's own, which every user can make, is no end.
   */
  private boolean isOutside(Node parent, Node child) {
    if (parent.mountNamespace() == null || containers.isHost(parent.mountNamespace())) {
      return true;
    }
    return parent.pidNamespace() != null
        && child.pidNamespace() != null
        && containers.isHostNumbering(parent.pidNamespace())
        && !parent.pidNamespace().equals(child.pidNamespace());
  }

  private static void append(List<String> lineage, String own, String ancestor) {
    var last = lineage.isEmpty() ? own : lineage.getLast();
    if (!last.equals(ancestor) && lineage.size() < MAX_LINEAGE) {
      lineage.add(ancestor);
    }
  }
}
