package io.kith.server.waiting;

import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Closes a connection that keeps its server waiting. Used by the thread of its channel. */
public final class Patience {
  private final Duration limit;
  private @Nullable Future<?> end;

  /** One that waits for nothing yet. */
  public Patience(Duration limit) {
    this.limit = limit;
  }

  /** The connection is closed when the limit is over, unless it begins again or ends before. */
  public void begin(ChannelHandlerContext context) {
    end();
    Runnable giveUp =
        () -> {
          var _ = context.close();
        };
    end = context.executor().schedule(giveUp, limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Nothing is waited for. */
  public void end() {
    if (end != null) {
      end.cancel(false);
    }
  }
}
