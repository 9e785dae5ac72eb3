package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;

/**
 * One end of a connection.
 *
 * @param port 1 to 65535
 */
public record SocketEnd(IpAddress address, int port) {
  public SocketEnd {
    requireNonNull(address, "address");
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("port: " + port + " (expected: 1 to 65535)");
    }
  }

  /** {@code 10.0.0.1:1234} or {@code [fd00::1]:1234}. */
  @Override
  public String toString() {
    var text = address.toString();
    return (text.indexOf(':') >= 0 ? "[" + text + "]" : text) + ":" + port;
  }
}
