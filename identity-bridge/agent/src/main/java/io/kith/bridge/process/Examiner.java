package io.kith.bridge.process;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.baselines.process.EntryKind;
import io.kith.baselines.process.Origin;
import io.kith.bridge.container.ContainerDirectory;
import io.kith.bridge.container.Placement;
import io.kith.bridge.ffm.FileStat;
import io.kith.bridge.ffm.PosixFile;
import io.kith.bridge.process.Examined.Entry;
import io.kith.bridge.process.HashCache.Hash;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Looks at a process while it is there, and finds out what can still be found when it is gone.
 * Thread-safe.
 */
final class Examiner {
  /** That a script may have been another when it was run. */
  static final String READ_LATE = "script read late";

  /** That a process may have changed what it says that it runs. */
  static final String DOUBTED = "no report of its exec is left: its command line is not believed";

  private static final Pattern DESCRIPTOR =
      Pattern.compile("/dev/fd/\\d+|/proc/(self|\\d+)/fd/\\d+");
  private static final List<String> SEARCH =
      List.of("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin");

  private final Containers containers;
  private final ProcessTree tree;
  private final HashCache hashes;
  private final ContainerDirectory directory;

  Examiner(
      Containers containers, ProcessTree tree, HashCache hashes, ContainerDirectory directory) {
    this.containers = containers;
    this.tree = tree;
    this.hashes = hashes;
    this.directory = directory;
  }

  /** A process while it is looked at. */
  private final class Look {
    private final ProcFs process;
    private final MountInfo mounts;
    private final ProcessTree.Ancestry ancestry;
    private final boolean host;
    private final Placement placement;
    private final List<String> remarks = new ArrayList<>();

    Look(ProcFs process, ProcessTree.Node node) {
      this.placement = directory.placement(node.pid());
      directory.expect(placement);
      this.process = process;
      this.mounts = process.mounts();
      this.ancestry = tree.ancestry(node);
      this.host = node.mountNamespace() != null && containers.isHost(node.mountNamespace());
      if (node.mountNamespace() == null) {
        remarks.add("the process may not be looked into (CAP_SYS_PTRACE)");
      }
    }

    FileId idOf(FileStat stat) {
      return FileId.of(stat, Origins.device(stat, mounts));
    }

    Origin originOf(NamedFile file) {
      return Origins.of(file, mounts, host, ancestry.container());
    }
  }

  /**
   * Looks at a living process.
   *
   * @param tid a thread of it, or 0
   * @param toldParent pid of the parent, or 0
   * @param event its last exec, or null when nobody told
   * @param frozen whether the kernel wrote down what it executes, which tells more than can be seen
   *     of one that is exiting
   * @param believed whether its command line counts where there is no event
   * @return null when it is gone or has become another
   */
  @Nullable Examined examine(
      ProcessKey key,
      int tid,
      int toldParent,
      @Nullable ExecEvent event,
      boolean frozen,
      boolean believed) {
    var process = ProcFs.of(key.pid(), tid);
    if (!key.isAlive()) {
      return null;
    }
    var node = tree.look(key, toldParent);
    if (node == null) {
      return null;
    }
    var look = new Look(process, node);
    try (var executable = process.openExecutable()) {
      var named = NamedFile.of(executable, process);
      var id = look.idOf(named.stat());
      if (event != null && event.image() != null && !sameFile(event.image().file(), id)) {
        return null; // it called exec again
      }
      if (!key.isAlive()) {
        return null;
      }
      var path = named.path();
      var name = CommandLine.lastSegment(path);
      var doubted = event == null && !believed && CommandLine.tellsWhatRuns(name);
      if (doubted) {
        look.remarks.add(DOUBTED);
      }
      var entry = doubted ? Entry.unknown(true) : entry(look, path, event);
      return new Examined(
          path,
          path,
          id,
          hash(process.folder() + "/exe", id, look),
          look.originOf(named),
          doubted ? name : program(look, path, id, event),
          entry,
          look.host,
          look.ancestry,
          look.placement,
          doubted,
          look.remarks);
    } catch (NoSuchFileException e) {
      // It is exiting: a zombie is still there and has no executable.
      return event == null && !frozen && key.isAlive() ? unreadable(look, e) : null;
    } catch (IOException e) {
      return key.isAlive() ? unreadable(look, e) : null;
    }
  }

  /** The same inode: its times change when its last name is removed, its content does not. */
  private static boolean sameFile(FileId one, FileId other) {
    return one.device().equals(other.device()) && one.inode() == other.inode();
  }

