package io.kith.baselines.replay;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationFacts.Resolved;
import io.kith.baselines.destination.DnsName;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.destination.Reach;
import io.kith.baselines.identity.IpAddress;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The steadiest name of a log's destination; remembers the recent ones. */
final class Resolver {
  private static final int MAX = 65_536;

  private final Pods pods;
  private final Bounded<Key, Fixed> recent = new Bounded<>(MAX);

  private record Key(FlowRecord.Target target, String environment) {}

  /** What is true at any time; {@code byOwner} asks who has the address at the time. */
  private record Fixed(Resolved resolved, boolean loopback, boolean byOwner) {}

  Resolver(Pods pods) {
    this.pods = pods;
  }

  /**
   * Where a flow goes, or null when that is the pod itself.
   *
   * @throws IllegalArgumentException when the destination cannot be read
   */
  @Nullable Resolved resolve(FlowRecord flow, Instant now) {
    var key = new Key(flow.target(), flow.environment());
    var fixed = recent.get(key);
    if (fixed == null) {
      fixed = fix(flow.target(), flow.environment());
      recent.put(key, fixed);
    }
    if (fixed.loopback) {
      return null;
    }
    var address = fixed.resolved.destination().address();
    var owner = fixed.byOwner && address != null ? pods.ownerOf(address, now) : null;
    if (owner == null) {
      return fixed.resolved;
    }
    var bare = fixed.resolved.destination();
    return new Resolved(
        new Destination(owner, Evidence.OWNER, address, bare.port(), bare.protocol()), null);
  }

  private static Fixed fix(FlowRecord.Target target, String environment) {
    var address = target.ip() == null ? null : IpAddress.parse(target.ip());
    var host = target.host() == null ? null : DnsName.compared(target.host());
    var port = Math.max(1, target.port()); // what has no port is judged before
    var protocol = target.protocol().equals("udp") ? Protocol.UDP : Protocol.TCP;
    if (address == null ? "localhost".equals(host) : address.isLoopback()) {
      return new Fixed(
          new Resolved(
              new Destination("localhost", Evidence.ADDRESS, address, port, protocol), null),
          true,
          false);
    }
    if (host == null
        || isLiteral(host)
        || (address != null && Reach.isMetadataUnder(host, address))) {
      var text = address == null ? String.valueOf(host) : address.toString();
      var routed = target.cluster() == null ? null : routed(target.cluster(), environment);
      return routed == null
          ? new Fixed(
              new Resolved(new Destination(text, Evidence.ADDRESS, address, port, protocol), null),
              false,
              true)
          : fixed(new Destination(routed, Evidence.MESH_SERVICE, address, port, protocol), null);
    }
    var service = Names.service(host, environment);
    var mismatch = mismatch(target, host, service, address);
    if (service != null) {
      return fixed(
          new Destination(service, Evidence.MESH_SERVICE, address, port, protocol), mismatch);
    }
    var evidence =
        target.spiffe() != null
            ? Evidence.MESH_SERVICE
            : target.sni() != null ? Evidence.CLIENT_NAME : Evidence.DNS;
    return fixed(new Destination(host, evidence, address, port, protocol), mismatch);
  }

  private static Fixed fixed(Destination destination, @Nullable String mismatch) {
    return new Fixed(new Resolved(destination, mismatch), false, false);
  }

  private static @Nullable String mismatch(
      FlowRecord.Target target,
      String host,
      @Nullable String service,
      @Nullable IpAddress address) {
    if (target.sni() != null && !DnsName.compared(target.sni()).equals(host)) {
      return "the client says " + DnsName.compared(target.sni()) + " and connects to " + host;
    }
    return service != null && target.spiffe() == null && address != null && !address.isPrivate()
        ? "the client says " + service + " and connects to " + address
        : null;
  }

  private static @Nullable String routed(String cluster, String environment) {
    var name = cluster.substring(cluster.lastIndexOf('|') + 1);
    return Names.service(DnsName.compared(name), environment);
  }

  private static boolean isLiteral(String host) {
    return host.indexOf(':') >= 0 || host.chars().allMatch(c -> c == '.' || (c >= '0' && c <= '9'));
  }
}
