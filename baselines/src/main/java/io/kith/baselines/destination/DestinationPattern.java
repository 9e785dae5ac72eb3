package io.kith.baselines.destination;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.identity.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * The destinations that an edge covers.
 *
 * <p>The wider cases are made from several exact ones when what they save is worth what they admit.
 * The id of an edge is made of their text, which therefore stays as it is ({@code toString}).
 */
public sealed interface DestinationPattern {
  /** Whether the destination is covered. Its name must have at least the evidence asked for. */
  boolean covers(Destination destination);

  /** For people. */
  String words();

  /** Whether {@link #words()} start with the text. */
  default boolean wordsStartWith(String text) {
    return words().startsWith(text);
  }

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

    @Override
    public boolean wordsStartWith(String text) {
      return (name.startsWith(text) || text.startsWith(name)) && words().startsWith(text);
    }

    @Override
    public String toString() {
      return "Exact[name="
          + name
          + ", weakest="
          + weakest
          + ", port="
          + port
          + ", protocol="
          + protocol
          + "]";
    }
  }

  /**
   * Names that differ in their first label only.
   *
   * @param parent what follows the first label, without a leading dot; never a public suffix
   * @param shape the first label with runs of digits as {@code #}, or null for any one label
   */
  record HostWildcard(
      @Nullable String shape, String parent, Evidence weakest, int port, Protocol protocol)
      implements DestinationPattern {
    public HostWildcard {
      if (requireNonNull(parent, "parent").indexOf('.') <= 0) {
        throw new IllegalArgumentException(
            "parent: '" + parent + "' (expected: a name of two labels or more)");
      }
      requireNonNull(weakest, "weakest");
      requireNonNull(protocol, "protocol");
    }

    @Override
    public boolean covers(Destination destination) {
      if (destination.port() != port
          || destination.protocol() != protocol
          || destination.evidence().compareTo(weakest) < 0) {
        return false;
      }
      var name = destination.name();
      var label = name.length() - parent.length() - 1;
      return label > 0
          && name.charAt(label) == '.'
          && name.endsWith(parent)
          && name.indexOf('.') == label
          && (shape == null || NameShape.matches(shape, name, label));
    }

    @Override
    public String words() {
      return (shape == null ? "*" : shape) + "." + parent + ":" + port;
    }

    @Override
    public String toString() {
      return "HostWildcard[shape="
          + shape
          + ", parent="
          + parent
          + ", weakest="
          + weakest
          + ", port="
          + port
          + ", protocol="
          + protocol
          + "]";
    }
  }

  /**
   * Neighbouring IPv4 addresses.
   *
   * @param network first address of the block
   * @param prefix 24 to 32
   */
  record AddressBlock(IpAddress network, int prefix, int port, Protocol protocol)
      implements DestinationPattern {
    public AddressBlock {
      if (network.bytes().length != 4 || prefix < 24 || prefix > 32) {
        throw new IllegalArgumentException(
            "block: " + network + "/" + prefix + " (expected: IPv4, /24 to /32)");
      }
      requireNonNull(protocol, "protocol");
    }

    @Override
    public boolean covers(Destination destination) {
      var address = destination.address();
      return destination.port() == port
          && destination.protocol() == protocol
          && destination.evidence() == Evidence.ADDRESS
          && address != null
          && address.isIn(network, prefix);
    }

    @Override
    public String words() {
      return network + "/" + prefix + ":" + port;
    }

    @Override
    public String toString() {
      return "AddressBlock[network="
          + network
          + ", prefix="
          + prefix
          + ", port="
          + port
          + ", protocol="
          + protocol
          + "]";
    }
  }

  /**
   * Any dynamic port of one name: the ports of servers that take whatever is free when they start.
   *
   * @param low first port, at least {@value #FIRST_DYNAMIC}
   * @param high last port
   */
  record PortRange(String name, Evidence weakest, int low, int high, Protocol protocol)
      implements DestinationPattern {
    /** Where Linux starts to hand out ports ({@code ip_local_port_range}). */
    public static final int FIRST_DYNAMIC = 32_768;

    public PortRange {
      requireNonNull(name, "name");
      requireNonNull(weakest, "weakest");
      requireNonNull(protocol, "protocol");
      if (low < FIRST_DYNAMIC || high < low || high > 65_535) {
        throw new IllegalArgumentException(
            "ports: " + low + "-" + high + " (expected: a range within 32768-65535)");
      }
    }

    @Override
    public boolean covers(Destination destination) {
      return destination.port() >= low
          && destination.port() <= high
          && destination.protocol() == protocol
          && destination.evidence().compareTo(weakest) >= 0
          && destination.name().equals(name);
    }

    @Override
    public String words() {
      return name + ":" + low + "-" + high;
    }

    @Override
    public boolean wordsStartWith(String text) {
      return (name.startsWith(text) || text.startsWith(name)) && words().startsWith(text);
    }

    @Override
    public String toString() {
      return "PortRange[name="
          + name
          + ", weakest="
          + weakest
          + ", low="
          + low
          + ", high="
          + high
          + ", protocol="
          + protocol
          + "]";
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

    @Override
    public String toString() {
      return "Written[place=" + place + ", ports=" + ports + ", protocol=" + protocol + "]";
    }
  }
}
