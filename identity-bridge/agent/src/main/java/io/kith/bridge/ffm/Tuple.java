package io.kith.bridge.ffm;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;

/**
 * Both ends of a TCP connection, as one side sees it.
 *
 * @param source near end
 * @param destination far end
 */
public record Tuple(IpAddress source, int sourcePort, IpAddress destination, int destinationPort) {
  public Tuple {
    requireNonNull(source, "source");
    requireNonNull(destination, "destination");
  }

  /** The same from the other end. */
  public Tuple reversed() {
    return new Tuple(
        /* source= */ destination, /* sourcePort= */ destinationPort,
        /* destination= */ source, /* destinationPort= */ sourcePort);
  }

  @Override
  public String toString() {
    return source + ":" + sourcePort + " → " + destination + ":" + destinationPort;
  }
}
