package io.kith.baselines.learning;

import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * When a block describes IPv4 addresses more cheaply than a list of them.
 *
 * <p>Two-part code, in bits: a list costs log2 C(2^32, N); a block of m bits costs m + log2
 * C(2^(32-m), N) and a price for each address that it newly admits. Source: Rissanen,
 * <i>Automatica</i> 1978.
 */
final class AddressBlocks {
  static final double PRICE_PER_UNSEEN = 0.25;
  private static final int WIDEST = 24;
  private static final double LN2 = Math.log(2);

  private AddressBlocks() {}

  /** The block of that size around addresses that share it. */
  static AddressBlock around(Set<IpAddress> addresses, int prefix, int port, Protocol protocol) {
    var bytes = addresses.iterator().next().bytes();
    bytes[3] &= (byte) (0xff << (32 - prefix));
    return new AddressBlock(IpAddress.of(bytes), prefix, port, protocol);
  }

  /**
   * The block to admit: the smallest around the addresses with one bit of room, at most a /24.
   *
   * @param addresses of one /24
   * @return null when the list is cheaper
   */
  static @Nullable AddressBlock cheapest(Set<IpAddress> addresses, int port, Protocol protocol) {
    var tight = 32;
    while (tight > WIDEST && !holds(around(addresses, tight, port, protocol), addresses)) {
      tight--;
    }
    var roomy = Math.max(WIDEST, tight - 1);
    return block(roomy, addresses.size()) < list(addresses.size())
        ? around(addresses, roomy, port, protocol)
        : null;
  }

  private static boolean holds(AddressBlock block, Set<IpAddress> addresses) {
    return addresses.stream().allMatch(address -> address.isIn(block.network(), block.prefix()));
  }

  /** Bits of a list of n addresses. */
  static double list(int n) {
    return log2Choose(0x1p32, n);
  }

  /** Bits of a block with n addresses seen, and the price of the others. */
  static double block(int prefix, int n) {
    var size = Math.pow(2, 32 - prefix);
    return prefix + log2Choose(size, n) + PRICE_PER_UNSEEN * (size - n);
  }

  private static double log2Choose(double from, int n) {
    var sum = 0.0;
    for (var i = 0; i < n; i++) {
      sum += Math.log(from - i) - Math.log(i + 1.0);
    }
    return sum / LN2;
  }
}
