package io.kith.load.compare;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** Octets to and from a server, in the open or in TLS. */
sealed interface Wire extends AutoCloseable permits PlainWire, TlsWire {
  SocketChannel channel();

  /**
   * Appends what has arrived.
   *
   * @return false when the server closed the connection
   */
  boolean read(ByteBuffer into) throws IOException;

  /** Sends what lies between position and limit, as far as it goes now, and moves the position. */
  void write(ByteBuffer from) throws IOException;

  /** Octets that went over it, both ways, with what TLS adds. */
  long octets();

  /** Whether octets that were taken wait to be sent. */
  boolean isBehind();

  @Override
  void close() throws IOException;
}
