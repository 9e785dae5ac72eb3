package io.kith.baselines.decision;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessClass;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/*
 * What costs time is not instructions but memory: with many workloads each step to another object
 * is a miss of all caches and of the address translation, and an edge with its pattern and texts is
 * six steps away. So all that is compared lies in one array, at places that follow from the
 * question alone, and the edge itself is only handed out:
 *
 *   classes × 32 bytes   SHA-256 of a process class, or zeros
 *   cells × 40 bytes     a number, zero for an empty cell, and a name of up to 32 bytes; of a
 *                        longer name, where it is; of a block, its network and prefix
 *   longer names
 *
 *   the number:  63..48 hash   47..32 port   31..16 length of the name   15..13 kind   12 protocol
 *                11 ask the edge as well   10..8 weakest evidence   7..0 place of the class
 *
 * Both are tables with open addressing, and edges[] has the edge of each cell. Equal numbers lie in
 * the order in which they were put in, so that of several edges the first answers. A hash only says
 * where to look; SHA-256, names, addresses and ports are compared.
 *
 * Names are Latin-1 without '?', since that stands for all that Latin-1 does not have; others are
 * not in the table.
 */
/**
 * The edges that can be found by their destination.
 *
 * <p>It answers for the plain case only: what it finds is what a search of all edges would find,
 * and where it finds nothing they have to be searched. {@link KnownFlowsBuilder} sees to that.
 */
@SuppressWarnings("EnumOrdinal") // in memory only, from one start to the next stop
class KnownFlows {
  static final int NAME = 1;
  static final int BELOW = 2;
  static final int RANGE = 3;
  static final int BLOCK = 4;

  static final int CLASS = 32;
  static final int CELL = 40;
  static final int TEXT = 8;
  static final int MAX_INLINE = CELL - TEXT;
  static final int MAX_NAME = 0xffff;
  static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long ASK = 1 << 11;
  private static final int WEAKEST_SHIFT = 8;
  private static final long WEAKEST = 7 << WEAKEST_SHIFT;
  private static final long KEY = ~(ASK | WEAKEST);

  /** Of nothing. */
  static final KnownFlows NONE = new KnownFlowsBuilder().build();

  private final int classes;
  private final int cells;
  private final byte[] table;
  private final @Nullable Edge[] edges;

  KnownFlows(int classes, byte[] table, @Nullable Edge[] edges) {
    this.classes = classes;
    this.cells = edges.length;
    this.table = table;
    this.edges = edges;
  }

  KnownFlows(KnownFlows other) {
    this(other.classes, other.table, other.edges);
  }

  /** Of a process class and a text or network; says where to look, and in its low bits what for. */
  static long hash(ProcessClass process, int kind, long text, int port) {
    return mixed(process.digest(1) ^ mixed(text ^ ((port << 3) | kind)));
  }

  /** Of the bytes from an index on; eight at a time, the last ones perhaps once more. */
  static long hash(byte[] text, int from) {
    var length = text.length - from;
    var hash = (long) length;
    if (length < Long.BYTES) {
      for (var at = from; at < text.length; at++) {
        hash = (hash << 8) ^ text[at];
      }
      return mixed(hash);
    }
    for (var at = from; at < text.length - Long.BYTES; at += Long.BYTES) {
      hash = mixed(hash ^ (long) LONG.get(text, at));
    }
    return mixed(hash ^ (long) LONG.get(text, text.length - Long.BYTES));
  }

  private static long mixed(long bits) {
    var product = bits * 0x9e3779b97f4a7c15L;
    return product ^ (product >>> 32);
  }

  /** Where the search for a hash begins, of so many cells. */
  static int start(long hash, int cells) {
    return (int) (((hash >>> 32) * cells) >>> 32);
  }

  /** Where the search for a class begins, of so many places. */
  static int startOf(ProcessClass process, int classes) {
    return start(process.digest(0), classes);
  }

  static long number(long hash, int port, int length, int kind, Protocol protocol, int place) {
    return (hash << 48)
        | ((long) port << 32)
        | ((long) length << 16)
        | (kind << 13)
        | (protocol.ordinal() << 12)
        | place;
  }

