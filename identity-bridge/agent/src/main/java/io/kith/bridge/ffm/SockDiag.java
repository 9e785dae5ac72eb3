package io.kith.bridge.ffm;

import io.kith.baselines.identity.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The sockets of one network namespace: inode and user of an exact connection.
 *
 * <p>Source: sock_diag(7), linux/inet_diag.h.
 */
public final class SockDiag implements AutoCloseable {
  /*
   *  request   family u8, protocol u8, extensions u8, pad u8, states u32,
   *            sport be16, dport be16, src 16, dst 16, interface u32, cookie 2 × u32
   *  answer    family u8, state u8, timer u8, retransmits u8, the same 48 bytes,
   *            expires u32, receive queue u32, send queue u32, uid u32 at 64, inode u32 at 68,
   *            attributes: length u16, type u16, data, from 72 on
   */
  private static final int NETLINK_SOCK_DIAG = 4;
  private static final int BY_FAMILY = 20;
  private static final int DESTROY = 21;
  private static final int REQUEST_BYTES = 56;
  private static final int STATE = 1;
  private static final int LISTEN = 10;
  private static final int LOCAL_PORT = 4;
  private static final int LOCAL_ADDRESS = 8;
  private static final int COOKIE = 44;
  private static final int ATTRIBUTES = 72;
  private static final int CGROUP_ID = 21;
  private static final int NESTED = 0x8000;
  private static final int TYPE_MASK = 0x3fff;
  private static final short STORAGES_ASKED = 2;
  private static final short STORAGE_OF_MAP = 1;
  private static final int STORAGES = 20;
  private static final int STORAGE = 1;
  private static final int STORAGE_VALUE = 3;
  private static final int MOST = 100_000;
  private static final int UID = 64;
  private static final int INODE = 68;
  private static final int TCP = 6;
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;

  private final NetlinkSocket socket;

  private SockDiag(NetlinkSocket socket) {
    this.socket = socket;
  }

  /**
   * A socket that exists now.
   *
   * @param inode 0 when no process holds it any more
   */
  public record Found(long inode, int uid) {}

  /** Which sockets to list. */
  public enum State {
    /** Connected, or about to be: bits 1 to 5, 8 and 11 of the states of TCP. */
    OPEN(1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11),
    /** Its first packet was sent and not answered yet. */
    CONNECTING(1 << 2),
    LISTENING(1 << LISTEN);

    private final int bits;

    State(int bits) {
      this.bits = bits;
    }
  }

  /**
   * A TCP socket, as a list shows it.
   *
   * @param tuple from its own end, before NAT; of a listener the far end is all zero
   * @param uid of who made it
   * @param inode 0 when no process holds it any more; grows from socket to socket
   * @param cgroup v2 id of the cgroup in which it was made; 0 when the kernel does not tell
   */
  public record Listed(
      int family, Tuple tuple, int uid, long inode, long cgroup, int interfaceIndex, long cookie) {}

  /** The TCP sockets in such a state, at most 100,000. */
  public List<Listed> list(State state) throws KernelException {
    var all = new ArrayList<Listed>();
    for (var family : new int[] {AF_INET, AF_INET6}) {
      var request = ByteBuffer.allocate(REQUEST_BYTES).order(ByteOrder.nativeOrder());
      request.put((byte) family).put((byte) TCP).putShort((short) 0).putInt(state.bits);
      for (var message : socket.list(BY_FAMILY, request.array(), MOST)) {
        if (message.remaining() >= ATTRIBUTES) {
          all.add(listed(message));
        }
      }
    }
    return all;
  }

  static Listed listed(ByteBuffer message) {
    var family = message.get(0);
    var bytes = family == AF_INET ? 4 : 16;
    var tuple =
        new Tuple(
            address(message, LOCAL_ADDRESS, bytes),
            port(message, LOCAL_PORT),
            address(message, LOCAL_ADDRESS + 16, bytes),
            port(message, LOCAL_PORT + 2));
    return new Listed(
        family,
        tuple,
        message.getInt(UID),
        Integer.toUnsignedLong(message.getInt(INODE)),
        cgroup(message),
        message.getInt(COOKIE - 4),
        message.getLong(COOKIE));
  }

  private static IpAddress address(ByteBuffer message, int at, int bytes) {
    var address = new byte[bytes];
    message.get(at, address);
    return IpAddress.of(address);
  }

  private static int port(ByteBuffer message, int at) {
    return (message.get(at) & 0xff) << 8 | (message.get(at + 1) & 0xff);
  }

  private static long cgroup(ByteBuffer message) {
    var id = attribute(message, ATTRIBUTES, CGROUP_ID);
    return id == null || id.remaining() < 8 ? 0 : id.getLong(0);
  }

