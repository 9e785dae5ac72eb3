package io.kith.server.rpc;

import com.google.protobuf.InvalidProtocolBufferException;
import io.envoyproxy.envoy.service.auth.v3.CheckResponse;
import io.grpc.netty.shaded.io.netty.buffer.ByteBuf;
import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.channel.embedded.EmbeddedChannel;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Error;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Exception;
import io.kith.server.check.CheckObserver;
import io.kith.server.check.Deadlines;
import io.kith.server.check.ExtAuthzService;
import io.kith.server.check.FakeProcesses;
import io.kith.server.check.InMemoryPolicy;
import io.kith.server.check.Peer;
import io.kith.server.check.Samples;
import io.kith.server.check.ServiceUnderTest;
import io.kith.server.provenance.MeshKeys;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A Check is answered alike in whatever pieces it comes; what is held of those that are not whole
 * stays under its limit and is given back; whatever else comes on the connection.
 *
 * <p>An input is a row of steps. A step is an octet that says what to do on which of four streams,
 * one that says how many octets go with it, and these: see {@link Script}.
 */
public final class CheckStreamFuzz {
  private static final int MOST = 512;
  private static final int STREAMS = 4;
  private static final CheckListener.Limits LIMITS =
      new CheckListener.Limits(
          MOST, 8_192, Duration.ofHours(1), Duration.ofHours(1), Duration.ofHours(1), 1, 1);
  private static final Peer PEER = Samples.peer(Samples.CHECKOUT, Samples.POD);
  private static final MeshKeys KEYS = MeshKeys.fresh();
  private static final Deadlines DEADLINES = new Deadlines();
  private static final byte[] PREFACE =
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0".getBytes(StandardCharsets.ISO_8859_1);

  private CheckStreamFuzz() {}

  /** One input, as Jazzer calls it. */
  public static void fuzzerTestOneInput(byte[] data) {
    var script = new Script(data);
    var written = written(script.frames);
    refuseInternal(written);
    if (script.isWild) {
      return; // a peer that writes frames itself gets what it gets
    }
    var answers = answers(written);
    var pieces = pieces(script.frames, 1 + (data.length == 0 ? 0 : data[0] & 31));
    var inPieces = answers(written(pieces));
    for (var stream : script.streams.values()) {
      if (stream.isReset) { // which may come before its answer leaves, or after
        answers.remove(stream.id);
        inPieces.remove(stream.id);
      }
    }
    require(inPieces, answers, "in pieces of TCP");
    for (var stream : script.streams.values()) {
      var answer = answers.getOrDefault(stream.id, "");
      if (stream.isReset || (answer.isEmpty() && !stream.isEnded)) {
        continue;
      }
      if (script.streams.size() > 1 && answer.contains("overloaded")) {
        continue; // others have the room
      }
      var alone = new Stream(1, stream.flags);
      alone.body.writeBytes(stream.body.toByteArray());
      var whole = new ArrayList<byte[]>();
      whole.add(headers(new DefaultHttp2HeadersEncoder(), alone));
      whole.add(frame(RawHttp2.DATA, RawHttp2.END_STREAM, 1, alone.body.toByteArray()));
      require(answer, answers(written(whole)).getOrDefault(1, ""), "whole, of stream " + stream.id);
    }
  }

  private static void require(Object answers, Object expected, String how) {
    if (!answers.equals(expected)) {
      throw new AssertionError(answers + " is not " + expected + ", which it is " + how);
    }
  }

  /** A stream of the peer, and what went over it. */
  private static final class Stream {
    private static final int GZIP = 0x20;
    private static final int LONG = 0x40;
    private static final int INBOUND = 0x80;

    final int id;
    final int flags;
    final ByteArrayOutputStream body = new ByteArrayOutputStream();
    boolean isEnded;
    boolean isReset;

    Stream(int id, int flags) {
      this.id = id;
      this.flags = flags;
    }
  }

  /**
   * The frames of an input. Of the octet of a step the lowest two bits are the stream; the next
   * three: a part of the body (0 to 2), with padding (3), the last part (4), the end in trailers
   * (5), a reset (6), a frame as it stands (7: type, flags, stream, payload); the others count
   * where a stream begins: compressed, with long metadata, inbound.
   */
  private static final class Script {
    final List<byte[]> frames = new ArrayList<>();
    final Map<Integer, Stream> streams = new TreeMap<>();
    private final DefaultHttp2HeadersEncoder encoder = new DefaultHttp2HeadersEncoder();
    boolean isWild;

