package io.kith.server.check;

import io.kith.baselines.process.Attribution;
import java.util.concurrent.CompletableFuture;

/** Who knows which processes opened a socket: port to the identity bridges. */
@FunctionalInterface
public interface ProcessSource {
  /**
   * Asks without blocking, from any thread.
   *
   * @return completed with {@link Attribution.BridgeUnavailable} when nobody answered in the time
   *     that the query gives
   */
  CompletableFuture<Attribution> ask(SocketQuery query);
}
