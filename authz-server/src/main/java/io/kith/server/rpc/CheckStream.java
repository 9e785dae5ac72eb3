package io.kith.server.rpc;

import io.grpc.netty.shaded.io.netty.buffer.ByteBuf;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2ConnectionEncoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Headers;
import io.kith.baselines.decision.Reason;
import io.kith.server.check.CheckCall;
import io.kith.server.check.CheckMetadata;
import io.kith.server.check.ExtAuthzService;
import io.kith.server.check.Peer;
import io.kith.server.check.Sidecars;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/**
 * A Check as a stream of HTTP/2. Whatever is wrong with its message, it is asked about: an RPC that
 * fails would be permission where a filter fails open.
 */
final class CheckStream extends CheckCall {
  private static final byte[] NOTHING = {};

  /** Before a message: whether it is compressed, and its length in four octets. */
  static final int PREFIX = 5;

  /** Metadata of our recipes is shorter, and counted only where there is no end after it. */
  private static final int PLAIN_METADATA = 1024;

  /**
   * Octets that a stream without its end takes beside its metadata: what is kept of it is more, and
   * as many as a connection may have take less than it may.
   */
  static final int STREAM = 512;

  /** What is unpacked is unpacked by the thread of many connections; no Envoy packs a Check. */
  private static final int MOST_UNPACKED = 64 << 10;

  private final CheckConnection connection;
  private final int id;
  private final boolean gzip;
  private byte[] collected = NOTHING;
  private int length;
  private int taken;
  private boolean ended;
  private boolean cut;
  private byte[] answer = NOTHING;
  private boolean written;
  private boolean late;

  private CheckStream(
      CheckConnection connection,
      int id,
      Peer peer,
      Sidecars.Connection sidecar,
      CheckMetadata metadata,
      long timeoutNanos,
      boolean gzip) {
    super(metadata, peer, sidecar, timeoutNanos);
    this.connection = connection;
    this.id = id;
    this.gzip = gzip;
  }

  static CheckStream of(
      CheckConnection connection,
      int id,
      Peer peer,
      Sidecars.Connection sidecar,
      Http2Headers headers) {
    return new CheckStream(
        connection,
        id,
        peer,
        sidecar,
        CheckMetadata.of(headers),
        CallTimeout.nanos(headers.get(GrpcHeaders.TIMEOUT)),
        GrpcHeaders.GZIP.contentEquals(headers.get(GrpcHeaders.ENCODING)));
  }

  int id() {
    return id;
  }

  /** Whether more of it may come that would be read. */
  boolean isUnfinished() {
    return !ended;
  }

  /** Whether its answer was written already when this was asked before, and is there still. */
  boolean isLate() {
    var before = late;
    late = written;
    return before;
  }

  /** It begins, and its body is not here yet. */
  void begin(ExtAuthzService service) {
    if (metadata().length() > PLAIN_METADATA) {
      count(service);
    }
  }

  /** Counts it, unless it is at its end. */
  void count(ExtAuthzService service) {
    if (!ended && !take(STREAM + metadata().length())) {
      cut(new Reason.Overloaded(), service);
    }
  }

  /** Takes a part of the body; with the last one the Check is asked about. */
  void read(ByteBuf data, boolean last, int most, ExtAuthzService service) {
    if (ended) {
      return;
    }
    var more = data.readableBytes();
    if (more > most + PREFIX - length) {
      cut(new Reason.Malformed("a Check of more than " + most + " bytes"), service);
      return;
    }
    var at = data.readerIndex();
    if (last
        && length == 0
        && more >= PREFIX
        && data.getByte(at) == 0
        && data.getInt(at + 1) == more - PREFIX) { // as nearly always
      var message = new byte[more - PREFIX];
      data.getBytes(at + PREFIX, message);
      ended = true;
      giveBack();
      service.handle(this, message);
      return;
    }
    if (collected.length - length < more) {
      var room = Math.max(length + more, Math.min(2 * collected.length, most + PREFIX));
      var kept = metadata().length();
      if (!take(room + (kept > PLAIN_METADATA ? kept : 0))) {
        cut(new Reason.Overloaded(), service);
        return;
      }
      collected = Arrays.copyOf(collected, room);
    }
    data.getBytes(at, collected, length, more);
    length += more;
    if (last) {
      end(most, service);
    }
  }

  /** Takes room up to so much. */
  private boolean take(int octets) {
    if (octets > taken) {
      if (!connection.take(octets - taken)) {
        return false;
      }
      taken = octets;
    }
    return true;
  }

  private void giveBack() {
    if (taken > 0) {
      connection.giveBack(taken);
      taken = 0;
    }
  }

  /**
   * Answers it without its end, and takes no more of it.
   *
   * @param why {@code overloaded} or {@code malformed}
   */
  void cut(Reason why, ExtAuthzService service) {
    cut = true;
    drop();
    service.refuse(this, why);
  }

  /** Forgets what came of it. */
  void drop() {
    ended = true;
    collected = NOTHING;
    giveBack();
  }

  /** There is no more of it; asks about what there is. */
  void end(int most, ExtAuthzService service) {
    if (!ended) {
      var bytes = collected;
      drop();
      service.handle(this, message(bytes, length, most));
    }
  }

  /**
   * The only message of a body, with what its prefix says; null when there is none or more than
   * one, or it is compressed in a way that is not known, badly, or to more than may be.
   */
  private byte @Nullable [] message(byte[] body, int bodyLength, int most) {
    if (bodyLength < PREFIX || ByteBuffer.wrap(body, 1, 4).getInt() != bodyLength - PREFIX) {
      return null;
    }
    if (body[0] == 0) {
      return Arrays.copyOfRange(body, PREFIX, bodyLength);
    }
    if (body[0] != 1 || !gzip) {
      return null;
    }
    try (var unpacked =
        new GZIPInputStream(new ByteArrayInputStream(body, PREFIX, bodyLength - PREFIX))) {
      var fit = Math.min(most, MOST_UNPACKED);
      var message = unpacked.readNBytes(fit + 1);
      return message.length > fit ? null : message;
    } catch (IOException _) {
      return null;
    }
  }

  @Override
  protected void deliver(byte[] response) {
    answer = response;
    connection.send(this);
  }

  /** Writes the answer and the end. */
  void write(ChannelHandlerContext at, Http2ConnectionEncoder encoder) {
    written = true;
    var message = at.alloc().buffer(PREFIX + answer.length);
    message.writeByte(0).writeInt(answer.length).writeBytes(answer);
    var _ = encoder.writeHeaders(at, id, GrpcHeaders.ANSWER, 0, false, at.newPromise());
    var _ = encoder.writeData(at, id, message, 0, false, at.newPromise());
    var done = encoder.writeHeaders(at, id, GrpcHeaders.DONE, 0, true, at.newPromise());
    if (cut) { // before the answer is written the reset would take its place
      var _ =
          done.addListener(
              _ -> {
                connection.reset(at, id);
                at.flush();
              });
    }
  }
}