  /** What the number of a cell has beside what is looked for. */
  static long condition(Evidence weakest, boolean ask) {
    return ((long) weakest.ordinal() << WEAKEST_SHIFT) | (ask ? ASK : 0);
  }

  /**
   * The edge that a search of all edges of the class would find first.
   *
   * @return null when the table does not know
   */
  final @Nullable Edge find(ProcessClass process, Destination to) {
    var place = placeOf(process);
    if (place < 0) {
      return null;
    }
    var name = to.name();
    var text = name.getBytes(ISO_8859_1);
    var port = to.port();
    var edge = named(NAME, process, place, text, 0, port, to);
    if (edge != null) {
      return edge;
    }
    var dot = name.indexOf('.');
    if (dot > 0) {
      edge = named(BELOW, process, place, text, dot + 1, port, to);
    }
    if (edge == null && port >= PortRange.FIRST_DYNAMIC) {
      edge = named(RANGE, process, place, text, 0, 0, to);
    }
    var address = to.address();
    return edge == null && address != null && to.evidence() == Evidence.ADDRESS && address.isIpv4()
        ? within(process, place, address, to)
        : edge;
  }

  private int placeOf(ProcessClass process) {
    for (var place = startOf(process, classes); ; place = place + 1 == classes ? 0 : place + 1) {
      var at = CLASS * place;
      var first = at(at);
      if (first == process.digest(0)
          && at(at + 8) == process.digest(1)
          && at(at + 16) == process.digest(2)
          && at(at + 24) == process.digest(3)) {
        return place;
      }
      if (first == 0) {
        return -1;
      }
    }
  }

  /** By a name, which is all of the text, or by what follows its first label. */
  private @Nullable Edge named(
      int kind, ProcessClass process, int place, byte[] text, int from, int port, Destination to) {
    var length = text.length - from;
    if (length > MAX_NAME) {
      return null;
    }
    var hash = hash(process, kind, hash(text, from), port);
    var wanted = number(hash, port, length, kind, to.protocol(), place);
    for (var cell = start(hash, cells); ; cell = cell + 1 == cells ? 0 : cell + 1) {
      var at = CLASS * classes + CELL * cell;
      var number = at(at);
      if (number == 0) {
        return null;
      }
      if (((number ^ wanted) & KEY) == 0 && isProved(number, cell, to)) {
        var begin = length <= MAX_INLINE ? at + TEXT : (int) at(at + TEXT);
        if (isAt(begin, text, from)) {
          return edges[cell];
        }
      }
    }
  }

  private @Nullable Edge within(
      ProcessClass process, int place, IpAddress address, Destination to) {
    var bits = address.ipv4();
    var hash = hash(process, BLOCK, bits >>> 8, to.port());
    var wanted = number(hash, to.port(), 0, BLOCK, to.protocol(), place);
    for (var cell = start(hash, cells); ; cell = cell + 1 == cells ? 0 : cell + 1) {
      var at = CLASS * classes + CELL * cell;
      var number = at(at);
      if (number == 0) {
        return null;
      }
      if (((number ^ wanted) & KEY) == 0) {
        var block = at(at + TEXT);
        var prefix = (int) block;
        if ((bits ^ (int) (block >>> 32)) >>> (Integer.SIZE - prefix) == 0) {
          return edges[cell];
        }
      }
    }
  }

  /** Whether there is evidence enough for the name, and the edge has nothing to add. */
  private boolean isProved(long number, int cell, Destination to) {
    return to.evidence().ordinal() >= (number & WEAKEST) >>> WEAKEST_SHIFT
        && ((number & ASK) == 0
            || Objects.requireNonNull(edges[cell], "of a number").destination().covers(to));
  }

  /** Whether the table has these bytes there. */
  private boolean isAt(int begin, byte[] text, int from) {
    var last = text.length - Long.BYTES;
    if (last < from) {
      return Arrays.equals(table, begin, begin + text.length - from, text, from, text.length);
    }
    for (var at = from; at < last; at += Long.BYTES) {
      if (at(begin + at - from) != (long) LONG.get(text, at)) {
        return false;
      }
    }
    return at(begin + last - from) == (long) LONG.get(text, last);
  }

  private long at(int index) {
    return (long) LONG.get(table, index);
  }
}
