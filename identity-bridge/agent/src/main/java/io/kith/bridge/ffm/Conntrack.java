package io.kith.bridge.ffm;

import io.kith.baselines.identity.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Connection tracking of one network namespace: what a connection looked like before NAT.
 *
 * <p>Source: linux/netfilter/nfnetlink_conntrack.h.
 */
public final class Conntrack implements AutoCloseable {
  /*
   *  request   nfgenmsg: family u8, version u8, resource u16
   *            CTA_TUPLE_REPLY { CTA_TUPLE_IP { src, dst }, CTA_TUPLE_PROTO { number, sport, dport } }
   *  answer    nfgenmsg, CTA_TUPLE_ORIG { the same }, …
   *  attribute length u16, type u16 (0x8000: nested), data, padded to 4
   */
  private static final int NETLINK_NETFILTER = 12;
  private static final int GET_CONNECTION = (1 << 8) | 1;
  private static final int NESTED = 0x8000;
  private static final int TYPE_MASK = 0x3fff;
  private static final int TUPLE_ORIGINAL = 1;
  private static final int TUPLE_REPLY = 2;
  private static final int TUPLE_IP = 1;
  private static final int TUPLE_PROTOCOL = 2;
  private static final int IP4_SOURCE = 1;
  private static final int IP4_DESTINATION = 2;
  private static final int IP6_SOURCE = 3;
  private static final int IP6_DESTINATION = 4;
  private static final int PROTOCOL_NUMBER = 1;
  private static final int PROTOCOL_SOURCE = 2;
  private static final int PROTOCOL_DESTINATION = 3;
  private static final int TCP = 6;
  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;

  private final NetlinkSocket socket;

  private Conntrack(NetlinkSocket socket) {
    this.socket = socket;
  }

  /** Of the network namespace of the calling thread; needs CAP_NET_ADMIN in it. */
  public static Conntrack open() throws KernelException {
    return new Conntrack(new NetlinkSocket(NETLINK_NETFILTER));
  }

  /**
   * The connection as its opener made it.
   *
   * @param reply the connection as answers travel: from where it was redirected to, back to where
   *     it comes from
   * @return null when no such connection is tracked
   */
  public @Nullable Tuple original(Tuple reply) throws KernelException {
    var answer = socket.ask(GET_CONNECTION, request(reply));
    return answer == null ? null : originalOf(answer);
  }

  static byte[] request(Tuple reply) {
    var source = reply.source().bytes();
    var destination = reply.destination().bytes();
    var v4 = source.length == 4;
    if (destination.length != source.length) {
      throw new IllegalArgumentException("tuple of two families: " + reply);
    }
    var ip = 4 + 2 * (4 + source.length);
    var protocol = 4 + 3 * 8;
    var out = ByteBuffer.allocate(4 + 4 + ip + protocol).order(ByteOrder.nativeOrder());
    out.put((byte) (v4 ? AF_INET : AF_INET6)).put((byte) 0).putShort((short) 0);
    attribute(out, TUPLE_REPLY | NESTED, ip + protocol);
    attribute(out, TUPLE_IP | NESTED, ip - 4);
    attribute(out, v4 ? IP4_SOURCE : IP6_SOURCE, source.length).put(source);
    attribute(out, v4 ? IP4_DESTINATION : IP6_DESTINATION, destination.length).put(destination);
    attribute(out, TUPLE_PROTOCOL | NESTED, protocol - 4);
    attribute(out, PROTOCOL_NUMBER, 1).put((byte) TCP).put(new byte[3]);
    port(out, PROTOCOL_SOURCE, reply.sourcePort());
    port(out, PROTOCOL_DESTINATION, reply.destinationPort());
    return out.array();
  }

  private static ByteBuffer attribute(ByteBuffer out, int type, int bytes) {
    return out.putShort((short) (4 + bytes)).putShort((short) type);
  }

  private static void port(ByteBuffer out, int type, int port) {
    attribute(out, type, 2).put((byte) (port >> 8)).put((byte) port).putShort((short) 0);
  }

  static @Nullable Tuple originalOf(ByteBuffer answer) {
    var tuple = find(answer, answer.position() + 4, answer.limit(), TUPLE_ORIGINAL);
    if (tuple < 0) {
      return null;
    }
    var end = endOf(answer, tuple);
    var ip = find(answer, tuple + 4, end, TUPLE_IP);
    if (ip < 0) {
      return null;
    }
    var ipEnd = endOf(answer, ip);
    var source = address(answer, find(answer, ip + 4, ipEnd, IP4_SOURCE, IP6_SOURCE));
    var destination =
        address(answer, find(answer, ip + 4, ipEnd, IP4_DESTINATION, IP6_DESTINATION));
    if (source == null || destination == null) {
      return null;
    }
    var protocol = find(answer, tuple + 4, end, TUPLE_PROTOCOL);
    return new Tuple(
        source,
        portOf(answer, protocol, PROTOCOL_SOURCE),
        destination,
        portOf(answer, protocol, PROTOCOL_DESTINATION));
  }

  private static int find(ByteBuffer in, int from, int to, int type) {
    return find(in, from, to, type, type);
  }

  /** Where the first attribute of one of two types begins; -1 when there is none, or it is cut. */
  private static int find(ByteBuffer in, int from, int to, int type, int other) {
    var at = from;
    while (at + 4 <= to) {
      var end = endOf(in, at);
      if (end < at + 4 || end > to) {
        return -1;
      }
      var found = in.getShort(at + 2) & TYPE_MASK;
      if (found == type || found == other) {
        return at;
      }
      at += (end - at + 3) & ~3;
    }
    return -1;
  }

  private static int endOf(ByteBuffer in, int at) {
    return at + Short.toUnsignedInt(in.getShort(at));
  }

  private static @Nullable IpAddress address(ByteBuffer in, int at) {
    var length = at < 0 ? 0 : endOf(in, at) - at - 4;
    if (length != 4 && length != 16) {
      return null;
    }
    var bytes = new byte[length];
    in.get(at + 4, bytes);
    return IpAddress.of(bytes);
  }

  /** 0 when it is not told. */
  private static int portOf(ByteBuffer in, int protocol, int type) {
    var at = protocol < 0 ? -1 : find(in, protocol + 4, endOf(in, protocol), type);
    return at < 0 || endOf(in, at) < at + 6
        ? 0
        : (in.get(at + 4) & 0xff) << 8 | (in.get(at + 5) & 0xff);
  }

  @Override
  public void close() {
    socket.close();
  }
}
