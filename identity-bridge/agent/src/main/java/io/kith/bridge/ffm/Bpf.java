package io.kith.bridge.ffm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * bpf(2): maps, programs and where programs are attached.
 *
 * <p>Everything lives as long as its descriptor. Source: union bpf_attr of linux/bpf.h; offsets
 * stand beside each field.
 */
public final class Bpf {
  private static final int MAP_CREATE = 0;
  private static final int MAP_UPDATE = 2;
  private static final int MAP_DELETE = 3;
  private static final int MAP_NEXT_KEY = 4;
  private static final int PROG_LOAD = 5;
  private static final int OBJECT_PIN = 6;
  private static final int OBJECT_GET = 7;
  private static final int OBJECT_INFO = 15;
  private static final int RAW_TRACEPOINT_OPEN = 17;
  private static final int BTF_LOAD = 18;
  private static final int MAP_FREEZE = 22;
  private static final int LINK_CREATE = 28;
  private static final int LINK_UPDATE = 29;
  private static final int ITERATION_CREATE = 33;

  private static final int NO_PREALLOCATION = 1;
  private static final int MAPPABLE = 1 << 10;
  private static final int LOG_BYTES = 1 << 20;

  /** The programs call helpers that the kernel lends to GPL-compatible programs only. */
  private static final String LICENSE = "Dual BSD/GPL";

  private Bpf() {}

  /** Kinds of maps. */
  public enum MapKind {
    HASH(1),
    ARRAY(2),
    LRU_HASH(9),
    PREFIX_TREE(11),
    HASH_OF_MAPS(13),
    SOCKET_STORAGE(24),
    RING_BUFFER(27);

    private final int number;

    MapKind(int number) {
      this.number = number;
    }
  }

  /** Kinds of programs with the place where they are attached. */
  public enum ProgramKind {
    CONNECT4(18, 10),
    CONNECT6(18, 11),
    SEND4(18, 14),
    SEND6(18, 15),
    PACKET_IN(8, 0),
    PACKET_OUT(8, 1),
    SOCKET_OPERATIONS(13, 3),
    RAW_TRACEPOINT(17, 0),
    WALK(26, 28);

    private final int type;
    private final int place;

    ProgramKind(int type, int place) {
      this.type = type;
      this.place = place;
    }
  }