  private static Examined unreadable(Look look, IOException e) {
    look.remarks.add("executable not readable: " + e.getMessage());
    return new Examined(
        "",
        "",
        null,
        Examined.NO_HASH,
        Origin.UNKNOWN,
        "",
        Entry.without(EntryKind.UNKNOWN),
        look.host,
        look.ancestry,
        look.placement,
        false,
        look.remarks);
  }

  /** Opens it again, as the hashing outlives this look, and wants the same file. */
  private CompletableFuture<Hash> hash(String name, FileId id, Look look) throws IOException {
    var file = PosixFile.open(name);
    if (!look.idOf(file.stat()).equals(id)) {
      file.close();
      return CompletableFuture.completedFuture(Hash.none("not hashed: it called exec meanwhile"));
    }
    return hashes.hash(look.placement, id, file);
  }

  /**
   * The name by which the program was executed. Without an exec event it is the name that the
   * process gives itself, if that leads to the very file that runs.
   */
  private static String program(Look look, String path, FileId id, @Nullable ExecEvent event) {
    if (event != null) {
      return programOf(event, path);
    }
    var arguments = look.process.commandLine();
    if (arguments != null) {
      var own = arguments.words().getFirst();
      var name = CommandLine.lastSegment(own.startsWith("-") ? own.substring(1) : own);
      if (!name.isEmpty() && leadsTo(look, own, name, path, id)) {
        return CommandLine.program(name, arguments.words());
      }
    }
    return CommandLine.lastSegment(path);
  }

  private static String programOf(ExecEvent event, String path) {
    var executed =
        event.filename().equals(event.interpreter()) ? event.filename() : event.interpreter();
    return DESCRIPTOR.matcher(executed).matches()
        ? CommandLine.lastSegment(path)
        : CommandLine.program(executed, event.arguments());
  }

  private static boolean leadsTo(Look look, String own, String name, String path, FileId id) {
    if (name.equals(CommandLine.lastSegment(path))) {
      return true;
    }
    var places = new ArrayList<String>();
    if (own.startsWith("/")) {
      places.add(own);
    } else {
      places.add(path.substring(0, path.lastIndexOf('/') + 1) + name);
      SEARCH.forEach(folder -> places.add(folder + "/" + name));
    }
    for (var place : places) {
      try (var file = look.process.openInRoot(place)) {
        if (look.idOf(file.stat()).equals(id)) {
          return true;
        }
      } catch (IOException _) {
        // not there
      }
    }
    return false;
  }

  private Entry entry(Look look, String path, @Nullable ExecEvent event) {
    if (event != null && !event.filename().equals(event.interpreter())) {
      return file(look, EntryKind.SCRIPT, event.filename(), event.filename(), List.of(), false);
    }
    var told = event == null ? null : new ProcFs.Arguments(event.arguments(), event.truncated());
    var arguments = told;
    var claimed = false;
    if (told == null || told.truncated()) {
      var now = look.process.commandLine();
      if (now != null && (told == null || continues(told, now))) {
        arguments = now;
        claimed = true;
      }
    }
    if (arguments == null) {
      look.remarks.add("command line not readable");
      return Entry.without(EntryKind.UNKNOWN);
    }
    var name = CommandLine.lastSegment(path);
    var point = CommandLine.read(name, arguments.words(), arguments.truncated());
    if (claimed && told != null && isBeyond(told, name, point)) {
      point = new EntryPoint.Unclear();
    }
    return switch (point) {
      case EntryPoint.Native _ -> Entry.without(EntryKind.NATIVE);
      case EntryPoint.ScriptFile(var script, var loads) ->
          file(look, EntryKind.SCRIPT, script, script, loads, claimed);
      case EntryPoint.JvmMain(var main, var file, var loads) ->
          file(look, EntryKind.JVM_MAIN, main, file, loads, claimed);
      default -> withoutFile(point, arguments.truncated(), claimed, look.remarks);
    };
  }

  /**
   * Whether a script is named after more options than the kernel wrote down. Nobody has so many but
   * who wants to name another one later, in memory that the process can write. Class paths may be
   * longer.
   */
  private static boolean isBeyond(ProcFs.Arguments told, String name, EntryPoint point) {
    var whole = told.words().subList(0, told.words().size() - 1);
    return (point instanceof EntryPoint.ScriptFile || point instanceof EntryPoint.Module)
        && CommandLine.read(name, whole, true) instanceof EntryPoint.Unclear;
  }