    Script(byte[] data) {
      for (var i = 0; i + 1 < data.length; ) {
        var step = data[i] & 0xff;
        var length = Math.min(data[i + 1] & 0xff, data.length - i - 2);
        var payload = Arrays.copyOfRange(data, i + 2, i + 2 + length);
        i += 2 + length;
        add(step, payload);
      }
    }

    private void add(int step, byte[] payload) {
      var what = step >> 2 & 7;
      if (what == 7) {
        if (payload.length >= 3) {
          isWild = true;
          frames.add(
              frame(
                  payload[0],
                  payload[1],
                  payload[2],
                  Arrays.copyOfRange(payload, 3, payload.length)));
        }
        return;
      }
      var stream = streams.get(step % STREAMS);
      if (stream == null) {
        stream = new Stream(2 * streams.size() + 1, step);
        streams.put(step % STREAMS, stream);
        frames.add(headers(encoder, stream));
      }
      if (stream.isEnded || stream.isReset) {
        return;
      }
      if (payload.length == 0 && what < 4) {
        return; // Netty ends a connection with three of these in a row
      }
      switch (what) {
        case 3 -> {
          stream.body.writeBytes(payload);
          var padded = new byte[1 + payload.length + 7];
          padded[0] = 7;
          System.arraycopy(payload, 0, padded, 1, payload.length);
          frames.add(frame(RawHttp2.DATA, 0x8, stream.id, padded));
        }
        case 4 -> {
          stream.body.writeBytes(payload);
          stream.isEnded = true;
          frames.add(frame(RawHttp2.DATA, RawHttp2.END_STREAM, stream.id, payload));
        }
        case 5 -> {
          stream.isEnded = true;
          frames.add(frame(RawHttp2.HEADERS, 0x4 | RawHttp2.END_STREAM, stream.id, new byte[0]));
        }
        case 6 -> {
          stream.isReset = true;
          frames.add(frame(RawHttp2.RST_STREAM, 0, stream.id, new byte[] {0, 0, 0, 8}));
        }
        default -> {
          stream.body.writeBytes(payload);
          frames.add(frame(RawHttp2.DATA, 0, stream.id, payload));
        }
      }
    }
  }

  private static byte[] headers(DefaultHttp2HeadersEncoder encoder, Stream stream) {
    var headers =
        new DefaultHttp2Headers(false)
            .method("POST")
            .scheme("http")
            .path("/envoy.service.auth.v3.Authorization/Check")
            .set("content-type", "application/grpc")
            .set("x-kith-direction", (stream.flags & Stream.INBOUND) == 0 ? "outbound" : "inbound");
    if ((stream.flags & Stream.GZIP) != 0) {
      headers.set("grpc-encoding", "gzip");
    }
    if ((stream.flags & Stream.LONG) != 0) {
      headers.set("x-kith-node", "n".repeat(1_100));
    }
    var block = Unpooled.buffer();
    try {
      encoder.encodeHeaders(stream.id, headers, block);
    } catch (Http2Exception e) {
      throw new IllegalStateException(e);
    }
    return frame(RawHttp2.HEADERS, 0x4, stream.id, taken(block));
  }

  private static byte[] frame(int type, int flags, int stream, byte[] payload) {
    return taken(
        Unpooled.buffer(9 + payload.length)
            .writeMedium(payload.length)
            .writeByte(type)
            .writeByte(flags)
            .writeInt(stream)
            .writeBytes(payload));
  }

  private static byte[] taken(ByteBuf buffer) {
    var bytes = new byte[buffer.readableBytes()];
    buffer.readBytes(bytes);
    buffer.release();
    return bytes;
  }

  /** The same octets, cut without regard to frames. */
  private static List<byte[]> pieces(List<byte[]> frames, int length) {
    var all = new ByteArrayOutputStream();
    frames.forEach(all::writeBytes);
    var octets = all.toByteArray();
    var pieces = new ArrayList<byte[]>();
    for (var i = 0; i < octets.length; i += length) {
      pieces.add(Arrays.copyOfRange(octets, i, Math.min(octets.length, i + length)));
    }
    return pieces;
  }

