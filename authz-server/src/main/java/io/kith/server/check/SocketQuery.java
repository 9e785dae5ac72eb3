package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.SpiffeId;
import java.time.Duration;

/**
 * Asks which processes opened a socket.
 *
 * @param node where the proxy says that it runs; empty when it does not say
 * @param source near end, as the proxy sees it
 * @param destination where the application connected to
 * @param spiffeId what the proxy proved to be
 * @param connection the proxy's number for the connection; empty when it is not said
 * @param timeout the Check is answered without it after this
 */
public record SocketQuery(
    String node,
    Protocol protocol,
    SocketEnd source,
    SocketEnd destination,
    SpiffeId spiffeId,
    String connection,
    Duration timeout) {
  public SocketQuery {
    requireNonNull(node, "node");
    requireNonNull(protocol, "protocol");
    requireNonNull(source, "source");
    requireNonNull(destination, "destination");
    requireNonNull(spiffeId, "spiffeId");
    requireNonNull(connection, "connection");
    requireNonNull(timeout, "timeout");
  }

  /**
   * The same, to be asked again in the time that is left until then, by {@link System#nanoTime}.
   */
  public SocketQuery until(long deadlineNanos) {
    var rest = Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime()));
    return new SocketQuery(node, protocol, source, destination, spiffeId, connection, rest);
  }
}
