package io.kith.bridge.ffm;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Where the running kernel keeps the members of its structures.
 *
 * <p>Reads as much of the BPF type format as that takes: structures, their members, and members of
 * anonymous structures and unions inside them. Little-endian. Text that is cut or that points
 * outside of itself is refused with an {@link IllegalArgumentException}.
 *
 * <p>Source: Documentation/bpf/btf.rst.
 */
public final class Btf {
  /*
   *  header   magic u16, version u8, flags u8, header length u32,
   *           types: offset u32, length u32; strings: offset u32, length u32
   *  type     name u32, info u32 (kind: bits 24-28, number of members: bits 0-15), size or type u32
   *  member   name u32, type u32, offset in bits u32
   */
  private static final Path OF_THIS_KERNEL = Path.of("/sys/kernel/btf/vmlinux");
  private static final int MAGIC = 0xeb9f;
  private static final int STRUCT = 4;
  private static final int UNION = 5;
  private static final int FUNCTION = 12;
  private static final int MAX_DEPTH = 16;

  private final ByteBuffer data;
  private final int strings;
  private final int stringsEnd;
  private int[] places = new int[1024];
  private int types = 1; // type 0 is void
  private final Map<String, Integer> structures = new HashMap<>();

  private Btf(byte[] bytes) {
    data = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.length < 24 || Short.toUnsignedInt(data.getShort(0)) != MAGIC) {
      throw new IllegalArgumentException("not BTF: it does not begin with 9f eb");
    }
    var header = data.getInt(4);
    var first = Math.addExact(header, data.getInt(8));
    var end = Math.addExact(first, data.getInt(12));
    strings = Math.addExact(header, data.getInt(16));
    stringsEnd = Math.addExact(strings, data.getInt(20));
    if (first < 24 || end < first || end > bytes.length || strings < 24) {
      throw new IllegalArgumentException("BTF: its header points outside of it");
    }
    if (stringsEnd < strings || stringsEnd > bytes.length) {
      throw new IllegalArgumentException("BTF: its header points outside of it");
    }
    index(first, end);
  }

  /**
   * The types of the running kernel.
   *
   * @throws IOException when it has none, with what to do
   */
  public static Btf ofThisKernel() throws IOException {
    if (!Files.isReadable(OF_THIS_KERNEL)) {
      throw new IOException(
          OF_THIS_KERNEL
              + " is not there: the kernel was built without CONFIG_DEBUG_INFO_BTF, so where it"
              + " keeps a process's executable is not known");
    }
    return of(Files.readAllBytes(OF_THIS_KERNEL));
  }

  /** Types from their binary form. */
  static Btf of(byte[] bytes) {
    try {
      return new Btf(bytes);
    } catch (IndexOutOfBoundsException | ArithmeticException e) {
      throw new IllegalArgumentException("BTF: it is cut short or broken", e);
    }
  }

  private void index(int first, int end) {
    var place = first;
    while (place < end) {
      var info = data.getInt(place + 4);
      var kind = kindOf(info);
      if (types == places.length) {
        places = Arrays.copyOf(places, types * 2);
      }
      if (kind == STRUCT) {
        var name = text(data.getInt(place));
        if (!name.isEmpty()) {
          structures.putIfAbsent(name, types);
        }
      }
      places[types++] = place;
      place += 12 + extraBytes(kind, info & 0xffff);
    }
  }

  private static int kindOf(int info) {
    return (info >>> 24) & 0x1f;
  }

  /** What follows the three words that every type has. */
  private static int extraBytes(int kind, int members) {
    return switch (kind) {
      case 1, 14, 17 -> 4; // integer, variable, declaration tag
      case 3 -> 12; // array
      case STRUCT, UNION, 15, 19 -> 12 * members; // section, 64-bit enumeration
      case 6, 13 -> 8 * members; // enumeration, function prototype
      case 0, 2, 7, 8, 9, 10, 11, 12, 16, 18 -> 0;
      default -> throw new IllegalArgumentException("BTF: type of unknown kind " + kind);
    };
  }

  private String text(int offset) {
    var from = strings + offset;
    var to = from;
    if (offset < 0 || from >= stringsEnd) {
      throw new IllegalArgumentException("BTF: a name lies outside of the names");
    }
    while (to < stringsEnd && data.get(to) != 0) {
      to++;
    }
    return new String(data.array(), from, to - from, UTF_8);
  }

  /** Bytes that a structure takes. */
  public int sizeOf(String structure) {
    return data.getInt(places[idOf(structure)] + 8);
  }

  /**
   * Bytes from the start of a structure to the first of these members that it has.
   *
   * @param members names that kernels gave to the same thing, the newest first
   */
  public int offsetOf(String structure, String... members) {
    for (var member : members) {
      var offset = find(idOf(structure), member, 0);
      if (offset >= 0) {
        return offset;
      }
    }
    throw new IllegalArgumentException(
        "this kernel's struct "
            + structure
            + " has none of the members "
            + Arrays.toString(members));
  }

  /** Whether a structure has a member. */
  public boolean has(String structure, String member) {
    return find(idOf(structure), member, 0) >= 0;
  }

  /** The number of a function of the kernel. */
  int functionId(String function) {
    for (var id = 1; id < types; id++) {
      if (kindOf(data.getInt(places[id] + 4)) == FUNCTION
          && isText(data.getInt(places[id]), function)) {
        return id;
      }
    }
    throw new IllegalArgumentException("this kernel has no function " + function);
  }

  /** Whether a name is this one, which is ASCII. */
  private boolean isText(int offset, String name) {
    var from = strings + offset;
    if (offset < 0 || from + name.length() >= stringsEnd || data.get(from + name.length()) != 0) {
      return false;
    }
    for (var i = 0; i < name.length(); i++) {
      if (data.get(from + i) != name.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  private int idOf(String structure) {
    var id = structures.get(structure);
    if (id == null) {
      throw new IllegalArgumentException("this kernel has no struct " + structure);
    }
    return id;
  }

  private int find(int id, String member, int depth) {
    if (depth > MAX_DEPTH) {
      throw new IllegalArgumentException("BTF: structures nested without end");
    }
    var place = places[id];
    var info = data.getInt(place + 4);
    var hasBitFields = info < 0;
    for (var i = 0; i < (info & 0xffff); i++) {
      var at = place + 12 + 12 * i;
      var name = text(data.getInt(at));
      var bits = hasBitFields ? data.getInt(at + 8) & 0xff_ffff : data.getInt(at + 8);
      if (name.equals(member)) {
        return bits / 8;
      }
      if (name.isEmpty()) {
        var inner = withoutQualifiers(data.getInt(at + 4));
        var kind = kindOf(data.getInt(places[inner] + 4));
        if (kind == STRUCT || kind == UNION) {
          var found = find(inner, member, depth + 1);
          if (found >= 0) {
            return bits / 8 + found;
          }
        }
      }
    }
    return -1;
  }

  /** The type behind typedef, volatile, const, restrict and type tags. */
  private int withoutQualifiers(int id) {
    var type = id;
    for (var depth = 0; depth < MAX_DEPTH; depth++) {
      if (type < 1 || type >= types) {
        throw new IllegalArgumentException("BTF: a type that is not there");
      }
      var kind = kindOf(data.getInt(places[type] + 4));
      if (!(kind >= 8 && kind <= 11) && kind != 18) {
        return type;
      }
      type = data.getInt(places[type] + 8);
    }
    throw new IllegalArgumentException("BTF: qualifiers without end");
  }
}
