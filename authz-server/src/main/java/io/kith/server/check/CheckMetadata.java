package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.grpc.Metadata;
import java.util.LinkedHashSet;
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
 */
public record CheckMetadata(
    String direction,
    String node,
    String cluster,
    String connection,
    @Nullable String traceParent,
    String spare) {
  static final String DIRECTION = "x-kith-direction";
  static final String NODE = "x-kith-node";
  static final String CLUSTER = "x-kith-cluster";
  static final String CONNECTION = "x-kith-conn";
  static final String SPARE = "x-kith-spare";

  private static final Metadata.Key<String> DIRECTION_KEY = key(DIRECTION);
  private static final Metadata.Key<String> NODE_KEY = key(NODE);
  private static final Metadata.Key<String> CLUSTER_KEY = key(CLUSTER);
  private static final Metadata.Key<String> CONNECTION_KEY = key(CONNECTION);
  private static final Metadata.Key<String> SPARE_KEY = key(SPARE);
  private static final Metadata.Key<String> TRACE_PARENT_KEY = key("traceparent");

  public CheckMetadata {
    requireNonNull(direction, "direction");
    requireNonNull(node, "node");
    requireNonNull(cluster, "cluster");
    requireNonNull(connection, "connection");
    requireNonNull(spare, "spare");
  }

  /** Of a recipe that spares nothing. */
  CheckMetadata(
      String direction,
      String node,
      String cluster,
      String connection,
      @Nullable String traceParent) {
    this(direction, node, cluster, connection, traceParent, "");
  }

  static CheckMetadata of(Metadata headers) {
    return new CheckMetadata(
        direction(headers),
        text(headers, NODE_KEY),
        text(headers, CLUSTER_KEY),
        text(headers, CONNECTION_KEY),
        headers.get(TRACE_PARENT_KEY),
        text(headers, SPARE_KEY));
  }

  private static String direction(Metadata headers) {
    var values = headers.getAll(DIRECTION_KEY);
    if (values == null) {
      return "";
    }
    var all = values.iterator();
    var first = all.next();
    if (!all.hasNext()) {
      return first;
    }
    var distinct = new LinkedHashSet<String>();
    values.forEach(distinct::add);
    return String.join(",", distinct);
  }

  private static String text(Metadata headers, Metadata.Key<String> key) {
    var value = headers.get(key);
    return value == null ? "" : value;
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }
}