  /** Entry points that no file stands for. */
  private static Entry withoutFile(
      EntryPoint point, boolean truncated, boolean claimed, List<String> remarks) {
    return switch (point) {
      case EntryPoint.Native _ -> Entry.without(EntryKind.NATIVE);
      case EntryPoint.Module(var module, var loads) ->
          new Entry(
              EntryKind.MODULE, module + suffix(loads), Examined.NO_HASH, Origin.UNKNOWN, claimed);
      case EntryPoint.Inline(var code) -> {
        if (truncated) {
          remarks.add("code on the command line is longer than what was recorded");
        }
        var digest = sha256((truncated ? "cut:" : "") + code);
        yield new Entry(
            EntryKind.INLINE, "inline:" + digest, Examined.NO_HASH, Origin.UNKNOWN, claimed);
      }
      case EntryPoint.Stdin _ ->
          new Entry(EntryKind.INLINE, "stdin", Examined.NO_HASH, Origin.UNKNOWN, claimed);
      case EntryPoint.Unclear _ -> {
        remarks.add("command line cut before the code was named");
        yield Entry.unknown(claimed);
      }
      case EntryPoint.ScriptFile(var script, var loads) ->
          new Entry(
              EntryKind.SCRIPT, script + suffix(loads), Examined.NO_HASH, Origin.UNKNOWN, claimed);
      case EntryPoint.JvmMain(var main, _, var loads) ->
          new Entry(
              EntryKind.JVM_MAIN, main + suffix(loads), Examined.NO_HASH, Origin.UNKNOWN, claimed);
    };
  }

  private static String suffix(List<String> loads) {
    return loads.isEmpty() ? "" : " " + String.join(" ", loads);
  }

  private static boolean continues(ProcFs.Arguments start, ProcFs.Arguments all) {
    var size = start.words().size();
    return size > 0
        && all.words().size() >= size
        && all.words().subList(0, size - 1).equals(start.words().subList(0, size - 1))
        && all.words().get(size - 1).startsWith(start.words().get(size - 1));
  }

  /**
   * A script, resolved and opened as the process would.
   *
   * @param shown how it is named when it is not a file that is shown by its path
   * @param operand the file as written, or null when there is none to look at
   */
  private Entry file(
      Look look,
      EntryKind kind,
      String shown,
      @Nullable String operand,
      List<String> loads,
      boolean claimed) {
    if (operand == null) {
      return new Entry(kind, shown + suffix(loads), Examined.NO_HASH, Origin.UNKNOWN, claimed);
    }
    if (DESCRIPTOR.matcher(operand).matches()) {
      return new Entry(EntryKind.INLINE, "stdin", Examined.NO_HASH, Origin.UNKNOWN, claimed);
    }
    var isName = shown.equals(operand);
    var wanted = operand;
    try {
      wanted = absolute(look.process, operand);
      var named = NamedFile.open(look.process, wanted);
      var origin = look.originOf(named);
      return new Entry(
          kind,
          (isName ? named.path() : shown) + suffix(loads),
          hashes.hash(look.placement, look.idOf(named.stat()), named.file()),
          origin,
          claimed);
    } catch (IOException e) {
      look.remarks.add("script not readable: " + e.getMessage());
      return new Entry(
          kind,
          (isName ? wanted : shown) + suffix(loads),
          Examined.NO_HASH,
          Origin.UNKNOWN,
          claimed);
    }
  }

  private static String absolute(ProcFs process, String operand) throws IOException {
    if (operand.startsWith("/")) {
      return normal(operand);
    }
    var folder = process.link("cwd");
    if (folder == null) {
      throw new IOException("working folder of the process not known");
    }
    return normal(process.inside(folder) + "/" + operand);
  }

  /** Without empty and {@code .} segments; {@code ..} is left to the kernel, which knows links. */
  private static String normal(String path) {
    var segments = new ArrayList<String>();
    for (var segment : path.split("/", -1)) {
      if (!segment.isEmpty() && !segment.equals(".")) {
        segments.add(segment);
      }
    }
    return "/" + String.join("/", segments);
  }

