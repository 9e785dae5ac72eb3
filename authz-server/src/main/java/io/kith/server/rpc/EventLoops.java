package io.kith.server.rpc;

import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.Epoll;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import java.util.concurrent.TimeUnit;

/** Threads that serve connections, and whether they end with what they were given to. */
public final class EventLoops implements AutoCloseable {
  private final EventLoopGroup group;
  private final boolean lent;

  private EventLoops(EventLoopGroup group, boolean lent) {
    this.group = group;
    this.lent = lent;
  }

  /** For Checks, one for each processor. */
  public static EventLoops ofChecks() {
    return of("kith-checks", true, Runtime.getRuntime().availableProcessors());
  }

  /** One thread, for what is seldom asked; the process lives as long as it. */
  public static EventLoops single(String name) {
    return of(name, false, 1);
  }

  /** One thread that nobody waits for, for what may hold it up. */
  public static EventLoops apart(String name) {
    return of(name, true, 1);
  }

  private static EventLoops of(String name, boolean daemon, int threads) {
    return new EventLoops(
        new MultiThreadIoEventLoopGroup(
            threads,
            new DefaultThreadFactory(name, daemon),
            Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory()),
        false);
  }

  /** The same threads for one more, which does not end them. */
  public EventLoops lent() {
    return new EventLoops(group, true);
  }

  /** For Netty. */
  public EventLoopGroup group() {
    return group;
  }

  /** Ends them, whose connections are closed; nothing where they are lent. */
  @Override
  public void close() {
    if (!lent) {
      var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }
}
