package io.kith.baselines.replay;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.process.ProcessClass;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Names that public addresses carried for a process, for flows whose name was not captured.
 *
 * <p>Only for the same class and port, and for a week.
 */
final class AddressMemory {
  private static final Duration KEPT = Duration.ofDays(7);
  private static final int MAX = 1_024;

  private final Bounded<Key, Name> names = new Bounded<>(MAX);

  private record Key(ProcessClass process, IpAddress address, int port, Protocol protocol) {}

  private record Name(String name, Evidence evidence, Instant last) {}

  void remember(ProcessClass process, Destination named, Instant now) {
    var address = named.address();
    if (address != null) {
      names.put(
          new Key(process, address, named.port(), named.protocol()),
          new Name(named.name(), named.evidence(), now));
    }
  }

  /** The destination with the name that the address had, or null. */
  @Nullable Destination named(ProcessClass process, Destination bare, Instant now) {
    var address = bare.address();
    var known =
        address == null ? null : names.get(new Key(process, address, bare.port(), bare.protocol()));
    return known == null || known.last.plus(KEPT).isBefore(now)
        ? null
        : new Destination(known.name, known.evidence, address, bare.port(), bare.protocol());
  }
}