  /**
   * A process that is gone, from what its exec told. The file is still known when the container has
   * it under the same name, with the identity that the kernel saw.
   */
  Examined gone(ExecEvent event) {
    var remarks = new ArrayList<String>();
    var isScript = !event.filename().equals(event.interpreter());
    var executed = isScript ? event.interpreter() : event.filename();
    var image = event.image();
    var container = containerOf(event.mountNamespace(), event.parent(), image);
    var place = rootOf(event, container);
    var found = image == null || place == null ? null : find(place, container, executed, image);
    var path = found != null ? found.path() : executed.startsWith("/") ? executed : "";
    CompletableFuture<Hash> hash;
    if (found != null) {
      hash = found.hash();
    } else {
      var known = image == null ? null : hashes.known(image.file());
      hash =
          CompletableFuture.completedFuture(
              known != null ? known : Hash.none("binary gone before it could be hashed"));
    }
    tree.remember(event, path);
    var above = tree.ancestryOfGone(path, event.key(), event.parent(), container);
    var ancestry =
        new ProcessTree.Ancestry(
            above.lineage(),
            above.execSession(),
            above.entered(),
            above.container() == null ? container : above.container());
    var host = event.mountNamespace() != null && containers.isHost(event.mountNamespace());
    return new Examined(
        executed,
        path,
        image == null ? null : image.file(),
        hash,
        Origin.UNKNOWN,
        programOf(event, path),
        isScript
            ? goneFile(EntryKind.SCRIPT, event.filename(), List.of(), container, remarks)
            : goneEntry(event, path.isEmpty() ? executed : path, container, remarks),
        host,
        ancestry,
        placementOf(ancestry.container()),
        false,
        remarks);
  }

  /** Where a container's first process is, for one of its processes that is gone. */
  Placement placementOf(@Nullable Container container) {
    return container != null && container.firstIsAlive()
        ? directory.placement(container.firstPid())
        : new Placement.Outside();
  }

  /**
   * The container of a process that is gone: by the namespace that the kernel told, else by the
   * file system that the executable is on.
   *
   * @param parent who may be there still
   */
  @Nullable Container containerOf(
      @Nullable String mountNamespace, int parent, @Nullable KernelImage image) {
    var container = containers.of(mountNamespace, parent);
    return container != null || image == null || mountNamespace != null
        ? container
        : containers.on(image.file().device());
  }

  private record Found(String path, Origin origin, CompletableFuture<Hash> hash) {}

  /** A process whose root is that of the one that is gone: of its container, or of the host. */
  private @Nullable ProcFs rootOf(ExecEvent event, @Nullable Container container) {
    if (container != null) {
      return container.first();
    }
    for (var process : List.of(ProcFs.of(1), new ProcFs("/proc/self"))) {
      if (event.mountNamespace() != null && event.mountNamespace().equals(process.link("ns/mnt"))) {
        return process;
      }
    }
    return null;
  }

  /** What has a name in a root; null when it is not the file that is wanted. */
  private @Nullable Found find(
      ProcFs first, @Nullable Container container, String path, @Nullable KernelImage wanted) {
    if (!path.startsWith("/")) {
      return null;
    }
    try {
      var named = NamedFile.open(first, path);
      var mounts = first.mounts();
      var id = FileId.of(named.stat(), Origins.device(named.stat(), mounts));
      if (wanted != null && !id.equals(wanted.file())) {
        named.file().close();
        return null;
      }
      var origin = Origins.of(named, mounts, false, container);
      return new Found(named.path(), origin, hashes.hash(placementOf(container), id, named.file()));
    } catch (IOException _) {
      return null;
    }
  }

  private Entry goneEntry(
      ExecEvent event, String executed, @Nullable Container container, List<String> remarks) {
    var name = CommandLine.lastSegment(executed);
    var point = CommandLine.read(name, event.arguments(), event.truncated());
    if (point instanceof EntryPoint.ScriptFile(var script, var loads)) {
      return goneFile(EntryKind.SCRIPT, script, loads, container, remarks);
    }
    if (point instanceof EntryPoint.JvmMain(var main, var file, var loads) && main.equals(file)) {
      return goneFile(EntryKind.JVM_MAIN, main, loads, container, remarks);
    }
    return withoutFile(point, event.truncated(), false, remarks);
  }

  /** The content may be another by now: the kernel did not freeze what a script is. */
  private Entry goneFile(
      EntryKind kind,
      String path,
      List<String> loads,
      @Nullable Container container,
      List<String> remarks) {
    if (DESCRIPTOR.matcher(path).matches()) {
      return new Entry(EntryKind.INLINE, "stdin", Examined.NO_HASH, Origin.UNKNOWN, false);
    }
    var found =
        container == null || !path.startsWith("/")
            ? null
            : find(container.first(), container, normal(path), null);
    if (found == null) {
      remarks.add("script gone before it could be read");
      return new Entry(kind, path + suffix(loads), Examined.NO_HASH, Origin.UNKNOWN, false);
    }
    remarks.add(READ_LATE);
    return new Entry(kind, found.path() + suffix(loads), found.hash(), found.origin(), false);
  }

  private static String sha256(String text) {
    return HexFormat.of().formatHex(HashCache.sha256().digest(text.getBytes(UTF_8)));
  }
}
