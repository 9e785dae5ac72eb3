package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the proxy's recipe adds to a Check that its message lacks.
 *
 * @param direction {@code outbound} or {@code inbound}; several that differ are joined with commas;
 *     empty when missing
 * @param node name of the node; empty when not sent
 * @param cluster where the proxy routes; empty when not sent
 * @param connection the proxy's number for the connection; empty when not sent
 * @param traceParent place in a trace as W3C writes it, or null
 * @param spare where the proxy may route what the answer spares a Check of its own; empty when it
 *     spares nothing
 * @param traceState what tracing systems say beside the place, as sent; empty when not sent
 * @param failure what the proxy's filter does while the server cannot be asked: {@code open},
 *     {@code closed} or {@code floor}; empty when not sent
 */
public record CheckMetadata(
    String direction,
    String node,
    String cluster,
    String connection,
    @Nullable String traceParent,
    String traceState,
    String spare,
    String failure) {
  static final String DIRECTION = "x-kith-direction";
  static final String NODE = "x-kith-node";
  static final String CLUSTER = "x-kith-cluster";
  static final String CONNECTION = "x-kith-conn";
  static final String SPARE = "x-kith-spare";
  static final String FAILURE = "x-kith-failure";

  private static final String PREFIX = "x-kith-";
  private static final String TRACE_PARENT = "traceparent";
  private static final String TRACE_STATE = "tracestate";

  public CheckMetadata {
    requireNonNull(direction, "direction");
    requireNonNull(node, "node");
    requireNonNull(cluster, "cluster");
    requireNonNull(connection, "connection");
    requireNonNull(traceState, "traceState");
    requireNonNull(spare, "spare");
    requireNonNull(failure, "failure");
  }

  /** Of a recipe that spares nothing and does not say what its filters do. */
  CheckMetadata(
      String direction,
      String node,
      String cluster,
      String connection,
      @Nullable String traceParent) {
    this(direction, node, cluster, connection, traceParent, "", "", "");
  }

  /**
   * What is sent with an RPC.
   *
   * @param headers names in lower case, and values; of those that come twice the last counts, but
   *     for the direction
   */
  public static CheckMetadata of(Iterable<Map.Entry<CharSequence, CharSequence>> headers) {
    var direction = "";
    var node = "";
    var cluster = "";
    var connection = "";
    var spare = "";
    var failure = "";
    String traceParent = null;
    var traceState = "";
    Set<String> directions = null;
    for (var header : headers) {
      if (!isOurs(header.getKey())) {
        continue;
      }
      var value = header.getValue().toString();
      switch (header.getKey().toString()) {
        case DIRECTION -> {
          if (direction.isEmpty()) {
            direction = value;
          } else if (!direction.equals(value)) {
            directions = directions == null ? new LinkedHashSet<>(Set.of(direction)) : directions;
            directions.add(value);
          }
        }
        case NODE -> node = value;
        case CLUSTER -> cluster = value;
        case CONNECTION -> connection = value;
        case SPARE -> spare = value;
        case FAILURE -> failure = value;
        case TRACE_PARENT -> traceParent = value;
        case TRACE_STATE -> traceState = traceState.isEmpty() ? value : traceState + "," + value;
        default -> {}
      }
    }
    return new CheckMetadata(
        directions == null ? direction : String.join(",", directions),
        node,
        cluster,
        connection,
        traceParent,
        traceState,
        spare,
        failure);
  }

  /** Of all its values, in characters. */
  public int length() {
    return direction.length()
        + node.length()
        + cluster.length()
        + connection.length()
        + (traceParent == null ? 0 : traceParent.length())
        + traceState.length()
        + spare.length()
        + failure.length();
  }

  /** Of a dozen headers most are not, and need no look at all their letters. */
  private static boolean isOurs(CharSequence name) {
    return name.length() > PREFIX.length()
        && ((name.charAt(0) == 'x' && name.charAt(PREFIX.length() - 1) == '-')
            || (name.charAt(0) == 't'
                && (name.length() == TRACE_PARENT.length()
                    || name.length() == TRACE_STATE.length())));
  }
}
