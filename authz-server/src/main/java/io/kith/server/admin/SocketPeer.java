package io.kith.server.admin;

import io.grpc.Attributes;
import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollDomainSocketChannel;
import java.io.IOException;
import java.lang.System.Logger.Level;
import org.jspecify.annotations.Nullable;

/**
 * Puts the user id of who is at the other end of a Unix socket, as the kernel says ({@code
 * SO_PEERCRED}, see unix(7)), where a call finds it.
 */
final class SocketPeer {
  private static final System.Logger LOG = System.getLogger(SocketPeer.class.getName());
  private static final String NOT_KNOWN =
      "who is at the other end of the admin socket is not known";
  private static final Attributes.Key<Integer> UID = Attributes.Key.create("kith-peer-uid");

  private SocketPeer() {}

  /** The user id, or null when the kernel did not tell. */
  static @Nullable Integer uidOf(Attributes connection) {
    return connection.get(UID);
  }

  /** As if the kernel had told. */
  static Attributes attributes(int uid) {
    return Attributes.newBuilder().set(UID, uid).build();
  }

  /** Asks the kernel. */
  static Attributes of(Channel connection) {
    if (connection instanceof EpollDomainSocketChannel socket) {
      try {
        return attributes(socket.peerCredentials().uid());
      } catch (IOException e) {
        LOG.log(Level.WARNING, NOT_KNOWN, e);
      }
    }
    return Attributes.EMPTY;
  }
}
