package io.kith.bridge.capture;

import io.kith.bridge.ffm.Assembler;
import io.kith.bridge.ffm.Bpf;
import io.kith.bridge.ffm.Bpf.MapKind;
import io.kith.bridge.ffm.Descriptor;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.MapReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A table in which the kernel notes who opened which connection, so that a server of this node need
 * not ask: it reads a word of eight octets. Thread-safe.
 *
 * <p>The BPF part of this file is also available under BSD-3-Clause or GPL-2.0, as the kernel wants
 * for the helpers that it calls ("Dual BSD/GPL").
 */
public final class Openers implements AutoCloseable {
  /*
   *  hash(key)            of the six words of an owner's key (OwnerRecord): where the word stands, by
   *                       its low bits
   *  number(process)      of what OwnerRecord says of a process, with a seed that stays here
   *  word                 hash, mixed with when it connected, ^ number while the connection is open;
   *                       else that of another, or 0
   *
   * One word, so that it is written and read at once, and there is no moment in which it is half
   * of two. It is written when the far end accepts, before anybody there can ask, and only if the
   * far end is in the same network, and sees the source that the near end has: NAT gives a
   * connection another port where its own is taken, so two may have the same addresses, one here
   * and one there. That both ends are of one connection is known by its sequence numbers, which
   * NAT leaves as they are. The word is taken back when either end closes: while both are open, no
   * other connection comes to the proxy from this port. There is none where another process had
   * the key until shortly before, who may be meant as well. It counts for some seconds only, for
   * what may have been overlooked here. Two connections with the same low bits push each other
   * out: then the server asks. Both seeds are secret and new with each bridge. Addresses of IPv6
   * can be found that have one hash under each seed; since both would have to come to the proxy
   * from one port at a time, that is no use.
   */
  /** Nanoseconds after boot, without these bits: a word counts from 8 to 17 s. */
  static final int TIME_SHIFT = 33;

  /** How a problem begins that leaves servers without a table. */
  static final String NO_TABLE = "servers ask who opened each connection: ";

  private static final long FACTOR = 0x9e37_79b9_7f4a_7c15L;
  private static final int LEAST = 1_024;
  private static final int MOST = 1 << 20;

  /** Connections between the answer to their SYN and their being accepted. */
  private static final int AWAITED = 8_192;

  // On the stack, below the key: what is awaited is cookie, index, word and key.
  private static final int WORD = Programs.KEY - 8;
  private static final int INDEX = WORD - 8;
  private static final int COOKIE = INDEX - 8;
  private static final int PAIR = COOKIE - 8;
  private static final int AWAITED_BYTES = Programs.KEY - COOKIE + OwnerRecord.KEY_BYTES;

  // What the far end's socket keeps.
  private static final int END_INDEX = 0;
  private static final int END_WORD = 8;
  private static final int END_BYTES = 16;
  private static final int CREATE = 1; // BPF_SK_STORAGE_GET_F_CREATE

  private final Descriptor map;
  private final Descriptor awaited;
  private final Descriptor ends;
  private final int id;
  private final int words;
  private final long seed;
  private final long numberSeed;
  private final MapReader reader;

  private Openers(
      Descriptor map,
      Descriptor awaited,
      Descriptor ends,
      int id,
      int words,
      long seed,
      long numberSeed) {
    this.map = map;
    this.awaited = awaited;
    this.ends = ends;
    this.id = id;
    this.words = words;
    this.seed = seed;
    this.numberSeed = numberSeed;
    this.reader = new MapReader(map, 4, 8);
  }

  /**
   * A process of one pod as the table has it.
   *
   * @param number of the process
   * @param network cookie of the pod's network namespace
   */
  public record Opener(long number, long network) {}

  /**
   * Makes a table.
   *
   * @param entries connections that are open at a time
   * @param problems are told why there is none
   * @return null where the kernel shares no arrays (before Linux 5.5) or has no room
   */
  static @Nullable Openers open(int entries, List<String> problems) {
    var words = Math.clamp(Integer.highestOneBit(Math.min(entries, MOST)) * 4L, LEAST, MOST);
    var made = new ArrayList<Descriptor>();
    try {
      made.add(Bpf.sharedArray(8, words));
      made.add(Bpf.map(MapKind.LRU_HASH, 8, AWAITED_BYTES, AWAITED));
      made.add(Bpf.map(MapKind.SOCKET_STORAGE, 4, END_BYTES, 0));
      var random = new SecureRandom();
      return new Openers(
          made.get(0),
          made.get(1),
          made.get(2),
          Bpf.id(made.getFirst()),
          words,
          random.nextLong(),
          random.nextLong());
    } catch (KernelException e) {
      made.forEach(Descriptor::close);
      problems.add(NO_TABLE + e.getMessage());
      return null;
    }
  }

