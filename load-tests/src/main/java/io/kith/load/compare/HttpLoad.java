package io.kith.load.compare;

import static java.util.Objects.requireNonNull;

import io.grpc.netty.shaded.io.netty.bootstrap.Bootstrap;
import io.grpc.netty.shaded.io.netty.buffer.Unpooled;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.ChannelInboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.ChannelInitializer;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoop;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollChannelOption;
import io.grpc.netty.shaded.io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpClientCodec;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpHeaderNames;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpMethod;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpRequest;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpResponse;
import io.grpc.netty.shaded.io.netty.handler.codec.http.HttpVersion;
import io.grpc.netty.shaded.io.netty.handler.codec.http.LastHttpContent;
import io.grpc.netty.shaded.io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Requests of a pod, as fast as they are answered or at a rate: so many at most are on their way at
 * a time, each on a connection of its own. A connection is kept for the next request, or made anew
 * for each.
 */
final class HttpLoad implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int OK = 200;

  private final EventLoop loop;
  private final Bootstrap bootstrap;
  private final boolean kept;
  private final List<Lane> lanes = new ArrayList<>();
  private final List<InetSocketAddress> destinations;

  // Of the event loop's thread, from here.
  private int[] nanos = new int[1 << 16];
  private int count;
  private long refused;
  private int nextDestination;
  private int busy;
  private long endNanos;
  private long gapNanos;
  private CompletableFuture<Void> over = new CompletableFuture<>();

  /**
   * Makes no connection yet.
   *
   * @param source where the connections come from; a port of 0 is any
   * @param destinations in turn
   * @param kept whether a connection serves for more than one request
   */
  HttpLoad(
      LoadThread thread,
      InetSocketAddress source,
      List<InetSocketAddress> destinations,
      int connections,
      boolean kept) {
    this.destinations = List.copyOf(destinations);
    this.kept = kept;
    loop = thread.group().next();
    bootstrap =
        new Bootstrap()
            .group(loop)
            .channel(LoadThread.client())
            .option(ChannelOption.TCP_NODELAY, true)
            .localAddress(source);
    if (LoadThread.isEpoll() && source.getPort() == 0) {
      bootstrap.option(EpollChannelOption.IP_BIND_ADDRESS_NO_PORT, true);
    }
    for (var i = 0; i < connections; i++) {
      lanes.add(new Lane());
    }
  }

  /**
   * Asks until the time is over, at least once on each connection, and waits for what is on its
   * way.
   *
   * @return what was answered; a refusal is an answer other than 200, or a connection that ended
   *     without one
   */
  Driver.Answers run(Duration time) throws IOException, InterruptedException {
    return run(time, 0);
  }

  /**
   * The same with so many requests a second, as long as they are answered in time. What had to wait
   * for the one before on its connection counts from when it was due.
   */
  Driver.Answers runAtRate(Duration time, double perSecond)
      throws IOException, InterruptedException {
    return run(time, Math.round(lanes.size() * 1e9 / perSecond));
  }

  private Driver.Answers run(Duration time, long gap) throws IOException, InterruptedException {
    var start = System.nanoTime();
    var processor = loop.submit(this::processorNanos).syncUninterruptibly().getNow();
    over = new CompletableFuture<>();
    loop.execute(
        () -> {
          count = 0;
          refused = 0;
          var now = System.nanoTime();
          endNanos = now + time.toNanos();
          gapNanos = gap;
          busy = lanes.size();
          for (var i = 0; i < lanes.size(); i++) {
            lanes.get(i).begin(now + gap * i / lanes.size());
          }
        });
    try {
      over.get(time.plus(PATIENCE).toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new IOException("a request is not answered after " + PATIENCE, e);
    } catch (ExecutionException e) {
      throw new IOException("the load's connections fail: " + e.getCause(), e);
    }
    var elapsed = System.nanoTime() - start;
    var took = loop.submit(this::processorNanos).syncUninterruptibly().getNow() - processor;
    return new Driver.Answers(
        Arrays.copyOf(nanos, count), refused, 0, Duration.ofNanos(elapsed), Duration.ofNanos(took));
  }

  private long processorNanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private void answered(long sentNanos, int status) {
    if (status != OK) {
      refused++;
    }
    if (count == nanos.length) {
      nanos = Arrays.copyOf(nanos, 2 * count);
    }
    nanos[count++] = (int) Math.min(Integer.MAX_VALUE, System.nanoTime() - sentNanos);
  }

  private static HttpRequest request(InetSocketAddress to) {
    var request =
        new DefaultFullHttpRequest(
            HttpVersion.HTTP_1_1,
            HttpMethod.GET,
            "/api/v2/items?category=books&page=3&size=50",
            Unpooled.EMPTY_BUFFER);
    request
        .headers()
        .set(HttpHeaderNames.HOST, to.getAddress().getHostAddress() + ":" + to.getPort())
        .set(HttpHeaderNames.ACCEPT, "application/json")
        .set(HttpHeaderNames.ACCEPT_ENCODING, "gzip, deflate, br")
        .set(HttpHeaderNames.USER_AGENT, "okhttp/4.12.0");
    return request;
  }

  /** One request at a time. */
  private final class Lane {
    private final Bootstrap connector;
    private @Nullable Channel channel;
    private HttpRequest request;
    private boolean waiting;
    private long sentNanos;
    private long dueNanos;

    Lane() {
      request = request(destinations.getFirst());
      connector =
          bootstrap
              .clone()
              .handler(
                  new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel fresh) {
                      fresh.pipeline().addLast(new HttpClientCodec(), new Conversation(Lane.this));
                    }
                  });
    }

    void begin(long firstNanos) {
      dueNanos = firstNanos;
      var wait = firstNanos - System.nanoTime();
      if (wait > 0) {
        askAfter(wait);
      } else {
        ask(System.nanoTime());
      }
    }

    private void askAfter(long wait) {
      var _ = loop.schedule(() -> ask(System.nanoTime()), wait, TimeUnit.NANOSECONDS);
    }

    private void next() {
      var now = System.nanoTime();
      dueNanos = gapNanos == 0 ? now : dueNanos + gapNanos;
      if (dueNanos - now > 0 && dueNanos - endNanos < 0) {
        askAfter(dueNanos - now);
      } else if (now - endNanos < 0 && dueNanos - endNanos < 0) {
        ask(dueNanos);
      } else if (--busy == 0) {
        over.complete(null);
      }
    }

    /**
     * Asks now.
     *
     * @param from when its time begins
     */
    private void ask(long from) {
      sentNanos = from;
      if (channel != null) {
        send(channel);
        return;
      }
      var to = destinations.get(nextDestination++ % destinations.size());
      request = request(to);
      var _ =
          connector
              .connect(to)
              .addListener(
                  connected -> {
                    if (!connected.isSuccess()) {
                      over.completeExceptionally(requireNonNull(connected.cause()));
                    }
                  });
    }

    private void send(Channel open) {
      waiting = true;
      var _ = open.writeAndFlush(request, open.voidPromise());
    }

    void connected(Channel open) {
      channel = open;
      if (kept) {
        sentNanos = System.nanoTime(); // what is asked is how long a request takes
      }
      send(open);
    }

    void answered(Channel open, int status) {
      waiting = false;
      HttpLoad.this.answered(sentNanos, status);
      if (!kept) {
        channel = null;
        var _ = open.close();
      }
      next();
    }

    void close() {
      var open = channel;
      channel = null;
      if (open != null) {
        var _ = open.close();
      }
    }

    void ended(Channel closed) {
      if (!closed.equals(channel)) {
        return; // closed by us
      }
      channel = null;
      if (waiting) {
        waiting = false;
        HttpLoad.this.answered(sentNanos, 0);
        next();
      }
    }
  }

  /** What is heard on one connection. */
  private static final class Conversation extends ChannelInboundHandlerAdapter {
    private final Lane lane;
    private int status;

    Conversation(Lane lane) {
      this.lane = lane;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
      lane.connected(context.channel());
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
      if (message instanceof HttpResponse response) {
        status = response.status().code();
      }
      if (message instanceof LastHttpContent) {
        lane.answered(context.channel(), status);
      }
      ReferenceCountUtil.release(message);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
      lane.ended(context.channel());
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
      var _ = context.close(); // a reset is an end, too
    }
  }

  /** Ends its connections; the thread is somebody else's. */
  @Override
  public void close() {
    var _ = loop.submit(() -> lanes.forEach(Lane::close)).syncUninterruptibly();
  }
}