  /** The value of the first attribute of a type, or null. */
  private static @Nullable ByteBuffer attribute(ByteBuffer message, int from, int type) {
    var at = from;
    while (at + 4 <= message.limit()) {
      var length = message.getShort(at) & 0xffff;
      if (length < 4 || at + length > message.limit()) {
        return null;
      }
      if ((message.getShort(at + 2) & TYPE_MASK) == type) {
        return message.slice(at + 4, length - 4).order(ByteOrder.nativeOrder());
      }
      at += (length + 3) & ~3;
    }
    return null;
  }

  /**
   * What a map of socket storage has of an open connection, for each socket with its addresses:
   * none when there is no such connection, several when they are bound to several interfaces.
   *
   * @param tuple from its near end, before NAT
   * @return values of the map, each empty where it has none of that socket
   * @throws KernelException also before Linux 5.7, or without CAP_BPF: EPERM
   */
  public List<byte[]> stored(Tuple tuple, Descriptor storage) throws KernelException {
    var values = new ArrayList<byte[]>();
    for (var family : new int[] {AF_INET, AF_INET6}) {
      var request = ByteBuffer.allocate(REQUEST_BYTES + 12).order(ByteOrder.nativeOrder());
      request.put((byte) family).put((byte) TCP).putShort((short) 0).putInt(State.OPEN.bits);
      ports(request, tuple); // a list is of these ports only; addresses it does not look at
      request.position(REQUEST_BYTES);
      request.putShort((short) 12).putShort((short) (STORAGES_ASKED | NESTED));
      request.putShort((short) 8).putShort(STORAGE_OF_MAP).putInt(storage.number());
      for (var message : socket.list(BY_FAMILY, request.array(), MOST)) {
        if (message.remaining() >= ATTRIBUTES && listed(message).tuple().equals(tuple)) {
          values.add(stored(message));
        }
      }
    }
    return values;
  }

  static byte[] stored(ByteBuffer message) {
    var all = attribute(message, ATTRIBUTES, STORAGES);
    var one = all == null ? null : attribute(all, 0, STORAGE);
    var value = one == null ? null : attribute(one, 0, STORAGE_VALUE);
    var bytes = new byte[value == null ? 0 : value.remaining()];
    if (value != null) {
      value.get(bytes);
    }
    return bytes;
  }

  /**
   * Ends a connection at once: its process reads ECONNABORTED, the other side gets a reset.
   *
   * @return false when it is gone already
   * @throws KernelException also when the kernel was built without INET_DIAG_DESTROY: EOPNOTSUPP
   */
  public boolean destroy(Listed which) throws KernelException {
    var request = ByteBuffer.allocate(REQUEST_BYTES).order(ByteOrder.nativeOrder());
    var tuple = which.tuple();
    request.put((byte) which.family()).put((byte) TCP).putShort((short) 0).putInt(-1);
    ports(request, tuple);
    put(request, 12, which.family(), tuple.source());
    put(request, 28, which.family(), tuple.destination());
    request.putInt(44, which.interfaceIndex()).putLong(48, which.cookie());
    return socket.tell(DESTROY, request.array());
  }

  private static void ports(ByteBuffer out, Tuple tuple) {
    out.put((byte) (tuple.sourcePort() >> 8)).put((byte) tuple.sourcePort());
    out.put((byte) (tuple.destinationPort() >> 8)).put((byte) tuple.destinationPort());
  }

  /** An IPv4 address on a socket of IPv6 is written as that socket has it. */
  private static void put(ByteBuffer out, int at, int family, IpAddress address) {
    var bytes = address.bytes();
    if (family == AF_INET6 && bytes.length == 4) {
      out.putShort(at + 10, (short) -1).put(at + 12, bytes);
    } else {
      out.put(at, bytes);
    }
  }

  /** Of the network namespace of the calling thread. */
  public static SockDiag open() throws KernelException {
    return new SockDiag(new NetlinkSocket(NETLINK_SOCK_DIAG));
  }

  /** The socket of a connection, seen from its near end, or null when there is none. */
  public @Nullable Found find(Tuple tuple) throws KernelException {
    var answer = socket.ask(BY_FAMILY, request(tuple));
    return answer == null ? null : found(answer);
  }

  /** The kernel names a listener on the near port when there is no connection: no answer to us. */
  static @Nullable Found found(ByteBuffer answer) {
    return answer.remaining() < INODE + 4 || answer.get(STATE) == LISTEN
        ? null
        : new Found(Integer.toUnsignedLong(answer.getInt(INODE)), answer.getInt(UID));
  }

  static byte[] request(Tuple tuple) {
    var source = tuple.source().bytes();
    var out = ByteBuffer.allocate(REQUEST_BYTES).order(ByteOrder.nativeOrder());
    out.put((byte) (source.length == 4 ? AF_INET : AF_INET6)).put((byte) TCP);
    out.putShort((short) 0).putInt(-1);
    ports(out, tuple);
    out.put(12, source);
    out.put(28, tuple.destination().bytes());
    out.putInt(48, -1).putInt(52, -1); // any cookie
    return out.array();
  }

  @Override
  public void close() {
    socket.close();
  }
}
