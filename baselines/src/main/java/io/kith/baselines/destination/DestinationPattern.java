package io.kith.baselines.destination;

import static java.util.Objects.requireNonNull;

import org.jspecify.annotations.Nullable;

/**
 * The destinations that an edge covers.
 *
 * <p>Now one name or address with one port; wildcards, ranges and address blocks come as further
 * cases.
 */
public sealed interface DestinationPattern {
  /** Whether the destination is covered. Its name must have at least the evidence asked for. */
  boolean covers(Destination destination);

  /** For people. */
  String words();

  /**
   * One name with one port.
   *
   * @param weakest the weakest evidence under which the name counts: a name learned from the
   *     directory is not matched by one that a client made up
   */
  record Exact(String name, Evidence weakest, int port, Protocol protocol)
      implements DestinationPattern {
    public Exact {
      requireNonNull(name, "name");
      requireNonNull(weakest, "weakest");
      requireNonNull(protocol, "protocol");
    }

    public static Exact of(Destination destination) {
      return new Exact(
          destination.name(), destination.evidence(), destination.port(), destination.protocol());
    }

    @Override
    public boolean covers(Destination destination) {
      return destination.port() == port
          && destination.protocol() == protocol
          && destination.evidence().compareTo(weakest) >= 0
          && destination.name().equals(name);
    }

    @Override
    public String words() {
      return name + ":" + port;
    }
  }

  /**
   * What a person wrote in a rule: hosts, ports and a protocol.
   *
   * @param protocol null for every protocol
   */
  record Written(Place place, Ports ports, @Nullable Protocol protocol)
      implements DestinationPattern {
    public Written {
      requireNonNull(place, "place");
      requireNonNull(ports, "ports");
    }

    @Override
    public boolean covers(Destination destination) {
      return ports.contains(destination.port())
          && (protocol == null || destination.protocol() == protocol)
          && place.covers(destination);
    }

    /** Whether every destination that the other covers is covered by this one. */
    public boolean includes(Written other) {
      return place.includes(other.place)
          && ports.contains(other.ports)
          && (protocol == null || protocol == other.protocol);
    }

    @Override
    public String words() {
      return (place.toString().indexOf(':') >= 0 ? "[" + place + "]" : place) + ":" + ports;
    }
  }
}
