package io.kith.spiffe.frames;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.grpc.Status;
import io.grpc.netty.shaded.io.netty.buffer.ByteBuf;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelFutureListener;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.SimpleChannelInboundHandler;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.grpc.netty.shaded.io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslHandler;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.grpc.netty.shaded.io.netty.handler.timeout.IdleState;
import io.grpc.netty.shaded.io.netty.handler.timeout.IdleStateEvent;
import io.grpc.netty.shaded.io.netty.handler.timeout.IdleStateHandler;
import io.kith.spiffe.SpiffeTls;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * One end of a stream of messages, each way, on a connection of its own. What is sent by any thread
 * leaves in the order in which it was sent.
 *
 * @param <I> what comes in
 * @param <O> what is sent
 */
public final class FrameStream<I, O extends MessageLite>
    extends SimpleChannelInboundHandler<ByteBuf> {
  /*
   * As gRPC frames messages, and gRPC-Web the end of a stream:
   *
   *   flags (1 octet)   length (4 octets, big endian)   as many octets
   *   0x00                                              a message
   *   0x40              0                               none: the sender is there
   *   0x80                                              google.rpc.Status: the sender ends the stream
   */
  private static final int PREFIX = 5;
  private static final int LENGTH_AT = 1;
  private static final int LENGTH_OCTETS = 4;
  private static final int MAX_PATH = 107;
  private static final byte MESSAGE = 0;
  private static final byte THERE = 0x40;
  private static final byte END = (byte) 0x80;

  private static final Logger LOG = Logger.getLogger(FrameStream.class.getName());

  /**
   * How the ends hear that the other is there, though it has nothing to say.
   *
   * @param quiet after as long without a message an end says that it is there
   * @param gone after as long without anything the other end is gone
   */
  record Pulse(Duration quiet, Duration gone) {
    static final Pulse USUAL = new Pulse(Duration.ofSeconds(5), Duration.ofSeconds(15));
  }

  /**
   * Who speaks at this end. Called by one thread, one call after the other.
   *
   * @param <I> what comes in
   */
  public interface Speaker<I> {
    /**
     * The other end has proved who it is: from now on messages come, and may be sent.
     *
     * @param session whose peer it is
     * @param remote where it is
     */
    void begins(SSLSession session, SocketAddress remote);

    /** Takes a message. */
    void message(I message);

    /** More may be sent again, after {@link FrameStream#isReady} was false. */
    void ready();

    /**
     * Nothing comes any more; the last call, and the only one where the stream never began.
     *
     * @param why {@link Status#OK} or an error, as the other end said; {@code UNAVAILABLE} when it
     *     said nothing
     */
    void ended(Status why);
  }

  /** Makes who speaks on one connection. */
  @FunctionalInterface
  public interface Speakers<I, O extends MessageLite> {
    /** The speaker of a stream. */
    Speaker<I> of(FrameStream<I, O> stream);
  }

  private final Channel channel;
  private final Parser<I> parser;
  private final Speaker<I> speaker;
  private final Pulse pulse;
  private final Queue<ByteBuf> outgoing = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean leaving = new AtomicBoolean();
  private volatile boolean begun;
  private boolean ended; // of the connection's thread
  private @Nullable Status said; // of the connection's thread
  private @Nullable Throwable broken; // of the connection's thread

  /**
   * The socket for frames of a server that serves gRPC at another: beside that. Null where its path
   * is too long for one.
   */
  public static @Nullable Path socketBeside(Path grpc) {
    return beside(grpc, ".frames");
  }

  static @Nullable Path beside(Path grpc, String suffix) {
    var path = grpc.resolveSibling(grpc.getFileName() + suffix);
    return path.toString().getBytes(UTF_8).length > MAX_PATH ? null : path;
  }

  /** A socket, to connect to. */
  public static SocketAddress address(Path socket) {
    return new DomainSocketAddress(socket.toString());
  }

  /** On a connection that carries nothing yet. */
  FrameStream(Channel channel, Parser<I> parser, Speakers<I, O> speakers, Pulse pulse) {
    this.channel = channel;
    this.parser = parser;
    this.pulse = pulse;
    this.speaker = speakers.of(this);
  }

  /**
   * Has its connection carry it.
   *
   * @param most octets of a message; a longer one ends the stream
   */
  void install(SslContext tls, int most) {
    var _ = channel.config().setAutoClose(false); // what was said last is read after a write failed
    channel
        .pipeline()
        .addLast(
            tls.newHandler(channel.alloc()),
            new IdleStateHandler(
                pulse.gone.toMillis(), pulse.quiet.toMillis(), 0, TimeUnit.MILLISECONDS),
            new LengthFieldBasedFrameDecoder(most + PREFIX, LENGTH_AT, LENGTH_OCTETS),
            this);
  }

  /** Sends a message of a stream that has begun; nothing once it has ended. */
  public void send(O message) {
    var size = message.getSerializedSize();
    var frame = frame(MESSAGE, size);
    try {
      var out = CodedOutputStream.newInstance(frame.nioBuffer(PREFIX, size));
      message.writeTo(out);
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    leave(frame.writerIndex(PREFIX + size));
  }

  /** Ends the stream: the other end is told why, after all that was sent. */
  public void end(Status why) {
    var words = why.getDescription() == null ? "" : why.getDescription();
    var status =
        com.google.rpc.Status.newBuilder()
            .setCode(why.getCode().value())
            .setMessage(words)
            .build()
            .toByteArray();
    var frame = frame(END, status.length).writeBytes(status);
    channel
        .eventLoop()
        .execute(
            () -> {
              write();
              var _ = channel.writeAndFlush(frame).addListener(ChannelFutureListener.CLOSE);
            });
  }

  /** Ends the stream at once. */
  public void cut() {
    var _ = channel.close();
  }

  /** Has something done by the thread that calls the speaker. */
  public void execute(Runnable task) {
    channel.eventLoop().execute(task);
  }

  /**
   * Whether what is sent leaves soon; else {@link Speaker#ready} is called when it would. What was
   * sent and the connection's thread has not come to does not count.
   */
  public boolean isReady() {
    return begun && channel.isWritable();
  }

  /** The same where as many octets may wait besides, or some more. */
  public boolean isReady(long octets) {
    return begun && channel.bytesBeforeWritable() <= octets;
  }

  private ByteBuf frame(byte flags, int length) {
    return channel.alloc().ioBuffer(PREFIX + length).writeByte(flags).writeInt(length);
  }

  /**
   * At once where the connection's thread sends it, unless others did a moment ago: then together
   * with them, when that thread comes to it.
   */
  private void leave(ByteBuf frame) {
    var loop = channel.eventLoop();
    if (loop.inEventLoop() && outgoing.isEmpty() && !leaving.getAndSet(true)) {
      loop.execute(this::write); // what follows it
      var _ = channel.writeAndFlush(frame); // releases it where the connection is closed
      return;
    }
    outgoing.add(frame);
    if (!leaving.getAndSet(true)) {
      loop.execute(this::write);
    }
  }

  private void write() {
    leaving.set(false);
    var frame = outgoing.poll();
    if (frame == null) {
      return;
    }
    for (; frame != null; frame = outgoing.poll()) {
      var _ = channel.write(frame);
    }
    channel.flush();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    switch (event) {
      case SslHandshakeCompletionEvent handshake when handshake.isSuccess() -> {
        var tls = requireNonNull(context.pipeline().get(SslHandler.class), "tls");
        if (SpiffeTls.FRAMES.equals(tls.applicationProtocol())) {
          begun = true;
          speaker.begins(tls.engine().getSession(), channel.remoteAddress());
        } else {
          fail(new IOException("the other end does not speak " + SpiffeTls.FRAMES));
        }
      }
      case SslHandshakeCompletionEvent handshake -> fail(handshake.cause());
      case IdleStateEvent idle when idle.state() == IdleState.WRITER_IDLE -> {
        if (begun) {
          leave(frame(THERE, 0));
        }
      }
      case IdleStateEvent _ ->
          fail(new IOException("nothing was heard for " + pulse.gone.toMillis() + " ms"));
      default -> {}
    }
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, ByteBuf frame)
      throws InvalidProtocolBufferException {
    if (ended || said != null || broken != null) {
      return;
    }
    var flags = frame.readByte();
    var octets = frame.skipBytes(LENGTH_OCTETS).nioBuffer();
    switch (flags) {
      case MESSAGE -> speaker.message(parser.parseFrom(octets));
      case THERE -> {
        // heard, which is all
      }
      case END -> {
        var status = com.google.rpc.Status.parseFrom(octets);
        var told = Status.fromCodeValue(status.getCode());
        said = status.getMessage().isEmpty() ? told : told.withDescription(status.getMessage());
        var _ = context.close();
      }
      default -> fail(new IOException("a frame with flags " + (flags & 0xff)));
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    if (isReady() && !ended) {
      speaker.ready();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    fail(cause);
  }

  private void fail(Throwable cause) {
    LOG.log(Level.FINE, "a stream breaks", cause);
    if (broken == null) {
      broken = cause;
    }
    var _ = channel.close(); // which waits for an end that does not read
    tellEnd();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    tellEnd();
  }

  /** Where the connection was never there. */
  void failed(SocketAddress address, Throwable cause) {
    said = Status.UNAVAILABLE.withDescription("cannot connect to " + address).withCause(cause);
    tellEnd();
  }

  private void tellEnd() {
    if (!ended) {
      ended = true;
      speaker.ended(
          said != null
              ? said
              : Status.UNAVAILABLE.withDescription("the connection was cut").withCause(broken));
    }
  }
}
