package io.kith.bridge.guard;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import java.util.List;

/**
 * What a resolver said about a name.
 *
 * @param name that was asked for, in lower case without a final dot
 * @param addresses of it or of what it is an alias of
 * @param ttlSeconds the shortest of their lifetimes
 */
public record DnsAnswer(String name, List<IpAddress> addresses, long ttlSeconds) {
  public DnsAnswer {
    requireNonNull(name, "name");
    addresses = List.copyOf(addresses);
  }
}
