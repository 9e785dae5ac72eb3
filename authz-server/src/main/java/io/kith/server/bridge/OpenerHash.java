package io.kith.server.bridge;

import io.kith.baselines.identity.IpAddress;
import io.kith.server.check.SocketEnd;

/** The hash of a connection by which a table of openers has it. Source: {@code bridge.proto}. */
final class OpenerHash {
  private static final long MULTIPLIER = 0x9E37_79B9_7F4A_7C15L;
  private static final int TIME_SHIFT = 33;
  private static final long TCP_OVER_IPV4 = 6;
  private static final long TCP_OVER_IPV6 = 0x106;

  /** Between two times that differ. */
  static final long TICK_NANOS = 1L << TIME_SHIFT;

  private OpenerHash() {}

  /**
   * Of a TCP connection.
   *
   * @param seed of the table
   * @param network cookie of the network namespace that the near end is in
   */
  static long of(long seed, long network, SocketEnd source, SocketEnd destination) {
    var near = source.address();
    var far = destination.address();
    var kind = near.isIpv4() && far.isIpv4() ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
    var hash = mix(seed, network);
    hash = mix(hash, first(near));
    hash = mix(hash, second(near));
    hash = mix(hash, first(far));
    hash = mix(hash, second(far));
    return mix(hash, source.port() | (long) destination.port() << 16 | kind << 32);
  }

  /**
   * The same, of one that was opened at a time.
   *
   * @param hash without it
   * @param bootNanos after boot
   */
  static long at(long hash, long bootNanos) {
    return mix(hash, bootNanos >>> TIME_SHIFT);
  }

  private static long mix(long hash, long word) {
    var mixed = (hash ^ word) * MULTIPLIER;
    return mixed ^ (mixed >>> 32);
  }

  /** The first eight octets, little endian; of IPv4 there are four, and zeros. */
  private static long first(IpAddress address) {
    return address.isIpv4()
        ? Integer.toUnsignedLong(Integer.reverseBytes(address.ipv4()))
        : Long.reverseBytes(address.high());
  }

  private static long second(IpAddress address) {
    return address.isIpv4() ? 0 : Long.reverseBytes(address.low());
  }
}
