package io.kith.bridge.capture;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.kith.bridge.ffm.Tuple;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The layout that the BPF programs write and Java reads: who opened a socket, and its key. */
public final class OwnerRecord {
  /*
   *  value, little-endian                       key
   *    0  connect time, ns after boot  u64        0  network namespace cookie  u64
   *    8  socket cookie                u64        8  source address            16 (IPv4: 4, rest 0)
   *   16  cgroup id                    u64       24  destination address       16
   *   24  process start, ns after boot u64       40  source port               u16
   *   32  exec id                      u64       42  destination port          u16
   *   40  inode                        u64       44  protocol, 0x100 for IPv6  u32
   *   48  device                       u32       48
   *   52  links                        u32
   *   56  tgid << 32 | tid             u64
   *   64  gid << 32 | uid              u64
   *   72  network namespace cookie     u64
   *   80  owners before this one       u32        (of the key; over the first sender's thread)
   *   84  first sender's tgid          u32
   *   88  close time, ns after boot    u64
   *   96  change time, seconds         s64
   *  104  change time, nanoseconds     u32
   *  108  parent's tgid                u32
   *  112  comm                         16
   *  128  file system magic            u64
   *  136  overlay upper: not 0         u64
   *  144  file size                    u64
   *  152  mount namespace              u32
   *  156  check of the key             u32      (0: written before there was one)
   *  160  close time of the owner before u64  (0: none before)
   *  168
   */
  public static final int CONNECT = 0;
  static final int COOKIE = 8;
  public static final int CGROUP = 16;
  static final int START = 24;
  static final int EXEC_ID = 32;
  public static final int INODE = 40;
  static final int DEVICE = 48;
  public static final int LINKS = 52;
  public static final int PID_TID = 56;
  public static final int UID_GID = 64;
  public static final int NETNS = 72;
  static final int SENDER = 80;
  static final int NUMBER = 80;
  static final int CLOSE = 88;
  static final int CHANGE_SECONDS = 96;
  static final int CHANGE_NANOS = 104;
  static final int PARENT = 108;
  static final int COMM = 112;
  public static final int MAGIC = 128;
  public static final int OVERLAY_UPPER = 136;
  static final int SIZE = 144;
  static final int MOUNT_NAMESPACE = 152;
  static final int CHECK = 156;
  static final int EARLIER = 160;
  public static final int BYTES = 168;

  static final int KEY_NETNS = 0;
  static final int KEY_SOURCE = 8;
  static final int KEY_DESTINATION = 24;
  static final int KEY_SOURCE_PORT = 40;
  static final int KEY_DESTINATION_PORT = 42;
  static final int KEY_PROTOCOL = 44;
  static final int KEY_BYTES = 48;

  /** Owners before the latest that a key has room for, each under a key of its own. */
  static final int SLOTS = 16;

  /** A slot is in the protocol's upper half, which is 0 in the key of the latest owner. */
  static final int SLOT_SHIFT = 16;

  /** The check is of the words from here to the end of the key. */
  static final int KEY_CHECKED = KEY_SOURCE;

  static final int CHECK_FACTOR = 0x0100_0193;

  static final int TCP = 6;
  static final int TCP_OVER_IPV6 = TCP | 0x100;

  /** The highest bit says that somebody asked for the time (kernel 6.13 and newer). */
  private static final int NANOS_MASK = 0x7fff_ffff;

  public static final long OVERLAYFS = 0x794c7630L;

  private OwnerRecord() {}

  static byte[] key(long netnsCookie, Tuple tuple) {
    var key = ByteBuffer.allocate(KEY_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    key.putLong(KEY_NETNS, netnsCookie);
    key.put(KEY_SOURCE, tuple.source().bytes());
    key.put(KEY_DESTINATION, tuple.destination().bytes());
    key.putShort(KEY_SOURCE_PORT, (short) tuple.sourcePort());
    key.putShort(KEY_DESTINATION_PORT, (short) tuple.destinationPort());
    key.putInt(KEY_PROTOCOL, tuple.source().bytes().length == 4 ? TCP : TCP_OVER_IPV6);
    return key.array();
  }

  /**
   * The key under which an earlier owner stands.
   *
   * @param number how many owners the key had before that one
   */
  static byte[] key(byte[] key, int number) {
    var earlier = key.clone();
    var slot = ((number & (SLOTS - 1)) + 1) << SLOT_SHIFT;
    var in = ByteBuffer.wrap(earlier).order(ByteOrder.LITTLE_ENDIAN);
    in.putInt(KEY_PROTOCOL, in.getInt(KEY_PROTOCOL) | slot);
    return earlier;
  }

  /**
   * Whether a record is of the key under which it was found. The kernel gives the room of a
   * forgotten connection to the next one at once, so a program that is slow enough could write into
   * a record that has become another's; the check is what it writes last.
   */
  static boolean isOf(byte[] record, byte[] key) {
    var check = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).getInt(CHECK);
    var network = ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).getLong(KEY_NETNS);
    return check == 0 || (check == check(key) && netns(record) == network);
  }

  private static int check(byte[] key) {
    var in = ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN);
    var check = 0;
    for (var i = KEY_CHECKED; i < KEY_BYTES; i += 4) {
      check = check * CHECK_FACTOR + in.getInt(i);
    }
    return check | 1;
  }

  /** The network namespace in which it happened. */
  static long netns(byte[] record) {
    return ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).getLong(NETNS);
  }

  /** How many owners the key had before. */
  static int number(byte[] record) {
    return ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).getInt(NUMBER);
  }

  /** When the owner before closed its end, after boot; 0: there was none. */
  static long earlierNanos(byte[] record) {
    return ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN).getLong(EARLIER);
  }

  /**
   * The owner that a record tells of.
   *
   * @param withImage the programs could read the executable
   */
  public static Owner owner(byte[] record, boolean withImage) {
    var in = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
    var pidTid = in.getLong(PID_TID);
    var uidGid = in.getLong(UID_GID);
    return new Owner(
        (int) (pidTid >>> 32),
        (int) pidTid,
        (int) uidGid,
        (int) (uidGid >>> 32),
        in.getLong(START),
        in.getLong(EXEC_ID),
        withImage && in.getLong(INODE) != 0 ? image(in) : null,
        text(record, COMM, 16),
        in.getLong(CGROUP),
        in.getInt(PARENT),
        Integer.toUnsignedLong(in.getInt(MOUNT_NAMESPACE)),
        in.getLong(CONNECT),
        in.getLong(CLOSE),
        (int) (in.getLong(SENDER) >>> 32));
  }

  private static ImageId image(ByteBuffer in) {
    var magic = in.getLong(MAGIC);
    return new ImageId(
        in.getInt(DEVICE),
        in.getLong(INODE),
        in.getLong(CHANGE_SECONDS),
        in.getInt(CHANGE_NANOS) & NANOS_MASK,
        in.getLong(SIZE),
        in.getInt(LINKS),
        magic,
        magic == OVERLAYFS && in.getLong(OVERLAY_UPPER) != 0);
  }

  /** Bytes up to the first zero. */
  static String text(byte[] record, int at, int most) {
    var end = at;
    while (end < at + most && end < record.length && record[end] != 0) {
      end++;
    }
    return new String(record, at, end - at, UTF_8);
  }
}
