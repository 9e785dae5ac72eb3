package io.kith.baselines.export;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Ports;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import io.kith.baselines.identity.Owner;
import org.jspecify.annotations.Nullable;

/**
 * What an edge reaches, in the terms that other systems have.
 *
 * @param protocol null for every protocol
 */
public record Target(To to, Ports ports, @Nullable Protocol protocol) {
  /** Whom. */
  public sealed interface To {
    /** A workload. */
    record Workload(Owner owner) implements To {}

    /** A service of the mesh, by its name. */
    record Service(String host) implements To {}

    /** A name outside. */
    record Name(String host) implements To {}

    /** Names one label below another. */
    record Wildcard(String parent) implements To {}

    /** Addresses. */
    record Block(String cidr) implements To {}

    /** Everything. */
    record Everything() implements To {}
  }

  /** What a pattern reaches. */
  public static Target of(DestinationPattern pattern) {
    return switch (pattern) {
      case DestinationPattern.Exact(var name, var weakest, var port, var protocol) ->
          new Target(named(name, weakest), new Ports(port, port), protocol);
      case DestinationPattern.PortRange(var name, var weakest, var low, var high, var protocol) ->
          new Target(named(name, weakest), new Ports(low, high), protocol);
      case DestinationPattern.HostWildcard(_, var parent, _, var port, var protocol) ->
          new Target(new To.Wildcard(parent), new Ports(port, port), protocol);
      case DestinationPattern.AddressBlock(var network, var prefix, var port, var protocol) ->
          new Target(new To.Block(network + "/" + prefix), new Ports(port, port), protocol);
      case DestinationPattern.Written(var place, var ports, var protocol) ->
          new Target(
              switch (place) {
                case Place.Anywhere() -> new To.Everything();
                case Place.Named(var name, var weakest) -> named(name, weakest);
                case Place.Below(var parent, _) -> new To.Wildcard(parent);
                case Place.Within(var block, _) -> new To.Block(block.toString());
              },
              ports,
              protocol);
    };
  }

  private static To named(String name, Evidence weakest) {
    return switch (weakest) {
      case OWNER -> new To.Workload(Owner.parse(name));
      case MESH_SERVICE -> new To.Service(name);
      case CLIENT_NAME, DNS -> new To.Name(name);
      case ADDRESS -> address(name);
    };
  }

  private static To address(String name) {
    try {
      var bits = IpAddress.parse(name).bytes().length * 8;
      return new To.Block(name + "/" + bits);
    } catch (IllegalArgumentException _) {
      return new To.Name(name);
    }
  }
}
