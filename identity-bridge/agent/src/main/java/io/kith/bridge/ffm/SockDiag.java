package io.kith.bridge.ffm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
   *            expires u32, receive queue u32, send queue u32, uid u32 at 64, inode u32 at 68
   */
  private static final int NETLINK_SOCK_DIAG = 4;
  private static final int BY_FAMILY = 20;
  private static final int REQUEST_BYTES = 56;
  private static final int STATE = 1;
  private static final int LISTEN = 10;
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
    out.put((byte) (tuple.sourcePort() >> 8)).put((byte) tuple.sourcePort());
    out.put((byte) (tuple.destinationPort() >> 8)).put((byte) tuple.destinationPort());
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
