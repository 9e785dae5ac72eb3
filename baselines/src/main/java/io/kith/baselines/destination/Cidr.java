package io.kith.baselines.destination;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import java.util.Arrays;

/**
 * Addresses with a common prefix.
 *
 * @param network first address; all bits after the prefix are zero
 * @param prefix 0 to 32 for IPv4, 0 to 128 for IPv6
 */
public record Cidr(IpAddress network, int prefix) {
  private static final String EXPECTED = "an address block such as 10.1.0.0/16 or fd00:1::/32";

  public Cidr {
    requireNonNull(network, "network");
    var bits = network.bytes().length * 8;
    if (prefix < 0 || prefix > bits) {
      throw new IllegalArgumentException("prefix: " + prefix + " (expected: 0 to " + bits + ")");
    }
    var masked = IpAddress.of(masked(network.bytes(), prefix));
    if (!masked.equals(network)) {
      throw new IllegalArgumentException(
          "'"
              + network
              + "/"
              + prefix
              + "' (expected: the block's first address, "
              + masked
              + "/"
              + prefix
              + ")");
    }
  }

  /**
   * Reads {@code address/prefix}; an address alone is a block of one.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Cidr parse(String text) {
    var slash = text.indexOf('/');
    try {
      var address = IpAddress.parse(slash < 0 ? text : text.substring(0, slash));
      if (slash < 0) {
        return new Cidr(address, address.bytes().length * 8);
      }
      var prefix = text.substring(slash + 1);
      if (prefix.matches("0|[1-9][0-9]{0,2}")) {
        return new Cidr(address, Integer.parseInt(prefix));
      }
    } catch (IllegalArgumentException e) {
      var message = e.getMessage();
      if (message != null && !message.startsWith("address:")) {
        throw e; // already says which part is wrong
      }
    }
    throw new IllegalArgumentException("'" + text + "' (expected: " + EXPECTED + ")");
  }

  private static byte[] masked(byte[] bytes, int prefix) {
    for (var i = 0; i < bytes.length; i++) {
      var kept = Math.clamp(prefix - i * 8L, 0, 8);
      bytes[i] &= (byte) (0xff << (8 - kept));
    }
    return bytes;
  }

  /** Whether the address is in the block; never across IP versions. */
  public boolean contains(IpAddress address) {
    var bytes = address.bytes();
    return bytes.length == network.bytes().length
        && Arrays.equals(masked(bytes, prefix), network.bytes());
  }

  /** Whether every address of the other block is in this one. */
  public boolean contains(Cidr other) {
    return other.prefix >= prefix && contains(other.network);
  }

  @Override
  public String toString() {
    return network + "/" + prefix;
  }
}
