package io.kith.server.net;

import io.grpc.netty.shaded.io.netty.bootstrap.Bootstrap;
import io.grpc.netty.shaded.io.netty.buffer.ByteBuf;
import io.grpc.netty.shaded.io.netty.buffer.ByteBufUtil;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.SimpleChannelInboundHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.Epoll;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.netty.shaded.io.netty.handler.codec.LengthFieldBasedFrameDecoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.DefaultHttp2HeadersEncoder;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2CodecUtil;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Exception;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Flags;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2FrameTypes;
import io.grpc.netty.shaded.io.netty.handler.codec.http2.Http2Headers;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Asks a server on this machine as the workers of an Envoy do: on some connections with mutual TLS,
 * with some Checks in flight on each, and headers that HPACK's table knows after the first.
 *
 * <p>As much of HTTP/2 as that needs (RFC 9113). With a client of gRPC most of what a server's
 * compilers do while it warms itself up would be for that client, which is not used again.
 */
public final class CheckClient implements AutoCloseable {
  private static final int MESSAGE_HEADER = 5;
  private static final int MAX_FRAME = 1 << 20;
  private static final int IN_FLIGHT = 48;

  /** What is another with each Check is not worth a place in the table. */
  private static final Set<String> CHANGING = Set.of("x-kith-conn", "traceparent");