  /** The map, to be handed over; nobody but the kernel can write to it. */
  public Descriptor map() {
    return map;
  }

  /** The map's number in the kernel. */
  public int id() {
    return id;
  }

  /** How many words there are: a power of two. */
  public int words() {
    return words;
  }

  /** With which keys are hashed. */
  public long seed() {
    return seed;
  }

  // ---- as the kernel reckons

  /** Reckons the word of the record at 7, with the key on the stack; registers 1 to 5 are lost. */
  void reckon(Assembler a) {
    a.set64(3, FACTOR).set64(1, numberSeed);
    a.load32(4, 7, OwnerRecord.PID_TID + 4).shiftLeft(4, 32);
    a.load32(5, 7, OwnerRecord.SENDER + 4).addRegister(4, 5);
    mix(a);
    for (var field :
        new int[] {
          OwnerRecord.UID_GID, OwnerRecord.START, OwnerRecord.EXEC_ID, OwnerRecord.CGROUP
        }) {
      a.load64(4, 7, field);
      mix(a);
    }
    a.move(5, 1).set64(1, seed);
    for (var i = 0; i < OwnerRecord.KEY_BYTES; i += 8) {
      a.load64(4, 10, Programs.KEY + i);
      mix(a);
    }
    a.move(2, 1).and(2, words - 1).store64(10, INDEX, 2);
    a.load64(4, 7, OwnerRecord.CONNECT).shiftRight(4, TIME_SHIFT);
    mix(a);
    a.xorRegister(1, 5).store64(10, WORD, 1);
  }

  /** 1 = what it is with the word in 4 mixed in. */
  private static void mix(Assembler a) {
    a.xorRegister(1, 4).multiplyRegister(1, 3).move(2, 1).shiftRight(2, 32).xorRegister(1, 2);
  }

  /**
   * Whoever had this place before has it no more; registers 0 to 5 are lost.
   *
   * @param after label that follows
   */
  void clear(Assembler a, String after) {
    lookUp(a, after);
    a.storeValue64(0, 0, 0).label(after);
  }

  /**
   * Keeps the word of the record at 7 for when the far end is there, unless the owner of its
   * addresses before had them until shortly before, since he may be meant as well; registers 0 to 5
   * are lost.
   */
  void awaitTheFarEnd(Assembler a) {
    a.load64(1, 7, OwnerRecord.EARLIER).jumpIfEqual(1, 0, "not-doubted");
    a.set64(3, SocketOwners.RECENT_NANOS).addRegister(1, 3);
    a.load64(2, 7, OwnerRecord.CONNECT).jumpIfMore(2, 1, "not-doubted").jump("doubted");
    a.label("not-doubted");
    a.load64(1, 7, OwnerRecord.COOKIE).store64(10, COOKIE, 1);
    pair(a, Programs.SEND_NEXT, Programs.RECEIVE_NEXT);
    a.map(1, awaited.number()).move(2, 10).add(2, PAIR).move(3, 10).add(3, COOKIE).set(4, 0);
    a.call(Programs.MAP_UPDATE).label("doubted");
  }

  /**
   * Writes the word of the connection that the socket of the context is the far end of, if both are
   * in one network, as a pod and its proxy, it comes from the port that it has at its near end, and
   * that is open still; registers 0 to 5 and 8 are lost.
   *
   * @param owners the table of owners
   * @param out label for when it is not
   */
  void confirm(Assembler a, Descriptor owners, String out) {
    pair(a, Programs.RECEIVE_NEXT, Programs.SEND_NEXT);
    a.map(1, awaited.number()).move(2, 10).add(2, PAIR).call(Programs.MAP_LOOKUP);
    a.jumpIfEqual(0, 0, out).move(8, 0);
    for (var i = 0; i < AWAITED_BYTES; i += 8) {
      a.load64(1, 8, i).store64(10, COOKIE + i, 1);
    }
    a.move(1, 6).call(Programs.NETNS_COOKIE).load64(1, 10, Programs.KEY + OwnerRecord.KEY_NETNS);
    a.jumpUnlessSame(0, 1, out);
    a.load32(1, 6, Programs.REMOTE_PORT).bigEndian32(1).and(1, 0xffff);
    a.load16(2, 10, Programs.KEY + OwnerRecord.KEY_SOURCE_PORT).jumpUnlessSame(1, 2, out);
    a.load32(1, 10, Programs.KEY + OwnerRecord.KEY_PROTOCOL);
    a.jumpUnlessEqual(1, OwnerRecord.TCP, "from-ipv6");
    sameSource(a, Programs.REMOTE_IP4, 0, out);
    a.jump("same-source").label("from-ipv6");
    for (var i = 0; i < 16; i += 4) {
      sameSource(a, Programs.REMOTE_IP6 + i, i, out);
    }
    a.label("same-source");
    Programs.stored(a, ends, CREATE, out);
    a.load64(1, 10, INDEX).store64(0, END_INDEX, 1);
    a.load64(1, 10, WORD).store64(0, END_WORD, 1);
    a.load32(2, 6, Programs.FLAGS).or(2, Programs.STATE_FLAG).move(1, 6);
    a.call(Programs.SOCKET_OPERATION_FLAGS).jumpUnlessEqual(0, 0, out);
    note(a);
    // The near end may be closed by now, and has then taken back what was not there yet.
    a.map(1, owners.number()).move(2, 10).add(2, Programs.KEY).call(Programs.MAP_LOOKUP);
    a.jumpIfEqual(0, 0, "no-more");
    a.load64(1, 0, OwnerRecord.COOKIE).load64(2, 10, COOKIE).jumpUnlessSame(1, 2, "no-more");
    a.load64(1, 0, OwnerRecord.CLOSE).jumpIfEqual(1, 0, out).label("no-more");
    clear(a, "taken-back");
    a.jump(out);
  }

