package io.kith.bridge.capture;

import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Bpf.MapKind;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.Errno;
import io.kith.bridge.ffm.KernelException;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Names on the BPF file system, by which maps and attachments outlive the bridge. What a bridge
 * before left there is taken over; of another layout, or of another cgroup, it is removed once ours
 * is attached.
 */
public final class Pins {
  /*
   *  BASE/v1-CGROUP/socket-storage, owners, previous, reserves,
   *                 reserve-COOKIE, counters, execs, births               maps
   *                 connect4, connect6, socket-operations, exec, fork     attachments
   *  BASE/guard-v1/…                                                      see the guard
   *
   * CGROUP is the inode of the cgroup at which the programs are attached: one that was removed and
   * made again is another, where nothing is attached.
   */
  /** Changes with {@link OwnerRecord}, {@link ExecRecord}, {@link ForkRecord} and with the maps. */
  static final int LAYOUT = 1;

  private static final String CAPTURE = "capture";
  private static final String FILE_SYSTEM = "bpf";
  private static final int TRIES = 11;

  private final @Nullable Path base;
  private final Path folder;
  private final String what;
  private final String family;
  private final List<String> problems;
  private boolean madeMap;

  private Pins(
      @Nullable Path base, Path folder, String what, String family, List<String> problems) {
    this.base = base;
    this.folder = folder;
    this.what = what;
    this.family = family;
    this.problems = problems;
  }

  /**
   * A place for names, or none.
   *
   * @param base folder on the BPF file system; made when missing; null for no names
   * @param problems are told why there is no such place
   */
  static Pins at(@Nullable Path base, Descriptor cgroup, List<String> problems) {
    if (base == null) {
      return none(CAPTURE, problems);
    }
    try {
      var inode = Files.getAttribute(Path.of("/proc/self/fd/" + cgroup.number()), "unix:ino");
      return at(base, CAPTURE, "v", LAYOUT + "-" + inode, problems);
    } catch (IOException e) {
      problems.add(CAPTURE + " ends with the bridge: the cgroup is gone: " + e.getMessage());
      return none(CAPTURE, problems);
    }
  }

  /**
   * A place for names, or none.
   *
   * @param what is kept there, for messages
   * @param family how the folders of all versions of it begin
   * @param version the rest of the folder's name
   */
  public static Pins at(
      @Nullable Path base, String what, String family, String version, List<String> problems) {
    if (base == null) {
      return none(what, problems);
    }
    try {
      if (!isOnBpf(base)) {
        problems.add(
            what
                + " ends with the bridge: "
                + base
                + " is not on a BPF file system (mount one: mount -t bpf bpf /sys/fs/bpf, or set"
                + " bridge.pin: off)");
        return none(what, problems);
      }
      var folder = base.resolve(family + version);
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      return new Pins(base, folder, what, family, problems);
    } catch (IOException e) {
      problems.add(what + " ends with the bridge: " + base + " cannot be used: " + e.getMessage());
      return none(what, problems);
    }
  }

  private static Pins none(String what, List<String> problems) {
    return new Pins(null, Path.of(""), what, "", problems);
  }

  private static boolean isOnBpf(Path base) throws IOException {
    for (var place = base.toAbsolutePath(); place != null; place = place.getParent()) {
      if (Files.exists(place)) {
        return Files.getFileStore(place).type().equals(FILE_SYSTEM);
      }
    }
    return false;
  }

  /** Whether anything outlives us. */
  public boolean kept() {
    return base != null;
  }

  /** How a map is made where there is none yet. */
  @FunctionalInterface
  interface Making {
    Descriptor make() throws KernelException;
  }

  /** A map: the one of that name when it is alike, else a new one. */
  public Descriptor map(String name, MapKind kind, int keyBytes, int valueBytes, int entries)
      throws KernelException {
    return map(
        name,
        kind,
        keyBytes,
        valueBytes,
        entries,
        () -> Bpf.map(kind, keyBytes, valueBytes, entries));
  }

  /** The same, made in another way. */
  Descriptor map(String name, MapKind kind, int keyBytes, int valueBytes, int entries, Making anew)
      throws KernelException {
    if (base == null) {
      return anew.make();
    }
    var path = folder.resolve(name);
    var before = Bpf.pinned(path);
    if (before != null) {
      if (Bpf.isAs(before, kind, keyBytes, valueBytes, entries)) {
        return before;
      }
      before.close();
    }
    var map = anew.make();
    try {
      if (before != null) {
        forget(name);
      }
      Bpf.pin(map, path);
    } catch (KernelException e) {
      if (before == null
          && e.errno() == Errno.EEXIST) { // another bridge starts too: both have its map
        map.close();
        return map(name, kind, keyBytes, valueBytes, entries, anew);
      }
      problems.add(endsWithUs(e));
    }
    madeMap = true;
    return map;
  }

