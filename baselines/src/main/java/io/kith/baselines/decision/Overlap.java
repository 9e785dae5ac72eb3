package io.kith.baselines.decision;

import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.DestinationPattern.Written;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Place;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.edge.Edge;
import org.jspecify.annotations.Nullable;

/** Whether two edges can cover one destination; yes when that is not certain. */
final class Overlap {
  private Overlap() {}

  static boolean possible(Edge one, Edge other) {
    return possible(one.destination(), other.destination());
  }

  static boolean possible(DestinationPattern one, DestinationPattern other) {
    var protocol = protocol(one);
    var otherProtocol = protocol(other);
    return low(one) <= high(other)
        && low(other) <= high(one)
        && (protocol == null || otherProtocol == null || protocol == otherProtocol)
        && possible(hosts(one), hosts(other));
  }

  /** Whether its ports are ones that a destination can have. */
  static boolean isPort(DestinationPattern pattern) {
    return low(pattern) > 0 && high(pattern) <= 0xffff;
  }

  /** Hosts by what they have in common; those by address only count without a name. */
  private sealed interface Hosts {
    record Name(String name, Evidence weakest) implements Hosts {}

    record Below(String parent, Evidence weakest) implements Hosts {}

    record Unnamed() implements Hosts {}

    record Any() implements Hosts {}
  }

  private static boolean possible(Hosts one, Hosts other) {
    return switch (one) {
      case Hosts.Any() -> true;
      case Hosts.Unnamed() ->
          switch (other) {
            case Hosts.Name(_, var weakest) -> weakest == Evidence.ADDRESS;
            case Hosts.Below(_, var weakest) -> weakest == Evidence.ADDRESS;
            case Hosts.Unnamed _, Hosts.Any _ -> true;
          };
      case Hosts.Name(var name, _) ->
          switch (other) {
            case Hosts.Name(var otherName, _) -> name.equals(otherName);
            case Hosts.Below(var parent, _) -> name.endsWith(parent);
            case Hosts.Unnamed _, Hosts.Any _ -> possible(other, one);
          };
      case Hosts.Below(var parent, _) ->
          switch (other) {
            case Hosts.Below(var otherParent, _) -> parent.equals(otherParent);
            case Hosts.Name _, Hosts.Unnamed _, Hosts.Any _ -> possible(other, one);
          };
    };
  }

  private static Hosts hosts(DestinationPattern pattern) {
    return switch (pattern) {
      case Exact(var name, var weakest, _, _) -> new Hosts.Name(name, weakest);
      case HostWildcard(_, var parent, var weakest, _, _) -> new Hosts.Below(parent, weakest);
      case PortRange(var name, var weakest, _, _, _) -> new Hosts.Name(name, weakest);
      case AddressBlock _ -> new Hosts.Unnamed();
      case Written(var place, _, _) ->
          switch (place) {
            case Place.Named(var name, var weakest) -> new Hosts.Name(name, weakest);
            case Place.Below(var parent, var weakest) -> new Hosts.Below(parent, weakest);
            case Place.Anywhere _, Place.Within _ -> new Hosts.Any();
          };
    };
  }

  private static int low(DestinationPattern pattern) {
    return switch (pattern) {
      case Exact(_, _, var port, _) -> port;
      case HostWildcard(_, _, _, var port, _) -> port;
      case PortRange(_, _, var low, _, _) -> low;
      case AddressBlock(_, _, var port, _) -> port;
      case Written(_, var ports, _) -> ports.first();
    };
  }

  private static int high(DestinationPattern pattern) {
    return switch (pattern) {
      case PortRange(_, _, _, var high, _) -> high;
      case Written(_, var ports, _) -> ports.last();
      case Exact _, HostWildcard _, AddressBlock _ -> low(pattern);
    };
  }

  private static @Nullable Protocol protocol(DestinationPattern pattern) {
    return switch (pattern) {
      case Exact(_, _, _, var protocol) -> protocol;
      case HostWildcard(_, _, _, _, var protocol) -> protocol;
      case PortRange(_, _, _, _, var protocol) -> protocol;
      case AddressBlock(_, _, _, var protocol) -> protocol;
      case Written(_, _, var protocol) -> protocol;
    };
  }
}
