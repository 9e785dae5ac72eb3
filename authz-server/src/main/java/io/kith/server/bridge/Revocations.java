package io.kith.server.bridge;

import com.google.protobuf.ByteString;
import io.kith.bridge.v1.Connection;
import io.kith.bridge.v1.Revocation;
import io.kith.server.check.SocketPair;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What one stream of a bridge was told to end, until it says that it is gone. The next stream knows
 * nothing of that and is told all that is left. Thread-safe.
 */
final class Revocations {
  private static final int MAX_IN_MESSAGE = 1_024; // a message for each would be a task for each

  /** Connections that a stream is told before it says of some that they are gone. */
  static final int MAX_TOLD = 8 * MAX_IN_MESSAGE;

  private final Map<SocketPair, Told> told = new LinkedHashMap<>(); // guarded by this
  private long lastId; // guarded by this

  private record Told(long id, OpenFlows.Revoked connection) {}

  /**
   * What it is to be told now.
   *
   * @param revoked all that lost their permission and are not gone, with their pods
   */
  synchronized List<Revocation> news(Map<OpenFlows.Revoked, RegisteredPod> revoked) {
    var all = new HashSet<SocketPair>();
    revoked.keySet().forEach(one -> all.add(one.connection()));
    told.keySet().retainAll(all); // of others it does not matter any more
    var messages = new ArrayList<Revocation>();
    var message = Revocation.newBuilder();
    for (var one : revoked.entrySet()) {
      var connection = one.getKey();
      if (told.size() == MAX_TOLD || told.containsKey(connection.connection())) {
        continue;
      }
      if (message.getConnectionsCount() == 0) {
        message.setId(++lastId);
      }
      told.put(connection.connection(), new Told(message.getId(), connection));
      message.addConnections(message(one.getValue(), connection));
      if (message.getConnectionsCount() == MAX_IN_MESSAGE) {
        messages.add(message.build());
        message.clear();
      }
    }
    if (message.getConnectionsCount() > 0) {
      messages.add(message.build());
    }
    return messages;
  }

  private static Connection message(RegisteredPod pod, OpenFlows.Revoked revoked) {
    var source = revoked.connection().source();
    var destination = revoked.connection().destination();
    return Connection.newBuilder()
        .setPodId(pod.id())
        .setSourceAddress(ByteString.copyFrom(source.address().bytes()))
        .setSourcePort(source.port())
        .setDestinationAddress(ByteString.copyFrom(destination.address().bytes()))
        .setDestinationPort(destination.port())
        .setSeenMillisAgo(revoked.seenAgo().toMillis())
        .build();
  }

  /** The connections of a message are gone. */
  synchronized void done(long id) {
    var all = told.values().iterator();
    while (all.hasNext()) {
      var one = all.next();
      if (one.id == id) {
        all.remove();
        one.connection.ended();
      }
    }
  }
}
