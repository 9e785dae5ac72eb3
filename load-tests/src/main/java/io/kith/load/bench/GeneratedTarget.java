package io.kith.load.bench;

import io.kith.baselines.destination.Destination;
import io.kith.baselines.destination.DestinationPattern;
import io.kith.baselines.destination.DestinationPattern.AddressBlock;
import io.kith.baselines.destination.DestinationPattern.Exact;
import io.kith.baselines.destination.DestinationPattern.HostWildcard;
import io.kith.baselines.destination.DestinationPattern.PortRange;
import io.kith.baselines.destination.Evidence;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.IpAddress;
import java.util.random.RandomGenerator;

/**
 * Where an edge of a {@link GeneratedMesh} goes; no two of a workload are alike.
 *
 * @param number of the edge within its workload
 */
record GeneratedTarget(Kind kind, int number, long salt) {
  private enum Kind {
    SERVICE,
    OUTSIDE,
    ADDRESS,
    WILDCARD,
    SHAPE,
    BLOCK,
    RANGE
  }

  /** By how many of 20 edges are of a kind. */
  private static final int[] SHARES = {10, 2, 2, 1, 2, 2, 1};

  private static final int[] PORTS = {80, 443, 5432, 6379, 8080, 9092, 3306, 50_051};
  private static final String[] WORDS = {
    "orders", "billing", "catalogue", "sessions", "payments", "search", "ledger", "profiles"
  };

  static GeneratedTarget of(long seed, int workload, int edge) {
    var salt = GeneratedMesh.mix(seed ^ 0x5bd1e995L, workload, edge);
    var at = Math.floorMod(salt, 20);
    var kind = 0;
    while (at >= SHARES[kind]) {
      at -= SHARES[kind++];
    }
    return new GeneratedTarget(Kind.values()[kind], edge, salt);
  }

  /** What the edge covers. */
  DestinationPattern pattern() {
    return switch (kind) {
      case SERVICE -> new Exact(name(), Evidence.OWNER, port(), Protocol.TCP);
      case OUTSIDE -> new Exact(name(), Evidence.CLIENT_NAME, port(), Protocol.TCP);
      case ADDRESS -> new Exact(host(7).toString(), Evidence.ADDRESS, port(), Protocol.TCP);
      case WILDCARD -> new HostWildcard(null, name(), Evidence.CLIENT_NAME, port(), Protocol.TCP);
      case SHAPE -> new HostWildcard("s#", name(), Evidence.CLIENT_NAME, port(), Protocol.TCP);
      case BLOCK -> new AddressBlock(host(0), 24, port(), Protocol.TCP);
      case RANGE -> new PortRange(name(), Evidence.OWNER, 32_768, 60_999, Protocol.TCP);
    };
  }

  /** A place that the edge covers, all of its texts new. */
  Destination destination(RandomGenerator random) {
    return switch (kind) {
      case SERVICE -> to(name(), Evidence.OWNER, host(7), port());
      case OUTSIDE -> to(name(), Evidence.CLIENT_NAME, host(7), port());
      case ADDRESS -> to(host(7).toString(), Evidence.ADDRESS, host(7), port());
      case WILDCARD, SHAPE ->
          to("s" + random.nextInt(1_000) + "." + name(), Evidence.CLIENT_NAME, host(7), port());
      case BLOCK -> {
        var host = host(random.nextInt(256));
        yield to(host.toString(), Evidence.ADDRESS, host, port());
      }
      case RANGE -> to(name(), Evidence.OWNER, host(7), 32_768 + random.nextInt(28_000));
    };
  }

  private static Destination to(String name, Evidence evidence, IpAddress address, int port) {
    return new Destination(name, evidence, address, port, Protocol.TCP);
  }

  private String name() {
    var word = WORDS[bits(8)] + "-" + number;
    return switch (kind) {
      case SERVICE, RANGE -> "team-" + (salt >>> 40 & 0x3f) + "/deployment/" + word;
      case OUTSIDE -> "api." + word + ".example.com";
      case ADDRESS, BLOCK -> host(7).toString();
      case WILDCARD, SHAPE -> word + ".cdn.example.org";
    };
  }

  private int port() {
    return PORTS[bits(16)];
  }

  /** Distinct within the workload by its third byte, for up to 256 edges of the second byte. */
  private IpAddress host(int last) {
    return address(10, 64 + bits(24) + 8 * (number >> 8), number, last);
  }

  static IpAddress address(int... bytes) {
    var all = new byte[bytes.length];
    for (var i = 0; i < all.length; i++) {
      all[i] = (byte) bytes[i];
    }
    return IpAddress.of(all);
  }

  private int bits(int from) {
    return (int) (salt >>> from & 7);
  }
}
