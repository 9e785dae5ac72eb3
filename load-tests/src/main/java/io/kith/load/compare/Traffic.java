package io.kith.load.compare;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The Checks that the Envoy of one pod sends on one connection, made once and written as they are,
 * but for what tells their sockets apart. Not thread-safe.
 *
 * <p>A socket is a port of the pod. Its number decides where it leads and which program has it, so
 * that every program reaches every destination.
 */
public final class Traffic {
  /** Workloads that pods talk to. */
  public static final int DESTINATIONS = 10;

  /** Programs in each pod. */
  public static final int PROGRAMS = 3;

  /** Where destinations listen. */
  static final int PORT = 5432;

  /** The first socket's port; from here to the last port all take three octets in a message. */
  public static final int FIRST_PORT = 16_384;

  /**
   * A port of a program that is in no baseline: one of those that connection tracking gives nobody
   * whose own port is not among them.
   */
  public static final int STRANGE_PORT = 1_023;

  /** The last socket's port. */
  static final int LAST_PORT = 65_535;

  private static final int PORTS = LAST_PORT + 1 - FIRST_PORT;
  private static final int HEADERS = 1;
  private static final int DATA = 0;
  private static final int END_HEADERS = 4;
  private static final int END_STREAM = 1;
  private static final int FRAME_HEADER = 9;
  private static final int MESSAGE_HEADER = 5;

  private final HeaderBlock headers;
  private final byte[][] bodies = new byte[DESTINATIONS][];
  private final int[] portOffsets = new int[DESTINATIONS];
  private final boolean traced;
  private final long sockets;
  private long next;

  /**
   * Traffic of a pod.
   *
   * @param pod its number
   * @param sockets so many are asked about in turn; {@link #ALL_NEW} for another one each time
   */
  public Traffic(Shape shape, boolean tls, int pod, long sockets) {
    this.sockets = sockets;
    this.traced = shape == Shape.l7;
    var fixed = new LinkedHashMap<String, String>();
    fixed.put("te", "trailers");
    fixed.put("grpc-timeout", "10S"); // so that a slow answer is measured, and not lost
    fixed.put("x-envoy-internal", "true");
    fixed.put("x-forwarded-for", pod(pod));
    fixed.put("x-envoy-expected-rq-timeout-ms", "10000");
    fixed.put("x-kith-direction", "outbound");
    fixed.put("x-kith-node", "node-1");
    fixed.put("x-kith-cluster", "PassthroughCluster");
    var changing = new LinkedHashMap<>(Map.of("x-kith-conn", "000000000000"));
    if (traced) {
      changing.put("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    }
    headers = new HeaderBlock(tls, "kith-authz.kith.svc.cluster.local", fixed, changing);
    for (var to = 0; to < DESTINATIONS; to++) {
      bodies[to] = CheckMessages.of(shape, pod(pod), FIRST_PORT, to).toByteArray();
      portOffsets[to] =
          firstDifference(
              bodies[to], CheckMessages.of(shape, pod(pod), FIRST_PORT + 1, to).toByteArray());
    }
  }

  /** Another socket for each Check; the ports come around, the connections do not. */
  public static final long ALL_NEW = Long.MAX_VALUE;

  /** Address of a pod that asks. */
  static String pod(int number) {
    return "10.88.1." + (10 + number);
  }

  /** Address of a workload that pods talk to. */
  static String destination(int number) {
    return "10.88.2." + (10 + number);
  }

  /** The program that has a socket: 0 to 2. */
  static int program(int port) {
    return Math.floorMod(port - FIRST_PORT, PROGRAMS);
  }

  private static int firstDifference(byte[] one, byte[] other) {
    for (var i = 0; i < one.length; i++) {
      if (one[i] != other[i]) {
        return i;
      }
    }
    throw new IllegalStateException("two ports, one message");
  }

  /** At most so many octets does one Check take, in frames. */
  int most() {
    var body = 0;
    for (var one : bodies) {
      body = Math.max(body, one.length);
    }
    return headers.bytes(true).length + body + 2 * FRAME_HEADER + MESSAGE_HEADER;
  }

  /**
   * Writes the next Check.
   *
   * @param first it is the first of its connection
   * @return octets that count for flow control
   */
  int write(ByteBuffer out, int stream, boolean first) {
    var socket = next++ % sockets;
    return write(out, stream, first, socket, FIRST_PORT + (int) (socket % PORTS));
  }

  /** Writes a Check about a port of one's choice. */
  int write(ByteBuffer out, int stream, boolean first, long socket, int port) {
    var block = headers.bytes(first);
    frame(out, block.length, HEADERS, END_HEADERS, stream);
    var at = out.position();
    out.put(block);
    digits(out, at + headers.slot(first, 0), 12, 10, socket);
    if (traced) {
      // the last sixteen digits of the trace, the parent's as they are
      digits(out, at + headers.slot(first, 1) + 3 + 16, 16, 16, (next * 0x9E3779B97F4A7C15L) >>> 1);
    }
    var to = (int) (socket % DESTINATIONS);
    var body = bodies[to];
    var length = body.length + MESSAGE_HEADER;
    frame(out, length, DATA, END_STREAM, stream);
    out.put((byte) 0).putInt(body.length);
    at = out.position() + portOffsets[to];
    out.put(body);
    out.put(at, (byte) (port | 0x80));
    out.put(at + 1, (byte) (port >> 7 | 0x80));
    out.put(at + 2, (byte) (port >> 14));
    return length;
  }

  private static void frame(ByteBuffer out, int length, int type, int flags, int stream) {
    out.putInt(length << 8 | type).put((byte) flags).putInt(stream);
  }

  private static final byte[] DIGITS = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

  private static void digits(ByteBuffer out, int at, int count, int radix, long value) {
    var rest = value;
    for (var i = count - 1; i >= 0; i--) {
      out.put(at + i, DIGITS[(int) (rest % radix)]);
      rest /= radix;
    }
  }
}
