package io.kith.baselines.identity;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.regex.Pattern;

/**
 * An IPv4 or IPv6 address, never a name; an IPv4 address written as IPv6 ({@code ::ffff:10.0.0.1})
 * is IPv4.
 */
public final class IpAddress {
  private static final Pattern LITERAL =
      Pattern.compile("\\d{1,3}(\\.\\d{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*");

  private static final IpAddress LOOPBACK_V6 =
      new IpAddress(new byte[] {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});

  private final byte[] bytes;

  private IpAddress(byte[] bytes) {
    this.bytes = bytes;
  }

  /**
   * Reads a literal; asks no resolver.
   *
   * @throws IllegalArgumentException for anything that is not a literal
   */
  public static IpAddress parse(String text) {
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
      case 4 -> new IpAddress(bytes.clone());
      case 16 -> new IpAddress(isMapped(bytes) ? Arrays.copyOfRange(bytes, 12, 16) : bytes.clone());
      default ->
          throw new IllegalArgumentException(
              "address of " + bytes.length + " bytes (expected: 4 or 16)");
    };
  }

  /** Ten zeroes and two bytes of ones before an IPv4 address. */
  private static boolean isMapped(byte[] bytes) {
    for (var i = 0; i < 10; i++) {
      if (bytes[i] != 0) {
        return false;
      }
    }
    return bytes[10] == -1 && bytes[11] == -1;
  }

  public static IpAddress of(InetAddress address) {
    return new IpAddress(address.getAddress());
  }

  /** 4 or 16, network byte order; a copy. */
  public byte[] bytes() {
    return bytes.clone();
  }

  /** Whether it has 4 bytes. */
  public boolean isIpv4() {
    return bytes.length == 4;
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
    return bytes[0] << 24 | (bytes[1] & 0xff) << 16 | (bytes[2] & 0xff) << 8 | (bytes[3] & 0xff);
  }

  public boolean isLoopback() {
    return isIpv4() ? bytes[0] == 127 : equals(LOOPBACK_V6);
  }

  /** Reachable only within a site: private, unique local, link-local, shared or loopback ranges. */
  public boolean isPrivate() {
    var inet = inet();
    return inet.isLoopbackAddress()
        || inet.isLinkLocalAddress()
        || inet.isSiteLocalAddress()
        || (inet instanceof Inet4Address && (bytes[0] & 0xff) == 100 && (bytes[1] & 0xc0) == 64)
        || (bytes.length == 16 && (bytes[0] & 0xfe) == 0xfc);
  }

  /** Whether the first {@code prefix} bits are those of a network of the same family. */
  public boolean isIn(IpAddress network, int prefix) {
    if (bytes.length != network.bytes.length) {
      return false;
    }
    for (var bit = 0; bit < prefix; bit += 8) {
      var mask = 0xff << Math.max(0, bit + 8 - prefix) & 0xff;
      if (((bytes[bit / 8] ^ network.bytes[bit / 8]) & mask) != 0) {
        return false;
      }
    }
    return true;
  }

  public InetAddress inet() {
    try {
      return InetAddress.getByAddress(bytes);
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof IpAddress that && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes);
  }

  @Override
  public String toString() {
    return inet().getHostAddress();
  }
}
