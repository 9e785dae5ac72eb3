package io.kith.baselines.destination;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * Where a flow goes, by the steadiest name there is evidence for.
 *
 * @param name owner as {@code namespace/kind/name}, service or DNS name in lower case, or the
 *     address when there is no name
 * @param evidence why it has that name
 * @param address where packets go, or null when only the proxy knows
 * @param port 1 to 65535
 */
public record Destination(
    String name, Evidence evidence, @Nullable IpAddress address, int port, Protocol protocol) {
  public Destination {
    if (requireNonNull(name, "name").isBlank()) {
      throw new IllegalArgumentException("name: '" + name + "' (expected: a name or an address)");
    }
    requireNonNull(evidence, "evidence");
    requireNonNull(protocol, "protocol");
    if (port < 1 || port > 65_535) {
      throw new IllegalArgumentException("port: " + port + " (expected: 1 to 65535)");
    }
  }

  /** For people: {@code shop/statefulset/orders-db:5432}. */
  public String words() {
    var bare = evidence == Evidence.ADDRESS && name.indexOf(':') >= 0;
    return (bare ? "[" + name + "]" : name) + ":" + port;
  }
}
