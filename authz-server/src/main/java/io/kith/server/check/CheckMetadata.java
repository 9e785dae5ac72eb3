package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the proxy's recipe adds to a Check that its message lacks.
 *
 * @param direction {@code outbound} or {@code inbound}; two that differ are joined with a comma;
 *     empty when missing
 * @param node name of the node; empty when not sent
 * @param cluster where the proxy routes; empty when not sent
 * @param connection the proxy's number for the connection; empty when not sent
 * @param traceParent place in a trace as W3C writes it, or null
 * @param spare where the proxy may route what the answer spares a Check of its own; empty when it
 *     spares nothing
 * @param traceState what tracing systems say beside the place, as sent, of its members what fits in
 *     512 characters; empty when not sent
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

  /*
   * Kept until the caller took its answer. What the recipes write is shorter, and what is longer is
   * cut to one character more: refused, or ignored, as too long, and never another value.
   */
  private static final int LONGEST_WORD = 32;
  private static final int LONGEST_NODE = 253;
  private static final int LONGEST_CLUSTER = 512;

  /** W3C Trace Context, section 3.3.1.5: as much is handed on at least. */
  private static final int LONGEST_TRACE = 512;

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
   *     for the direction; what is longer than anything that is taken is cut
   */
  public static CheckMetadata of(Iterable<Map.Entry<CharSequence, CharSequence>> headers) {
    var direction = "";
    var other = "";
    var node = "";
    var cluster = "";
    var connection = "";
    var spare = "";
    var failure = "";
    String traceParent = null;
    var traceState = "";
    for (var header : headers) {
      if (!isOurs(header.getKey())) {
        continue;
      }
      var value = header.getValue().toString();
      switch (header.getKey().toString()) {
        case DIRECTION -> {
          var word = cut(value, LONGEST_WORD);
          if (direction.isEmpty()) {
            direction = word;
          } else if (!direction.equals(word)) {
            other = word;
          }
        }
        case NODE -> node = cut(value, LONGEST_NODE);
        case CLUSTER -> cluster = cut(value, LONGEST_CLUSTER);
        case CONNECTION -> connection = cut(value, LONGEST_WORD);
        case SPARE -> spare = cut(value, LONGEST_CLUSTER);
        case FAILURE -> failure = cut(value, LONGEST_WORD);
        case TRACE_PARENT -> traceParent = cut(value, LONGEST_TRACE);
        case TRACE_STATE ->
            traceState = members(traceState.isEmpty() ? value : traceState + "," + value);
        default -> {}
      }
    }
    return new CheckMetadata(
        other.isEmpty() ? direction : direction + "," + other,
        node,
        cluster,
        connection,
        traceParent,
        traceState,
        spare,
        failure);
  }

  private static String cut(String value, int longest) {
    return value.length() <= longest ? value : value.substring(0, longest + 1);
  }

  /** Those that fit, whole and from the first on. */
  private static String members(String state) {
    return state.length() <= LONGEST_TRACE
        ? state
        : state.substring(0, Math.max(0, state.lastIndexOf(',', LONGEST_TRACE)));
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
