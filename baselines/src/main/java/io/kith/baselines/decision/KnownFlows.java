package io.kith.baselines.decision;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Edge;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.KeyedHash;
import io.kith.baselines.process.ProcessClass;
import org.jspecify.annotations.Nullable;

/*
 * What costs time is not instructions but memory: with many workloads each step to another object
 * is a miss of all caches and of the address translation, and an edge with its pattern and texts is
 * six steps away. So all that is compared lies in one array, at a place that follows from the
 * question alone, mostly within one line of the cache, and the edge itself is only handed out.
 *
 *   cells × two words   63..1 of one hash, and a one; both words are zero in an empty cell
 *                       63..16 of another   15..0 the condition:
 *                         name, wildcard, range:  11 ask the edge as well   10..8 weakest evidence
 *                         block:  15..12 prefix beyond 24   7..0 last byte of the network
 *
 * The hashes are of all that is asked: class, kind, port, protocol, and name or network. Under keys
 * that nobody knows, 111 bits of another question are the same once in 2¹¹¹ draws, which is how
 * equality is told here. A table with open addressing, half of it empty, so that the first cell is
 * mostly the right one; edges[] has the edge of each cell. Equal questions lie in the order in which
 * they were put in, so that of several edges the first answers.
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

  /** As many bytes of a name as there are keys for, beside those of the rest. */
  static final int MAX_NAME = (KeyedHash.MAX_WORDS - 5) * Long.BYTES;

  /** Of the second word, what is not condition. */
  static final long HASH = ~0xffffL;

  private static final long ASK = 1 << 11;
  private static final int WEAKEST_SHIFT = 8;
  private static final int WEAKEST = 7;
  private static final int PREFIX_SHIFT = 12;

  /** Of nothing. */
  static final KnownFlows NONE = new KnownFlowsBuilder().build();

  private final int cells;
  private final long[] table;
  private final @Nullable Edge[] edges;

  KnownFlows(long[] table, @Nullable Edge[] edges) {
    this.cells = edges.length;
    this.table = table;
    this.edges = edges;
  }

  KnownFlows(KnownFlows other) {
    this(other.table, other.edges);
  }

  /** What is asked, beside class and name, in one word. */
  static long words(int kind, int port, Protocol protocol, int length) {
    return ((long) length << 32) | (port << 8) | (protocol.ordinal() << 4) | kind;
  }

  /** The first word of a cell, never zero; says where to look. */
  static long first(ProcessClass process, long words, byte[] text, int from) {
    return value(process.hash(), words, text, from) | 1;
  }

  /** The second word of a cell, without its condition. */
  static long second(ProcessClass process, long words, byte[] text, int from) {
    return value(process.otherHash(), words, text, from) & HASH;
  }

  private static long value(KeyedHash hash, long words, byte[] text, int from) {
    hash.add(words);
    hash.add(text, from);
    return hash.value();
  }

  /** Where the search for a first word begins, of so many cells. */
  static int start(long first, int cells) {
    return (int) (((first >>> 32) * cells) >>> 32);
  }

  /** Under which a name counts. */
  static long condition(Evidence weakest, boolean ask) {
    return ((long) weakest.ordinal() << WEAKEST_SHIFT) | (ask ? ASK : 0);
  }

  /** Which addresses of a /24 are meant. */
  static long condition(IpAddress network, int prefix) {
    return ((prefix - 24L) << PREFIX_SHIFT) | (network.ipv4() & 0xff);
  }

  /** The /24 of an address, as the text that is looked for. */
  static byte[] text(IpAddress address) {
    var bytes = address.bytes();
    bytes[3] = 0;
    return bytes;
  }

  /**
   * The edge that a search of all edges of the class would find first.
   *
   * @return null when the table does not know
   */
  final @Nullable Edge find(ProcessClass process, Destination to) {
    // One place that asks, in a loop: the code is then so short that between two decisions, when
    // others run, most of it stays in the caches of the processor.
    var text = to.name().getBytes(ISO_8859_1);
    for (var kind = NAME; kind <= BLOCK; kind++) {
      var from = from(kind, to);
      if (from >= 0) {
        var edge = find(kind, process, kind == BLOCK ? network(to) : text, from, to);
        if (edge != null) {
          return edge;
        }
      }
    }
    return null;
  }

  /** Where the text of a kind begins in what is asked, or -1 when nothing of the kind can cover. */
  private static int from(int kind, Destination to) {
    return switch (kind) {
      case NAME -> 0;
      case BELOW -> {
        var dot = to.name().indexOf('.');
        yield dot > 0 ? dot + 1 : -1;
      }
      case RANGE -> to.port() >= PortRange.FIRST_DYNAMIC ? 0 : -1;
      default -> {
        var address = to.address();
        yield address != null && to.evidence() == Evidence.ADDRESS && address.isIpv4() ? 0 : -1;
      }
    };
  }

  private @Nullable Edge find(
      int kind, ProcessClass process, byte[] text, int from, Destination to) {
    var length = text.length - from;
    if (length > MAX_NAME) {
      return null;
    }
    var words = words(kind, kind == RANGE ? 0 : to.port(), to.protocol(), length);
    var first = first(process, words, text, from);
    var second = second(process, words, text, from);
    for (var cell = start(first, cells); ; cell = cell + 1 == cells ? 0 : cell + 1) {
      var found = table[2 * cell];
      if (found == first) {
        var condition = table[2 * cell + 1] ^ second;
        if ((condition & HASH) == 0
            && (kind == BLOCK ? isWithin(condition, to) : isProved(condition, cell, to))) {
          return edges[cell];
        }
      } else if (found == 0) {
        return null;
      }
    }
  }

  private static byte[] network(Destination to) {
    return text(requireNonNull(to.address(), "asked for a block"));
  }

  private static boolean isWithin(long condition, Destination to) {
    var address = requireNonNull(to.address(), "asked for a block");
    return ((condition ^ address.ipv4()) & 0xff) >>> (8 - (condition >>> PREFIX_SHIFT)) == 0;
  }

  /** Whether there is evidence enough for the name, and the edge has nothing to add. */
  private boolean isProved(long condition, int cell, Destination to) {
    return to.evidence().ordinal() >= (condition >>> WEAKEST_SHIFT & WEAKEST)
        && ((condition & ASK) == 0
            || requireNonNull(edges[cell], "of a cell").destination().covers(to));
  }
}
