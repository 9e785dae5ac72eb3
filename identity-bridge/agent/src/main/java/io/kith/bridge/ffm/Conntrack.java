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
    attribute(out, v4 ? 1 : 3, source.length).put(source);
    attribute(out, v4 ? 2 : 4, destination.length).put(destination);
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
    var found = new Parts();
    if (answer.remaining() < 4) {
      return null;
    }
    answer.position(4);
    attributes(
        answer,
        (type, tuple) -> {
          if (type == TUPLE_ORIGINAL) {
            attributes(tuple, (part, data) -> attributes(data, found.reader(part)));
          }
        });
    return found.tuple();
  }

  private interface Visitor {
    void visit(int type, ByteBuffer data);
  }

  private static void attributes(ByteBuffer in, Visitor visitor) {
    while (in.remaining() >= 4) {
      var start = in.position();
      var length = Short.toUnsignedInt(in.getShort(start));
      var type = in.getShort(start + 2) & TYPE_MASK;
      if (length < 4 || start + length > in.limit()) {
        return;
      }
      visitor.visit(type, in.slice(start + 4, length - 4).order(ByteOrder.nativeOrder()));
      in.position(Math.min(in.limit(), start + ((length + 3) & ~3)));
    }
  }

  private static final class Parts {
    private @Nullable IpAddress source;
    private @Nullable IpAddress destination;
    private int sourcePort;
    private int destinationPort;

    Visitor reader(int part) {
      return part == TUPLE_IP ? this::address : part == TUPLE_PROTOCOL ? this::port : (_, _) -> {};
    }

    private void address(int type, ByteBuffer data) {
      var bytes = new byte[data.remaining()];
      data.get(bytes);
      if (bytes.length == 4 || bytes.length == 16) {
        if (type == 1 || type == 3) {
          source = IpAddress.of(bytes);
        } else if (type == 2 || type == 4) {
          destination = IpAddress.of(bytes);
        }
      }
    }

    private void port(int type, ByteBuffer data) {
      if (data.remaining() < 2) {
        return;
      }
      var port = ((data.get(0) & 0xff) << 8) | (data.get(1) & 0xff);
      if (type == PROTOCOL_SOURCE) {
        sourcePort = port;
      } else if (type == PROTOCOL_DESTINATION) {
        destinationPort = port;
      }
    }

    @Nullable Tuple tuple() {
      return source == null || destination == null
          ? null
          : new Tuple(source, sourcePort, destination, destinationPort);
    }
  }

  @Override
  public void close() {
    socket.close();
  }
}