  /**
   * Takes the word back when the socket of the context, which closes, is the far end of its
   * connection, or was of one before; registers 0 to 5 are lost.
   *
   * @param after label that follows
   */
  void farEndCloses(Assembler a, String after) {
    Programs.stored(a, ends, 0, after);
    a.load64(1, 0, END_INDEX).store64(10, INDEX, 1);
    a.load64(1, 0, END_WORD).store64(10, WORD, 1);
    forget(a, after);
  }

  private static void sameSource(Assembler a, int seen, int octet, String otherwise) {
    a.load32(1, 6, seen).load32(2, 10, Programs.KEY + OwnerRecord.KEY_SOURCE + octet);
    a.jumpUnlessSame(1, 2, otherwise);
  }

  /** The sequence numbers of both directions of a connection that has sent nothing yet. */
  private static void pair(Assembler a, int ofTheNearEnd, int ofTheFarEnd) {
    a.load32(1, 6, ofTheNearEnd).shiftLeft(1, 32);
    a.load32(2, 6, ofTheFarEnd).addRegister(1, 2).store64(10, PAIR, 1);
  }

  private void note(Assembler a) {
    lookUp(a, "not-noted");
    a.load64(1, 10, WORD).store64(0, 0, 1).label("not-noted");
  }

  /**
   * Takes the word back where it stands; registers 0 to 5 are lost.
   *
   * @param after label that follows
   */
  void forget(Assembler a, String after) {
    lookUp(a, after);
    a.load64(1, 10, WORD).load64(2, 0, 0).jumpUnlessSame(1, 2, after);
    a.storeValue64(0, 0, 0).label(after);
  }

  private void lookUp(Assembler a, String otherwise) {
    a.map(1, map.number())
        .move(2, 10)
        .add(2, INDEX)
        .call(Programs.MAP_LOOKUP)
        .jumpIfEqual(0, 0, otherwise);
  }

  // ---- as Java reckons

  /** What stands for the process that owns a connection. */
  long number(Owner owner) {
    var h = numberSeed;
    h = mixed(h, (long) owner.pid() << 32 | Integer.toUnsignedLong(owner.senderPid()));
    h = mixed(h, (long) owner.gid() << 32 | Integer.toUnsignedLong(owner.uid()));
    h = mixed(h, owner.startNanos());
    h = mixed(h, owner.execId());
    return mixed(h, owner.cgroup());
  }

  /**
   * What stands for a connection.
   *
   * @param key as {@link OwnerRecord} has it
   */
  static long hash(long seed, byte[] key) {
    var in = ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN);
    var h = seed;
    for (var i = 0; i < OwnerRecord.KEY_BYTES; i += 8) {
      h = mixed(h, in.getLong(i));
    }
    return h;
  }

  private static long mixed(long before, long word) {
    var h = (before ^ word) * FACTOR;
    return h ^ (h >>> 32);
  }

  /** Whether the table says now that this process has this connection. */
  boolean has(byte[] key, Owner owner) {
    return number(key, owner.connectNanos()) == number(owner);
  }

  /** Who has a connection, if it is noted and was opened about then. */
  long number(byte[] key, long connectNanos) {
    var word = word(key);
    return word == 0 ? 0 : word ^ mixed(hash(seed, key), connectNanos >>> TIME_SHIFT);
  }

  /** The word where that of a connection stands. */
  long word(byte[] key) {
    var index = (int) hash(seed, key) & (words - 1);
    var found =
        reader.get(ByteBuffer.allocate(4).order(ByteOrder.nativeOrder()).putInt(index).array());
    return found == null ? 0 : ByteBuffer.wrap(found).order(ByteOrder.nativeOrder()).getLong();
  }

  @Override
  public void close() {
    map.close();
    awaited.close();
    ends.close();
  }
}
