package io.kith.bridge.process;

import io.kith.bridge.ffm.TaskWalk;
import java.util.ArrayList;
import java.util.HashMap;
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

  private static final int MAX_LINEAGE = 8;
  private static final int MAX_DEPTH = 64;
  private static final long NANOS_PER_TICK = 10_000_000;

  private final Containers containers;
  private final Births births;
  private final BoundedMap<Integer, Node> nodes;

  /**
   * A tree of nothing yet.
   *
   * @param remembered processes; more where more are alive
   */
  ProcessTree(Containers containers, Births births, int remembered) {
    this.containers = containers;
    this.births = births;
    this.nodes =
        new BoundedMap<>(
            remembered, (pid, node) -> new ProcessKey(pid, node.startNanos(), 0).isAlive());
  }

  /**
   * A process as it was last seen.
   *
   * @param startNanos after boot, rounded down to 10 ms
   * @param execId of the program that it runs; 0: not known
   * @param parent pid of who forked it, or of who was its parent when first seen; 0 for none
   * @param adopted pid of who is its parent since; 0 for none
   * @param path of its executable inside its root; empty when it could not be read
   * @param mountNamespace null when it could not be read
   */
  record Node(
      int pid,
      long startNanos,
      long execId,
      int parent,
      int adopted,
      String path,
      @Nullable String mountNamespace,
      @Nullable String pidNamespace) {}

  /**
   * The way up to the container's first process.
   *
   * @param lineage executables, nearest first, none twice in a row nor the process's own first
   * @param execSession entered the container from outside, when it was running, as far as the
   *     processes that are there tell
   * @param entered who came into the container from outside; null when that was not seen
   */
  record Ancestry(
      List<String> lineage,
      boolean execSession,
      @Nullable Node entered,
      @Nullable Container container) {}

  /** Looks at a living process and remembers it; null when it is gone. */
  @Nullable Node look(ProcessKey key, int toldParent) {
    var pid = key.pid();
    var process = ProcFs.of(pid);
    var stat = process.stat();
    if (stat == null) {
      return null;
    }
    var executable = process.link("exe");
    var path = executable == null ? "" : process.inside(NamedFile.withoutDeleted(executable));
    var mountNamespace = process.link("ns/mnt");
    var pidNamespace = process.link("ns/pid");
    var again = process.stat();
    if (again == null || again.startNanos() != stat.startNanos()) {
      return null;
    }
    var adopted = toldParent > 0 ? toldParent : stat.parent();
    return seen(
        new Node(
            pid,
            stat.startNanos(),
            key.execId(),
            forkedBy(pid, stat.startNanos(), adopted),
            adopted,
            path,
            mountNamespace,
            pidNamespace),
        again.zombie());
  }

  /**
   * Remembers a process as it is now, and what was known of it before that still holds.
   *
   * @param ended it is a zombie by now, so what was read may be half of it
   */
  private Node seen(Node now, boolean ended) {
    var before = nodes.get(now.pid());
    var node = now;
    if (before != null && before.startNanos() == now.startNanos()) {
      if (ended || now.path().isEmpty()) { // it was seen better before
        return before;
      }
      node =
          new Node(
              now.pid(),
              now.startNanos(),
              Math.max(now.execId(), before.execId()),
              before.parent(),
              before.adopted(),
              now.path(),
              now.mountNamespace(),
              now.pidNamespace());
    }
    nodes.put(node.pid(), node);
    return node;
  }

  /**
   * Remembers living processes of which the kernel told all but the paths; those are read once for
   * each program.
   *
   * @param tasks of one walk
   * @return how many are remembered
   */
  int remember(List<TaskWalk.Task> tasks) {
    var paths = new HashMap<TaskWalk.Program, String>();
    var names = new HashMap<Long, String>();
    var remembered = 0;
    for (var task : tasks) {
      var program = task.program();
      var path = program == null ? "" : paths.get(program);
      if (path == null) {
        path = path(task);
        if (path != null) {
          paths.put(program, path);
        }
      }
      if (path == null) { // gone, or another program by now, or not to be asked
        remembered += look(task.pid()) == null ? 0 : 1;
      } else {
        var mounts = names.computeIfAbsent(task.mounts(), id -> TaskWalk.namespace("mnt", id));
        var pids = names.computeIfAbsent(-task.pids(), id -> TaskWalk.namespace("pid", -id));
        seen(node(task, path, mounts, pids), false);
        remembered++;
      }
    }
    return remembered;
  }

  private Node node(
      TaskWalk.Task task, String path, @Nullable String mounts, @Nullable String pids) {
    var began = tick(task.startNanos());
    return new Node(
        task.pid(),
        began,
        task.execId(),
        forkedBy(task.pid(), began, task.parent()),
        task.parent(),
        path,
        mounts,
        pids);
  }

  /** The path of what a task runs; null when it does not run that any more, or may not be asked. */
  private static @Nullable String path(TaskWalk.Task task) {
    var process = ProcFs.of(task.pid());
    var executable = process.link("exe");
    var path = executable == null ? null : process.inside(NamedFile.withoutDeleted(executable));
    var stat = process.stat();
    return stat != null
            && !stat.zombie()
            && stat.startedAt(task.startNanos())
            && stat.stack() != 0
            && stat.stack() == task.stack()
        ? path
        : null;
  }

  /** The same of a process that nobody told of. */
  @Nullable Node look(int pid) {
    return look(new ProcessKey(pid, 0, 0), 0);
  }

  /** Remembers a process that was executed and is gone. */
  void remember(ExecEvent event, String path) {
    var key = event.key();
    var began = tick(key.startNanos());
    var parent = parent(event.parent(), key.pid(), began, MAX_DEPTH); // they are numbered alike
    nodes.put(
        key.pid(),
        new Node(
            key.pid(),
            began,
            key.execId(),
            forkedBy(key.pid(), began, event.parent()),
            event.parent(),
            path.isEmpty() ? UNSEEN : path,
            event.mountNamespace(),
            parent == null ? null : parent.pidNamespace()));
  }

  /**
   * The pid of who forked a process; where that was not seen, of who is told or known as its
   * parent.
   *
   * @param toldParent pid, or 0
   */
  int forkedBy(ProcessKey key, int toldParent) {
    return key.startNanos() == 0 || toldParent <= 0
        ? parentOf(key.pid())
        : forkedBy(key.pid(), tick(key.startNanos()), toldParent);
  }

  private int forkedBy(int pid, long startNanos, int otherwise) {
    var birth = births.of(pid);
    return birth != null && tick(birth.startNanos()) == startNanos ? birth.parent() : otherwise;
  }

  private static long tick(long nanos) {
    return nanos / NANOS_PER_TICK * NANOS_PER_TICK;
  }

  /** The parent of a process, alive or remembered; null when nothing is known of it. */
  private @Nullable Node parentOf(Node child) {
    var parent = parent(child.parent(), child.pid(), child.startNanos(), MAX_DEPTH);
    return parent != null || child.adopted() == child.parent() || child.adopted() <= 0
        ? parent
        : parent(child.adopted(), child.pid(), child.startNanos(), MAX_DEPTH);
  }

  /**
   * A process that was there when a child started.
   *
   * @param childStartNanos a process that started later is not the parent
   */
  private @Nullable Node parent(int pid, int child, long childStartNanos, int depth) {
    if (pid <= 0) {
      return null;
    }
    var node = look(pid);
    if (node == null) {
      node = nodes.get(pid);
    }
    if (node != null && node.startNanos() > childStartNanos) {
      node = null;
    }
    if (node != null && node.mountNamespace() != null) {
      return node;
    }
    // Gone, or a zombie that nobody has reaped, which does not even show where it was.
    var forked = forked(pid, child, childStartNanos, depth);
    return forked == null ? node : forked;
  }

  /**
   * A process that was never seen, from its birth: it runs what the process ran that forked it.
   * Where one of the two has called exec in between, its program stays unknown.
   */
  private @Nullable Node forked(int pid, int child, long childStartNanos, int depth) {
    var birth = births.of(pid);
    if (birth == null || depth == 0 || tick(birth.startNanos()) > childStartNanos) {
      return null;
    }
    var began = tick(birth.startNanos());
    var maker = parent(birth.parent(), pid, began, depth - 1);
    if (maker == null) {
      return null;
    }
    var last = births.of(child);
    var same =
        (maker.execId() == 0 || maker.execId() == birth.execId())
            && (last == null || last.parent() != pid || last.execId() == birth.execId());
    return new Node(
        pid,
        began,
        birth.execId(),
        birth.parent(),
        birth.parent(),
        same ? maker.path() : UNSEEN,
        maker.mountNamespace(),
        maker.pidNamespace());
  }

  /** How the last process with this pid came to be; null when that was not seen. */
  @Nullable Birth birth(int pid) {
    return births.of(pid);
  }

  /**
   * Whether a process may have executed as often when it was seen.
   *
   * @param startNanos after boot, rounded down to 10 ms
   */
  boolean mayRun(int pid, long startNanos, long execId) {
    var node = nodes.get(pid);
    return node == null
        || node.startNanos() != startNanos
        || node.execId() == 0
        || execId == 0
        || node.execId() == execId;
  }

  /** The pid of the remembered or living parent of a process; 0 when there is none. */
  int parentOf(int pid) {
    var node = nodes.get(pid);
    if (node == null) {
      node = look(pid);
    }
    if (node != null) {
      return node.parent();
    }
    var birth = births.of(pid);
    return birth == null ? 0 : birth.parent();
  }

  /** The ancestors of a living process. */
  Ancestry ancestry(Node process) {
    var lineage = new ArrayList<String>();
    var current = process;
    var complete = true;
    for (var depth = 0; depth < MAX_DEPTH && current.parent() > 0; depth++) {
      var parent = parentOf(current);
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
    var container = containers.of(current.mountNamespace(), current.pid());
    var first = container != null && container.beganWith(current.pid(), current.startNanos());
    if (!complete && !first) {
      append(lineage, process.path(), UNSEEN);
    }
    var fromOutside = complete && container != null;
    return new Ancestry(
        List.copyOf(lineage), fromOutside && !first, fromOutside ? current : null, container);
  }

  /**
   * The lineage of a process that is gone, from its parent on.
   *
   * @param path of its executable
   * @param toldParent its parent when it was last seen
   * @param container that the kernel had it in, or null
   */
  Ancestry ancestryOfGone(
      String path, ProcessKey key, int toldParent, @Nullable Container container) {
    var began = tick(key.startNanos());
    var parent = forkedBy(key.pid(), began, toldParent);
    var gone = new Node(key.pid(), began, key.execId(), parent, toldParent, path, null, null);
    var node = parentOf(gone);
    if (node == null) {
      return new Ancestry(List.of(UNSEEN), false, null, null);
    }
    if (node.mountNamespace() == null
        || containers.isHost(node.mountNamespace())
        || isOutside(node, container)) {
      return new Ancestry(List.of(), false, null, null);
    }
    var above = ancestry(node);
    var lineage = new ArrayList<String>();
    append(lineage, path, node.path());
    above.lineage().forEach(ancestor -> append(lineage, path, ancestor));
    return new Ancestry(
        List.copyOf(lineage), above.execSession(), above.entered(), above.container());
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

  /** The same of a container's process that is gone: a runtime may have mounts of its own. */
  private boolean isOutside(Node parent, @Nullable Container container) {
    if (container == null || parent.pidNamespace() == null) {
      return false;
    }
    var inside = container.first().link("ns/pid");
    return inside != null
        && containers.isHostNumbering(parent.pidNamespace())
        && !inside.equals(parent.pidNamespace());
  }

  private static void append(List<String> lineage, String own, String ancestor) {
    var last = lineage.isEmpty() ? own : lineage.getLast();
    if (!last.equals(ancestor) && lineage.size() < MAX_LINEAGE) {
      lineage.add(ancestor);
    }
  }
}
