package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * One end of a connection.
 *
 * @param port 1 to 65535
 */
public record SocketEnd(IpAddress address, int port) {
  /** What mixes the bits of hashes. */
  static final long GOLDEN = 0x9E3779B97F4A7C15L; // 2^64 by the golden ratio

  public SocketEnd {
    requireNonNull(address, "address");
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("port: " + port + " (expected: 1 to 65535)");
    }
  }

  // By hand: part of three keys that are looked up with each Check.
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof SocketEnd that && port == that.port && address.equals(that.address);
  }

  /** Mixed, since pods have addresses in a row, and ports are given out in a row. */
  @Override
  public int hashCode() {
    var mixed = (31 * address.high() + address.low() + ((long) port << 40)) * GOLDEN;
    return (int) (mixed >>> 32);
  }

  /** {@code 10.0.0.1:1234} or {@code [fd00::1]:1234}. */
  @Override
  public String toString() {
    var text = address.toString();
    return (text.indexOf(':') >= 0 ? "[" + text + "]" : text) + ":" + port;
  }
}