  /**
   * One Check.
   *
   * @param message its bytes, as of {@link EncodedCheck#of}
   * @param headers besides those of all, by lower-case names
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Question(byte[] message, Map<String, String> headers) {}

  private final EventLoopGroup loop;
  private final List<Connection> connections = new ArrayList<>();

  private CheckClient(EventLoopGroup loop) {
    this.loop = loop;
  }

  /**
   * Connects.
   *
   * @param headers of every Check, for each connection
   * @throws IOException when a connection cannot be made
   */
  public static CheckClient connect(int port, SslContext tls, List<Map<String, String>> headers)
      throws IOException {
    var loop =
        new MultiThreadIoEventLoopGroup(
            1,
            new DefaultThreadFactory("kith-warm-up", true),
            Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    var client = new CheckClient(loop);
    try {
      for (var own : headers) {
        client.connections.add(client.open(port, tls, own));
      }
      return client;
    } catch (IOException | RuntimeException e) {
      client.close();
      throw e;
    }
  }

  private Connection open(int port, SslContext tls, Map<String, String> headers)
      throws IOException {
    var connection = new Connection(headers);
    var connected =
        new Bootstrap()
            .group(loop)
            .channel(Epoll.isAvailable() ? EpollSocketChannel.class : NioSocketChannel.class)
            .handler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    channel
                        .pipeline()
                        .addLast(
                            tls.newHandler(channel.alloc()),
                            new LengthFieldBasedFrameDecoder(
                                MAX_FRAME, 0, 3, Http2CodecUtil.FRAME_HEADER_LENGTH - 3, 0),
                            connection);
                  }
                })
            .connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
            .awaitUninterruptibly();
    if (!connected.isSuccess()) {
      throw new IOException("no connection to port " + port, connected.cause());
    }
    return connection;
  }

  /**
   * Asks all of it, spread over the connections, and waits for every answer.
   *
   * @param limit for all of them together
   * @return how many were answered with permission
   * @throws IOException when one is not answered
   */
  public int ask(List<Question> questions, Duration limit)
      throws IOException, InterruptedException {
    var asked = new ArrayList<CompletableFuture<Integer>>();
    var share = (questions.size() + connections.size() - 1) / connections.size();
    for (var i = 0; i < connections.size() && i * share < questions.size(); i++) {
      asked.add(
          connections
              .get(i)
              .ask(questions.subList(i * share, Math.min(questions.size(), (i + 1) * share))));
    }
    var end = System.nanoTime() + limit.toNanos();
    var permitted = 0;
    try {
      for (var one : asked) {
        permitted += one.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
      }
    } catch (ExecutionException e) {
      throw new IOException("a Check was not answered: " + e.getCause(), e.getCause());
    } catch (TimeoutException e) {
      throw new IOException("Checks were not answered within " + limit, e);
    }
    return permitted;
  }

  @Override
  public void close() {
    var _ = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  /** All but {@link #ask} runs on the thread of the loop. */
  private static final class Connection extends SimpleChannelInboundHandler<ByteBuf> {
    private final DefaultHttp2HeadersEncoder encoder =
        new DefaultHttp2HeadersEncoder((name, _) -> CHANGING.contains(name.toString()));
    private final Http2Headers headers = new DefaultHttp2Headers(false);
    private final CompletableFuture<ChannelHandlerContext> ready = new CompletableFuture<>();
    private List<Question> questions = List.of();
    private @Nullable CompletableFuture<Integer> all;
    private int stream = 1;
    private int asked;
    private int answered;
    private int permitted;
    private int unacknowledged;

    Connection(Map<String, String> own) {
      headers
          .method("POST")
          .scheme("https")
          .path("/envoy.service.auth.v3.Authorization/Check")
          .authority("kith-authz");
      var _ = headers.set("te", "trailers").set("content-type", "application/grpc");
      own.forEach(headers::set);
    }

    CompletableFuture<Integer> ask(List<Question> some) {
      var result = new CompletableFuture<Integer>();
      var _ =
          ready.whenComplete(
              (context, problem) -> {
                if (problem != null) {
                  result.completeExceptionally(problem);
                  return;
                }
                context
                    .executor()
                    .execute(
                        () -> {
                          questions = some;
                          all = result;
                          asked = 0;
                          answered = 0;
                          permitted = 0;
                          if (context.channel().isActive()) {
                            send(context);
                          } else {
                            result.completeExceptionally(new IOException("connection ended"));
                          }
                        });
              });
      return result;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
      var out = context.alloc().buffer();
      out.writeBytes(Http2CodecUtil.connectionPrefaceBuf());
      frame(out, 0, Http2FrameTypes.SETTINGS, 0, 0);
      var _ = context.writeAndFlush(out);
      var _ = ready.complete(context);
    }

    private void send(ChannelHandlerContext context) {
      var out = context.alloc().buffer();
      try {
        while (asked < questions.size() && asked - answered < IN_FLIGHT) {
          write(out, questions.get(asked++));
        }
        if (unacknowledged > Http2CodecUtil.DEFAULT_WINDOW_SIZE / 2) {
          frame(out, 4, Http2FrameTypes.WINDOW_UPDATE, 0, 0);
          out.writeInt(unacknowledged);
          unacknowledged = 0;
        }
      } catch (Http2Exception e) {
        out.release();
        exceptionCaught(context, e);
        return;
      }
      if (out.isReadable()) {
        var _ = context.writeAndFlush(out);
      } else {
        out.release();
      }
    }

    private void write(ByteBuf out, Question question) throws Http2Exception {
      question.headers().forEach(headers::set);
      var start = out.writerIndex();
      frame(out, 0, Http2FrameTypes.HEADERS, Http2Flags.END_HEADERS, stream);
      encoder.encodeHeaders(stream, headers, out);
      out.setMedium(start, out.writerIndex() - start - Http2CodecUtil.FRAME_HEADER_LENGTH);
      var message = question.message();
      frame(
          out,
          MESSAGE_HEADER + message.length,
          Http2FrameTypes.DATA,
          Http2Flags.END_STREAM,
          stream);
      out.writeByte(0).writeInt(message.length).writeBytes(message);
      stream += 2;
    }

    private static void frame(ByteBuf out, int length, int type, int flags, int stream) {
      out.writeMedium(length).writeByte(type).writeByte(flags).writeInt(stream);
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, ByteBuf frame) throws IOException {
      var type = frame.getByte(3);
      var flags = frame.getByte(4);
      frame.skipBytes(Http2CodecUtil.FRAME_HEADER_LENGTH);
      switch (type) {
        case Http2FrameTypes.DATA -> {
          unacknowledged += frame.readableBytes();
          frame.skipBytes(MESSAGE_HEADER);
          if (EncodedCheck.permits(ByteBufUtil.getBytes(frame))) {
            permitted++;
          }
        }
        case Http2FrameTypes.HEADERS -> {
          if ((flags & Http2Flags.END_STREAM) != 0) {
            answered++;
          }
        }
        case Http2FrameTypes.SETTINGS, Http2FrameTypes.PING -> {
          if ((flags & Http2Flags.ACK) == 0) {
            var out = context.alloc().buffer();
            frame(
                out,
                type == Http2FrameTypes.PING ? frame.readableBytes() : 0,
                type,
                Http2Flags.ACK,
                0);
            var _ =
                context.writeAndFlush(type == Http2FrameTypes.PING ? out.writeBytes(frame) : out);
          }
        }
        case Http2FrameTypes.RST_STREAM, Http2FrameTypes.GO_AWAY ->
            throw new IOException("the server ends it, by frame " + type);
        default -> {
          // what the server lets us send is more than we do
        }
      }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
      var waiting = all;
      if (waiting != null && answered == questions.size()) {
        all = null;
        waiting.complete(permitted);
      } else if (asked < questions.size()
          || unacknowledged > Http2CodecUtil.DEFAULT_WINDOW_SIZE / 2) {
        send(context);
      }
      context.fireChannelReadComplete();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      exceptionCaught(context, new IOException("the server closed the connection"));
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable problem) {
      var _ = ready.completeExceptionally(problem);
      if (all != null) {
        all.completeExceptionally(problem);
      }
      var _ = context.close();
    }
  }
}
