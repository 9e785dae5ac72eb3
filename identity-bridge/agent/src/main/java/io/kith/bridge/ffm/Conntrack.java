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
   *            CTA_PROTOINFO { CTA_PROTOINFO_TCP { CTA_PROTOINFO_TCP_FLAGS_ORIGINAL { flags u8, mask u8 }, … } }
   *  attribute length u16, type u16 (0x8000: nested), data, padded to 4
   *
   * A connection that the proxy's end reset stays tracked for 10 s, and until then the kernel lets a SYN with the
   * same addresses go the way of the one before, address translation included, whoever sends it: a connection of
   * the proxy's own that happens to get the port comes back to the proxy. Where an end has begun to close
   * (IP_CT_TCP_FLAG_CLOSE_INIT) such a SYN ends the entry instead, and is a new connection to which the pod's
   * rules apply. That is all that the flag is read for, so it may be set in advance; the kernel's own flow offload
   * does the same. Source: net/netfilter/nf_conntrack_proto_tcp.c, nf_conntrack_tcp_packet.
   */
  private static final int NETLINK_NETFILTER = 12;
  private static final int GET_CONNECTION = (1 << 8) | 1;
  private static final int CHANGE_CONNECTION = 1 << 8;
  private static final int NESTED = 0x8000;
  private static final int TYPE_MASK = 0x3fff;
  private static final int TUPLE_ORIGINAL = 1;
  private static final int TUPLE_REPLY = 2;
  private static final int PROTOCOL_INFO = 4;
  private static final int TUPLE_IP = 1;
  private static final int TUPLE_PROTOCOL = 2;
  private static final int IP4_SOURCE = 1;
  private static final int IP4_DESTINATION = 2;
  private static final int IP6_SOURCE = 3;
  private static final int IP6_DESTINATION = 4;
  private static final int PROTOCOL_NUMBER = 1;
  private static final int PROTOCOL_SOURCE = 2;
  private static final int PROTOCOL_DESTINATION = 3;
  private static final int INFO_TCP = 1;
  private static final int TCP_FLAGS_ORIGINAL = 4;
  private static final int CLOSE_INIT = 4;
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
   * The connection as its opener made it; and does what {@link #letReopen} does, which costs less
   * with the question than after it.
   *
   * @param reply the connection as answers travel: from where it was redirected to, back to where
   *     it comes from
   * @return null when no such connection is tracked
   */
  public @Nullable Tuple original(Tuple reply) throws KernelException {
    var which = request(reply);
    var answer = socket.ask(GET_CONNECTION, which, CHANGE_CONNECTION, reopening(which));
    return answer == null ? null : originalOf(answer);
  }

  /**
   * Has the next connection with the same addresses be a new one, however this one ends. It goes on
   * as it was.
   *
   * @param one its addresses, as either of its directions has them
   * @return false when no such connection is tracked
   */
  public boolean letReopen(Tuple one) throws KernelException {
    return socket.tell(CHANGE_CONNECTION, reopening(request(one)));
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

  static byte[] reopening(byte[] which) {
    var out = ByteBuffer.allocate(which.length + 16).order(ByteOrder.nativeOrder()).put(which);
    attribute(out, PROTOCOL_INFO | NESTED, 12);
    attribute(out, INFO_TCP | NESTED, 8);
    attribute(out, TCP_FLAGS_ORIGINAL, 2).put((byte) CLOSE_INIT).put((byte) CLOSE_INIT);
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