  /** What is written by a connection that has read this. */
  private static byte[] written(List<byte[]> reads) {
    var unfinished = new Unfinished(LIMITS.unfinishedOfServer());
    var service =
        new ExtAuthzService(
            ServiceUnderTest.settings(),
            Samples.directory(),
            KEYS,
            new InMemoryPolicy(),
            new FakeProcesses(),
            CheckObserver.none(),
            DEADLINES,
            InstantSource.system());
    var channel = new EmbeddedChannel(CheckConnection.of(PEER, LIMITS, unfinished, service));
    var written = new ByteArrayOutputStream();
    try {
      channel.writeInbound(Unpooled.wrappedBuffer(PREFACE)); // throws what comes out of a handler
      for (var read : reads) {
        if (!channel.isOpen()) {
          break;
        }
        channel.writeInbound(Unpooled.wrappedBuffer(read));
        drain(channel, written);
        var held = unfinished.octets();
        if (held < 0 || held > LIMITS.unfinishedOfConnection()) {
          throw new AssertionError(held + " octets are held");
        }
      }
    } finally {
      channel.unsafe().close(channel.voidPromise());
      channel.runPendingTasks();
      drain(channel, written);
    }
    channel.checkException();
    if (unfinished.octets() != 0) {
      throw new AssertionError(unfinished.octets() + " octets are held of nothing");
    }
    return written.toByteArray();
  }

  private static void drain(EmbeddedChannel channel, ByteArrayOutputStream to) {
    for (ByteBuf next = channel.readOutbound(); next != null; next = channel.readOutbound()) {
      to.writeBytes(taken(next));
    }
  }

  /** A frame that was written. */
  private record Frame(int type, int flags, int stream, ByteBuf payload) {}

  private static List<Frame> frames(byte[] written) {
    var frames = new ArrayList<Frame>();
    var in = Unpooled.wrappedBuffer(written);
    while (in.readableBytes() >= 9) {
      var length = in.readUnsignedMedium();
      var type = in.readUnsignedByte();
      var flags = in.readUnsignedByte();
      var stream = in.readInt();
      frames.add(new Frame(type, flags, stream, in.readSlice(length)));
    }
    return frames;
  }

  /** A mistake of ours looks like that to the peer. */
  private static void refuseInternal(byte[] written) {
    for (var frame : frames(written)) {
      var error =
          switch (frame.type()) {
            case RawHttp2.GO_AWAY -> frame.payload().getInt(4);
            case RawHttp2.RST_STREAM -> frame.payload().getInt(0);
            default -> 0;
          };
      if (error == Http2Error.INTERNAL_ERROR.code()) {
        throw new AssertionError("an error inside");
      }
    }
  }

  /** What each stream was answered, without what differs each time. */
  private static Map<Integer, String> answers(byte[] written) {
    var answers = new TreeMap<Integer, String>();
    var decoder = new DefaultHttp2HeadersDecoder(false);
    for (var frame : frames(written)) {
      if (frame.type() == RawHttp2.HEADERS) {
        answers.merge(
            frame.stream(), words(decoder, frame.stream(), frame.payload()), String::concat);
      } else if (frame.type() == RawHttp2.DATA) {
        answers.merge(frame.stream(), words(frame.payload(), frame.flags()), String::concat);
      }
    }
    return answers;
  }

  private static String words(DefaultHttp2HeadersDecoder decoder, int stream, ByteBuf payload) {
    try {
      var headers = decoder.decodeHeaders(stream, payload);
      return "[" + headers.status() + " " + headers.get("grpc-status") + "]";
    } catch (Http2Exception e) {
      throw new AssertionError("headers of an answer", e);
    }
  }

  private static String words(ByteBuf payload, int flags) {
    try {
      var response =
          CheckResponse.parseFrom(payload.slice(5, payload.readableBytes() - 5).nioBuffer());
      return "[%d %d %s %s %s]"
          .formatted(
              flags,
              response.getStatus().getCode(),
              ServiceUnderTest.said(response, "decision"),
              ServiceUnderTest.said(response, "reason"),
              ServiceUnderTest.said(response, "workload"));
    } catch (InvalidProtocolBufferException e) {
      throw new AssertionError("not an answer", e);
    }
  }
}