  /**
   * Whether an attachment of that name is kept, and all maps that were asked for until now are: it
   * fills those that a bridge before had, and none that were made since.
   */
  boolean hasWithAllMaps(String name) {
    return base != null && !madeMap && Files.exists(folder.resolve(name));
  }

  /** How a program is attached where none is yet. */
  @FunctionalInterface
  public interface Attaching {
    Descriptor attach(Descriptor program) throws KernelException;
  }

  /** Attaches a program: in place of that of the attachment of that name, else anew. */
  public Descriptor attach(String name, Descriptor program, Attaching anew) throws KernelException {
    if (base == null) {
      return anew.attach(program);
    }
    var path = folder.resolve(name);
    var before = Bpf.pinned(path);
    if (before != null) {
      try {
        Bpf.replace(before, program);
        return before;
      } catch (KernelException _) {
        // A tracepoint's attachment never changes its program, one whose cgroup is gone neither:
        // for a moment both are attached.
        before.close();
      }
    }
    var attachment = anew.attach(program);
    name(attachment, path);
    return attachment;
  }

  /**
   * Keeps an attachment under a name. The one that had it goes on beside this one for as long as
   * the bridge that made it.
   */
  Descriptor kept(String name, Descriptor attachment) {
    if (base != null) {
      name(attachment, folder.resolve(name));
    }
    return attachment;
  }

  private void name(Descriptor object, Path path) {
    try {
      for (var i = 0; i < TRIES; i++) { // other bridges start too
        if (pinned(object, path)) {
          return;
        }
      }
      problems.add(what + " ends with the bridge: others take " + path + " again and again");
    } catch (KernelException | IOException e) {
      problems.add(endsWithUs(e));
    }
  }

  /** Whether it has the name, in place of what had it; not when another one got it meanwhile. */
  private static boolean pinned(Descriptor object, Path path) throws KernelException, IOException {
    Files.deleteIfExists(path);
    try {
      Bpf.pin(object, path);
      return true;
    } catch (KernelException e) {
      if (e.errno() == Errno.EEXIST) {
        return false;
      }
      throw e;
    }
  }

  private String endsWithUs(Exception why) {
    return what + " ends with the bridge: " + why.getMessage();
  }

  /** The names that begin so; none when nothing is kept. */
  public List<String> namesThatBeginWith(String prefix) {
    if (base == null) {
      return List.of();
    }
    try (var names = Files.newDirectoryStream(folder, prefix + "*")) {
      var found = new ArrayList<String>();
      names.forEach(name -> found.add(name.getFileName().toString()));
      return found;
    } catch (IOException | DirectoryIteratorException _) {
      return List.of(); // somebody removed the folder
    }
  }

  /** Removes one name. */
  public void forget(String name) {
    try {
      Files.deleteIfExists(folder.resolve(name));
    } catch (IOException e) {
      problems.add("not removed: " + e.getMessage());
    }
  }

  /** Removes what bridges of other layouts or at other cgroups left. */
  public void removeOthers() {
    if (base == null) {
      return;
    }
    try (var folders = Files.newDirectoryStream(base)) {
      for (var other : folders) {
        if (!other.equals(folder) && other.getFileName().toString().startsWith(family)) {
          removeFolder(other);
        }
      }
    } catch (IOException | DirectoryIteratorException e) {
      problems.add("an older bridge's programs may still be attached: " + e.getMessage());
    }
  }

  /** Removes everything below a folder, which ends what was kept there; returns whether any was. */
  static boolean remove(Path base) throws IOException {
    if (!Files.isDirectory(base)) {
      return false;
    }
    if (!isOnBpf(base)) {
      throw new IOException(base + " is not on a BPF file system (expected: bridge.pin)");
    }
    try (var folders = Files.newDirectoryStream(base)) {
      for (var folder : folders) {
        removeFolder(folder);
      }
    }
    Files.delete(base);
    return true;
  }

  private static void removeFolder(Path folder) throws IOException {
    try (var names = Files.newDirectoryStream(folder)) {
      for (var name : names) {
        Files.delete(name);
      }
    }
    Files.delete(folder);
  }
}
