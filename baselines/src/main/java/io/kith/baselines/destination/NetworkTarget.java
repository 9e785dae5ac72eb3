package io.kith.baselines.destination;

import static java.util.Objects.requireNonNull;

/**
 * Addresses with a port.
 *
 * @param port 0: every port
 */
public record NetworkTarget(Cidr network, int port) {
  public NetworkTarget {
    requireNonNull(network, "network");
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("port: " + port + " (expected: 0 to 65535)");
    }
  }

  /**
   * Reads {@code 10.0.0.0/8} or {@code 10.96.0.10:53}, {@code [fd00::a]:53}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static NetworkTarget parse(String text) {
    if (text.startsWith("[")) {
      var end = text.indexOf(']');
      var port = end < 0 || end + 1 == text.length() ? "" : text.substring(end + 1);
      if (end > 0 && (port.isEmpty() || port.matches(":\\d{1,5}"))) {
        return new NetworkTarget(
            Cidr.parse(text.substring(1, end)),
            port.isEmpty() ? 0 : Integer.parseInt(port.substring(1)));
      }
    } else {
      var colon = text.indexOf(':');
      var one = colon > 0 && text.indexOf(':', colon + 1) < 0;
      if (one && text.substring(colon + 1).matches("\\d{1,5}")) {
        return new NetworkTarget(
            Cidr.parse(text.substring(0, colon)), Integer.parseInt(text.substring(colon + 1)));
      }
      if (!one) {
        return new NetworkTarget(Cidr.parse(text), 0);
      }
    }
    throw new IllegalArgumentException(
        "'" + text + "' (expected: 10.0.0.0/8, 10.96.0.10:53 or [fd00::a]:53)");
  }

  @Override
  public String toString() {
    return (network.network().bytes().length == 4 ? network : "[" + network + "]")
        + (port == 0 ? "" : ":" + port);
  }
}