  /**
   * Makes a map.
   *
   * @param keyBytes 0 for a ring buffer
   * @param entries most entries it holds, or the bytes of a ring buffer
   */
  public static Descriptor map(MapKind kind, int keyBytes, int valueBytes, int entries)
      throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(72, 8);
      attributes.set(JAVA_INT, 0, kind.number);
      attributes.set(JAVA_INT, 4, keyBytes);
      attributes.set(JAVA_INT, 8, valueBytes);
      attributes.set(JAVA_INT, 12, entries);
      if (kind == MapKind.HASH_OF_MAPS) {
        throw new IllegalArgumentException("HASH_OF_MAPS is made with mapOfMaps");
      }
      if (kind == MapKind.PREFIX_TREE) {
        attributes.set(JAVA_INT, 16, NO_PREALLOCATION);
      }
      if (kind != MapKind.SOCKET_STORAGE) {
        return new Descriptor(checked("make a map of kind " + kind, MAP_CREATE, attributes));
      }
      try (var types = typesOfStorage(valueBytes)) {
        attributes.set(JAVA_INT, 12, 0);
        attributes.set(JAVA_INT, 16, NO_PREALLOCATION);
        attributes.set(JAVA_INT, 48, types.number());
        attributes.set(JAVA_INT, 52, 1); // key: u32
        attributes.set(JAVA_INT, 56, 3); // value: u8[]
        return new Descriptor(checked("make a map of kind " + kind, MAP_CREATE, attributes));
      }
    }
  }

  /**
   * Makes an array that another process may map, and that only programs write.
   *
   * @throws KernelException before Linux 5.5, among others
   */
  public static Descriptor sharedArray(int valueBytes, int entries) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(72, 8);
      attributes.set(JAVA_INT, 0, MapKind.ARRAY.number);
      attributes.set(JAVA_INT, 4, 4);
      attributes.set(JAVA_INT, 8, valueBytes);
      attributes.set(JAVA_INT, 12, entries);
      attributes.set(JAVA_INT, 16, MAPPABLE);
      var map = new Descriptor(checked("make an array to share", MAP_CREATE, attributes));
      try {
        var which = arena.allocate(8, 8);
        which.set(JAVA_INT, 0, map.number());
        checked("keep others from writing to an array", MAP_FREEZE, which);
        return map;
      } catch (KernelException e) {
        map.close();
        throw e;
      }
    }
  }

  /** The number of a map in the kernel, as in the file of its descriptor in /proc/PID/fdinfo. */
  public static int id(Descriptor map) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      return info(map, arena).get(JAVA_INT, 4);
    }
  }

  /**
   * Makes a map whose values are maps.
   *
   * @param inner as all of them are
   */
  public static Descriptor mapOfMaps(int keyBytes, int entries, Descriptor inner)
      throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(72, 8);
      attributes.set(JAVA_INT, 0, MapKind.HASH_OF_MAPS.number);
      attributes.set(JAVA_INT, 4, keyBytes);
      attributes.set(JAVA_INT, 8, 4);
      attributes.set(JAVA_INT, 12, entries);
      attributes.set(JAVA_INT, 20, inner.number());
      return new Descriptor(checked("make a map of maps", MAP_CREATE, attributes));
    }
  }

  /** Sets the value of a key. */
  public static void put(Descriptor map, byte[] key, byte[] value) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(32, 8);
      attributes.set(JAVA_INT, 0, map.number());
      attributes.set(JAVA_LONG, 8, arena.allocateFrom(JAVA_BYTE, key).address());
      attributes.set(JAVA_LONG, 16, arena.allocateFrom(JAVA_BYTE, value).address());
      checked("write to a map", MAP_UPDATE, attributes);
    }
  }

  /** Removes a key; one that is not there is no mistake. */
  public static void remove(Descriptor map, byte[] key) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(32, 8);
      attributes.set(JAVA_INT, 0, map.number());
      attributes.set(JAVA_LONG, 8, arena.allocateFrom(JAVA_BYTE, key).address());
      var result = Libc.bpf(MAP_DELETE, attributes);
      if (result < 0 && result != -Errno.ENOENT) {
        throw new KernelException("remove from a map", (int) -result);
      }
    }
  }

  /**
   * The keys of a map now, at most so many. One that is removed meanwhile may make the walk begin
   * anew; a key may stand twice.
   */
  public static List<byte[]> keys(Descriptor map, int keyBytes, int most) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var key = arena.allocate(keyBytes, 8);
      var next = arena.allocate(keyBytes, 8);
      var attributes = arena.allocate(32, 8);
      attributes.set(JAVA_INT, 0, map.number());
      attributes.set(JAVA_LONG, 16, next.address());
      var keys = new ArrayList<byte[]>();
      while (keys.size() < most) {
        var result = Libc.bpf(MAP_NEXT_KEY, attributes);
        if (result == -Errno.ENOENT) {
          break;
        }
        if (result < 0) {
          throw new KernelException("list the keys of a map", (int) -result);
        }
        keys.add(next.toArray(JAVA_BYTE));
        key.copyFrom(next);
        attributes.set(JAVA_LONG, 8, key.address());
      }
      return keys;
    }
  }

  /** Socket storage is made only with types for its key and value: u32 and u8[valueBytes]. */
  private static Descriptor typesOfStorage(int valueBytes) throws KernelException {
    var names = "\0u32\0u8\0".getBytes(US_ASCII);
    var types = ByteBuffer.allocate(16 + 16 + 24).order(ByteOrder.LITTLE_ENDIAN);
    types.putInt(1).putInt(1 << 24).putInt(4).putInt(32);
    types.putInt(5).putInt(1 << 24).putInt(1).putInt(8);
    types.putInt(0).putInt(3 << 24).putInt(0).putInt(2).putInt(1).putInt(valueBytes);
    var all = ByteBuffer.allocate(24 + 56 + names.length).order(ByteOrder.LITTLE_ENDIAN);
    all.putShort((short) 0xeb9f).put((byte) 1).put((byte) 0).putInt(24);
    all.putInt(0).putInt(56).putInt(56).putInt(names.length);
    all.put(types.array()).put(names);
    try (var arena = Arena.ofConfined()) {
      var data = arena.allocateFrom(JAVA_BYTE, all.array());
      var attributes = arena.allocate(32, 8);
      attributes.set(JAVA_LONG, 0, data.address());
      attributes.set(JAVA_INT, 16, (int) data.byteSize());
      return new Descriptor(checked("load types", BTF_LOAD, attributes));
    }
  }

  /**
   * Loads a program.
   *
   * @param name at most 15 characters, for `bpftool prog`
   * @throws KernelException with the last lines of the verifier
   */
  public static Descriptor program(String name, ProgramKind kind, Assembler program)
      throws KernelException {
    return program(name, kind, program, 0);
  }

  /**
   * As {@link #program(String, ProgramKind, Assembler)}, for a kind that belongs to a function of
   * the kernel.
   *
   * @param function its number among the kernel's types, 0 for none
   */
  static Descriptor program(String name, ProgramKind kind, Assembler program, int function)
      throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var code = arena.allocateFrom(JAVA_BYTE, program.bytes());
      var attributes = arena.allocate(120, 8);
      attributes.set(JAVA_INT, 0, kind.type);
      attributes.set(JAVA_INT, 4, program.size());
      attributes.set(JAVA_LONG, 8, code.address());
      attributes.set(JAVA_LONG, 16, arena.allocateFrom(LICENSE).address());
      var bytes = name.getBytes(US_ASCII);
      MemorySegment.copy(bytes, 0, attributes, JAVA_BYTE, 48, Math.min(15, bytes.length));
      attributes.set(JAVA_INT, 68, kind.place);
      attributes.set(JAVA_INT, 108, function);
      var result = Libc.bpf(PROG_LOAD, attributes);
      if (result >= 0) {
        return new Descriptor(result);
      }
      // Once more with a log: the kernel is slower with one.
      var log = arena.allocate(LOG_BYTES);
      attributes.set(JAVA_INT, 24, 1);
      attributes.set(JAVA_INT, 28, LOG_BYTES);
      attributes.set(JAVA_LONG, 32, log.address());
      var again = Libc.bpf(PROG_LOAD, attributes);
      if (again >= 0) {
        return new Descriptor(again);
      }
      throw new KernelException(
          "load program " + name, (int) -again, "verifier: " + lastLines(log.getString(0, UTF_8)));
    }
  }

  private static String lastLines(String log) {
    var lines = log.strip().lines().toList();
    return lines.isEmpty()
        ? "silent"
        : String.join(" | ", lines.subList(Math.max(0, lines.size() - 4), lines.size()));
  }

  /** Attaches a program to a cgroup; it works until the link is closed. */
  public static Descriptor attach(Descriptor program, ProgramKind kind, Descriptor cgroup)
      throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(48, 8);
      attributes.set(JAVA_INT, 0, program.number());
      attributes.set(JAVA_INT, 4, cgroup.number());
      attributes.set(JAVA_INT, 8, kind.place);
      return new Descriptor(checked("attach " + kind, LINK_CREATE, attributes));
    }
  }

  /** Attaches a program to a tracepoint; it works until the link is closed. */
  public static Descriptor attachToTracepoint(Descriptor program, String tracepoint)
      throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(32, 8);
      attributes.set(JAVA_LONG, 0, arena.allocateFrom(tracepoint).address());
      attributes.set(JAVA_INT, 8, program.number());
      return new Descriptor(
          checked("attach to tracepoint " + tracepoint, RAW_TRACEPOINT_OPEN, attributes));
    }
  }

  /** Makes a program ready to be walked with. */
  static Descriptor attachWalk(Descriptor program) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(48, 8);
      attributes.set(JAVA_INT, 0, program.number());
      attributes.set(JAVA_INT, 8, ProgramKind.WALK.place);
      return new Descriptor(checked("attach a walk", LINK_CREATE, attributes));
    }
  }

  /** One walk, to be read like a file. */
  static Descriptor walk(Descriptor attachment) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(8, 8);
      attributes.set(JAVA_INT, 0, attachment.number());
      return new Descriptor(checked("begin a walk", ITERATION_CREATE, attributes));
    }
  }

  /** Gives a map or an attachment a name on the BPF file system, by which it outlives us. */
  public static void pin(Descriptor object, Path path) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(16, 8);
      attributes.set(JAVA_LONG, 0, arena.allocateFrom(path.toString()).address());
      attributes.set(JAVA_INT, 8, object.number());
      checked("pin " + path, OBJECT_PIN, attributes);
    }
  }

  /** What has that name on the BPF file system, or null when nothing has. */
  public static @Nullable Descriptor pinned(Path path) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(16, 8);
      attributes.set(JAVA_LONG, 0, arena.allocateFrom(path.toString()).address());
      var result = Libc.bpf(OBJECT_GET, attributes);
      if (result == -Errno.ENOENT) {
        return null;
      }
      if (result < 0) {
        throw new KernelException("open " + path, (int) -result);
      }
      return new Descriptor(result);
    }
  }

  /** Whether a map is as {@link #map} would make it. */
  public static boolean isAs(
      Descriptor map, MapKind kind, int keyBytes, int valueBytes, int entries)
      throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var info = info(map, arena);
      return info.get(JAVA_INT, 0) == kind.number
          && info.get(JAVA_INT, 8) == keyBytes
          && info.get(JAVA_INT, 12) == valueBytes
          && info.get(JAVA_INT, 16) == (kind == MapKind.SOCKET_STORAGE ? 0 : entries);
    }
  }

  private static MemorySegment info(Descriptor map, Arena arena) throws KernelException {
    var info = arena.allocate(80, 8);
    var attributes = arena.allocate(16, 8);
    attributes.set(JAVA_INT, 0, map.number());
    attributes.set(JAVA_INT, 4, (int) info.byteSize());
    attributes.set(JAVA_LONG, 8, info.address());
    checked("look at a map", OBJECT_INFO, attributes);
    return info;
  }

  /**
   * Puts a program in place of the one that is attached, with no moment in between.
   *
   * @throws KernelException when such an attachment cannot be changed, or its cgroup is gone
   */
  public static void replace(Descriptor attachment, Descriptor program) throws KernelException {
    try (var arena = Arena.ofConfined()) {
      var attributes = arena.allocate(16, 8);
      attributes.set(JAVA_INT, 0, attachment.number());
      attributes.set(JAVA_INT, 4, program.number());
      checked("replace a program", LINK_UPDATE, attributes);
    }
  }

  private static long checked(String what, int command, MemorySegment attributes)
      throws KernelException {
    var result = Libc.bpf(command, attributes);
    if (result < 0) {
      throw new KernelException(what, (int) -result);
    }
    return result;
  }
}
