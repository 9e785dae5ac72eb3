package io.kith.baselines.identity;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.regex.Pattern;

/**
 * An IPv4 or IPv6 address, never a name; an IPv4 address written as IPv6 ({@code ::ffff:10.0.0.1})
 * is IPv4.
 */
public final class IpAddress {
  private static final Pattern LITERAL =
      Pattern.compile("\\d{1,3}(\\.\\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*");

  private static final int MAX_LENGTH = 45; // six groups of four digits, and an IPv4 address

  private static final long MAPPED = 0xffffL << 32;
  private static final IpAddress LOOPBACK_V6 = new IpAddress(0, 1);

  /*
   * The sixteen bytes of IPv6, of which IPv4 is the mapped part: addresses are compared with every
   * Check, and bytes in an array of their own would be another line of the processor's cache.
   */
  private final long high;
  private final long low;

  private IpAddress(long high, long low) {
    this.high = high;
    this.low = low;
  }

  /**
   * Reads a literal; asks no resolver.
   *
   * @throws IllegalArgumentException for anything that is not a literal
   */
  public static IpAddress parse(String text) {
    if (text.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "address of " + text.length() + " characters (expected: at most " + MAX_LENGTH + ")");
    }
    try {
      if (LITERAL.matcher(text).matches()) {
        return of(InetAddress.ofLiteral(text).getAddress());
      }
    } catch (IllegalArgumentException _) {
      // told below, in one sentence for every kind of mistake
    }
    throw new IllegalArgumentException(
        "address: '" + text + "' (expected: an IPv4 or IPv6 address such as 10.0.0.1 or fd00::1)");
  }

  /**
   * The address with these bytes.
   *
   * @param bytes 4 or 16, network byte order; copied
   */
  public static IpAddress of(byte[] bytes) {
    return switch (bytes.length) {
      case 4 -> ofIpv4((int) bits(bytes, 0, 4));
      case 16 -> new IpAddress(bits(bytes, 0, 8), bits(bytes, 8, 8));
      default ->
          throw new IllegalArgumentException(
              "address of " + bytes.length + " bytes (expected: 4 or 16)");
    };
  }

  /** The IPv4 address with these bits, its first byte the highest. */
  public static IpAddress ofIpv4(int bits) {
    return new IpAddress(0, MAPPED | Integer.toUnsignedLong(bits));
  }

  /**
   * The address with these bits as IPv6.
   *
   * @param high {@link #high()}
   * @param low {@link #low()}
   */
  public static IpAddress of(long high, long low) {
    return new IpAddress(high, low);
  }

  private static long bits(byte[] bytes, int from, int count) {
    var bits = 0L;
    for (var i = from; i < from + count; i++) {
      bits = (bits << 8) | (bytes[i] & 0xff);
    }
    return bits;
  }

  public static IpAddress of(InetAddress address) {
    return of(address.getAddress());
  }

  /** 4 or 16, network byte order; a copy. */
  public byte[] bytes() {
    return isIpv4()
        ? ByteBuffer.allocate(4).putInt((int) low).array()
        : ByteBuffer.allocate(16).putLong(high).putLong(low).array();
  }

  /** The first eight bytes as IPv6, where an IPv4 address is {@code ::ffff:10.0.0.1}. */
  public long high() {
    return high;
  }

  /** The last eight bytes as IPv6. */
  public long low() {
    return low;
  }

  /** Whether it has 4 bytes. */
  public boolean isIpv4() {
    return high == 0 && low >>> 32 == 0xffff;
  }

  /**
   * The bits of an IPv4 address, its first byte the highest.
   *
   * @throws IllegalStateException when it is IPv6
   */
  public int ipv4() {
    if (!isIpv4()) {
      throw new IllegalStateException(this + " (expected: an IPv4 address)");
    }
    return (int) low;
  }

  public boolean isLoopback() {
    return isIpv4() ? firstByte() == 127 : equals(LOOPBACK_V6);
  }

  private int firstByte() {
    return (int) (isIpv4() ? (low >>> 24) & 0xff : high >>> 56);
  }

  /** Reachable only within a site: private, unique local, link-local, shared or loopback ranges. */
  public boolean isPrivate() {
    var inet = inet();
    return inet.isLoopbackAddress()
        || inet.isLinkLocalAddress()
        || inet.isSiteLocalAddress()
        || (isIpv4() ? ((low >>> 22) & 0x3ff) == ((100 << 2) | 1) : (firstByte() & 0xfe) == 0xfc);
  }

  /** Whether the first {@code prefix} bits are those of a network of the same family. */
  public boolean isIn(IpAddress network, int prefix) {
    if (isIpv4() != network.isIpv4()) {
      return false;
    }
    var bits = isIpv4() ? 96 + prefix : prefix;
    return ((high ^ network.high) & mask(bits)) == 0
        && ((low ^ network.low) & mask(bits - 64)) == 0;
  }

  /** Ones in the first bits of sixty-four. */
  private static long mask(int ones) {
    return ones <= 0 ? 0 : -1L << (64 - Math.min(ones, 64));
  }

  public InetAddress inet() {
    try {
      return InetAddress.getByAddress(bytes());
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof IpAddress that && low == that.low && high == that.high;
  }

  @Override
  public int hashCode() {
    return 31 * Long.hashCode(high) + Long.hashCode(low);
  }

  @Override
  public String toString() {
    return inet().getHostAddress();
  }
}
