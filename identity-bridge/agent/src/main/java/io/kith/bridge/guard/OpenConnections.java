package io.kith.bridge.guard;

import io.kith.bridge.capture.Owner;
import io.kith.bridge.ffm.KernelException;
import io.kith.bridge.ffm.SockDiag;
import io.kith.bridge.ffm.SockDiag.Listed;
import io.kith.bridge.ffm.SockDiag.State;
import io.kith.bridge.ffm.Tuple;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The connections that the processes of a pod have opened and that are open now. */
final class OpenConnections {
  private OpenConnections() {}

  /**
   * A connection with who opened it.
   *
   * @param gid -1 when it was opened before anybody looked
   */
  record Outgoing(Listed socket, int uid, int gid) {}

  /**
   * Those that were opened from inside. Without a record of the opener, one whose near port
   * somebody listens on was accepted.
   *
   * @param openers as the kernel noted them, or null
   */
  static List<Outgoing> outgoing(SockDiag sockets, Function<Tuple, @Nullable Owner> openers)
      throws KernelException {
    var listening = new HashSet<Integer>();
    sockets.list(State.LISTENING).forEach(listener -> listening.add(listener.tuple().sourcePort()));
    var found = new ArrayList<Outgoing>();
    for (var socket : sockets.list(State.OPEN)) {
      var opener = openers.apply(socket.tuple());
      if (opener != null) {
        found.add(new Outgoing(socket, opener.uid(), opener.gid()));
      } else if (!listening.contains(socket.tuple().sourcePort())) {
        found.add(new Outgoing(socket, socket.uid(), -1));
      }
    }
    return found;
  }
}
