package io.kith.server.check;

import io.kith.baselines.identity.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * The two ends of a connection, as its proxy sees them. Flat, in a quarter of the memory of two
 * ends: a hundred thousand are remembered.
 *
 * @param sourceHigh of the near end's address, {@link IpAddress#high()}
 * @param destinationHigh of the address that the application connected to
 * @param ports of the near end in the upper half, of the other in the lower
 */
public record SocketPair(
    long sourceHigh, long sourceLow, long destinationHigh, long destinationLow, int ports) {
  /** The pair of these two. */
  public static SocketPair of(SocketEnd source, SocketEnd destination) {
    return new SocketPair(
        source.address().high(),
        source.address().low(),
        destination.address().high(),
        destination.address().low(),
        ports(source, destination));
  }

  /** Of two ends, as {@link #ports}. */
  public static int ports(SocketEnd source, SocketEnd destination) {
    return (source.port() << 16) | destination.port();
  }

  /** Near end. */
  public SocketEnd source() {
    return new SocketEnd(IpAddress.of(sourceHigh, sourceLow), ports >>> 16);
  }

  /** Where the application connected to. */
  public SocketEnd destination() {
    return new SocketEnd(IpAddress.of(destinationHigh, destinationLow), ports & 0xffff);
  }

  // By hand, as those of an end.
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof SocketPair that
        && ports == that.ports
        && sourceLow == that.sourceLow
        && destinationLow == that.destinationLow
        && sourceHigh == that.sourceHigh
        && destinationHigh == that.destinationHigh;
  }

  @Override
  public int hashCode() {
    var addresses = 31 * (31 * (31 * sourceHigh + sourceLow) + destinationHigh) + destinationLow;
    return (int) (((addresses + ((long) ports << 24)) * SocketEnd.GOLDEN) >>> 32);
  }
}
