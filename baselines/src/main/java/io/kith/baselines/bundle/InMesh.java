package io.kith.baselines.bundle;

import io.kith.baselines.destination.Cidr;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.identity.IpAddress;
import java.util.List;

/**
 * Whether an edge stays inside the mesh, where the learner's word is enough.
 *
 * <p>Inside are owners, services of the mesh by the name under which the proxy routes to them, and
 * private addresses. Link-local addresses are outside: the metadata service hands out credentials.
 * A routed name that is not of the mesh is a door in its wall, and outside; so are the destinations
 * that hold credentials or run pods ({@link Reach#SENSITIVE}), though they are near.
 */
public final class InMesh {
  private static final List<Cidr> PRIVATE =
      List.of(
          Cidr.parse("10.0.0.0/8"),
          Cidr.parse("172.16.0.0/12"),
          Cidr.parse("192.168.0.0/16"),
          Cidr.parse("fc00::/7"));

  private InMesh() {}

  /** Whether every destination that the pattern covers is inside. */
  public static boolean holds(DestinationPattern pattern) {
    return switch (pattern) {
      case DestinationPattern.Exact(var name, var weakest, var port, _) ->
          isInside(name, weakest, new Ports(port, port));
      case DestinationPattern.PortRange(var name, var weakest, var low, var high, _) ->
          isInside(name, weakest, new Ports(low, high));
      case DestinationPattern.HostWildcard(_, var parent, var weakest, var port, _) ->
          isBelowInside(parent, weakest, new Ports(port, port));
      case DestinationPattern.AddressBlock(var network, var prefix, var port, _) ->
          isInside(new Cidr(network, prefix), new Ports(port, port));
      case DestinationPattern.Written(var place, var ports, _) ->
          switch (place) {
            case Place.Anywhere() -> false;
            case Place.Named(var name, var weakest) -> isInside(name, weakest, ports);
            case Place.Below(var parent, var weakest) -> isBelowInside(parent, weakest, ports);
            case Place.Within(var block, _) -> isInside(block, ports);
          };
    };
  }

  private static boolean isBelowInside(String parent, Evidence weakest, Ports ports) {
    return isInside("x." + parent, weakest, ports)
        && isInside("kubernetes." + parent, weakest, ports);
  }

  private static boolean isInside(Cidr block, Ports ports) {
    return PRIVATE.stream().anyMatch(inside -> inside.contains(block))
        && !Reach.isSensitive(block, ports);
  }

  private static boolean isInside(String name, Evidence weakest, Ports ports) {
    return !Reach.isSensitive(name, weakest, ports)
        && switch (weakest) {
          case OWNER -> true;
          case MESH_SERVICE -> Reach.isOfTheMesh(name);
          case CLIENT_NAME, DNS -> false;
          case ADDRESS -> isPrivate(name);
        };
  }

  private static boolean isPrivate(String name) {
    try {
      var address = IpAddress.parse(name);
      return PRIVATE.stream().anyMatch(block -> block.contains(address));
    } catch (IllegalArgumentException _) {
      return false;
    }
  }
}
