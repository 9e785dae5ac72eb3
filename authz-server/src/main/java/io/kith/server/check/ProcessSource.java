package io.kith.server.check;

import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.Attribution;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Who knows which processes opened a socket: port to the identity bridges. */
@FunctionalInterface
public interface ProcessSource {
  /**
   * Asks without blocking, from any thread.
   *
   * @param late gets the answer, once, when it comes after that time and is still remembered to
   *     have been asked for; mostly never called
   * @return completed with {@link Attribution.BridgeUnavailable} when nobody answered in the time
   *     that the query gives
   */
  CompletableFuture<Attribution> ask(SocketQuery query, Consumer<Attribution> late);

  /**
   * What the same question was answered with a moment ago, or one about the same process that is
   * known to have opened this connection, from memory; null when it has to be asked.
   *
   * @param nanos now, by {@link System#nanoTime}
   */
  default @Nullable KnownConnection known(SocketQuery query, long nanos) {
    return null;
  }

  /** A Check is decided by what {@link #known} gave, and nobody is asked. */
  default void used(KnownConnection known) {}

  /**
   * The names for which a pod was told an address by DNS; empty when nobody saw any. Answers from
   * memory.
   *
   * @param source the pod's address
   * @param claimed names that the client chose for the destination, for the count of those that it
   *     was never told
   */
  default Set<String> names(IpAddress source, IpAddress destination, Set<String> claimed) {
    return Set.of();
  }
}
