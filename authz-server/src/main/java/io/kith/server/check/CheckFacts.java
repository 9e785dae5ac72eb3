package io.kith.server.check;

import static java.util.Objects.requireNonNull;

import io.kith.baselines.destination.DestinationFacts;
import io.kith.baselines.destination.DnsName;
import io.kith.baselines.destination.Protocol;
import io.kith.baselines.identity.SpiffeId;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a Check says, read strictly and without trust. */
public sealed interface CheckFacts {
  /** Which of Envoy's filters asks. */
  enum Layer {
    /** The network filter: at the first byte of a connection. */
    L4,
    /** The HTTP filter: at each request. */
    L7,
    /** The HTTP filter of the CONNECT gate: when a connection is opened. */
    GATE
  }

  /**
   * A connection that leaves a workload, or a request on it.
   *
   * @param source near end, as the proxy sees it
   * @param destination where the application connected to, whatever the proxy makes of it
   * @param cluster where the proxy routes, or null
   * @param sni name in the TLS hello, or null; chosen by the client
   * @param authority host of the request without its port, or null; chosen by the client
   * @param authorityPort that port, whatever number it is; 0 when it has none
   * @param node where the proxy runs; empty when not said
   * @param connection the proxy's number for the connection; empty when not said
   */
  record Connection(
      Layer layer,
      Protocol protocol,
      SocketEnd source,
      SocketEnd destination,
      @Nullable String cluster,
      @Nullable String sni,
      @Nullable String authority,
      int authorityPort,
      String node,
      String connection)
      implements CheckFacts {
    public Connection {
      requireNonNull(layer, "layer");
      requireNonNull(protocol, "protocol");
      requireNonNull(source, "source");
      requireNonNull(destination, "destination");
      requireNonNull(node, "node");
      requireNonNull(connection, "connection");
    }

    /**
     * The facts about the destination.
     *
     * @param answered names for which the workload was told this address
     */
    public DestinationFacts destinationFacts(Set<String> answered) {
      return new DestinationFacts(
          destination.address(),
          destination.port(),
          protocol,
          cluster,
          sni,
          authority,
          authorityPort,
          answered);
    }

    /** The names that the client chose, in lower case without a final dot; may be empty. */
    public Set<String> claimedNames() {
      var one = sni == null ? null : DnsName.compared(sni);
      var other = authority == null ? null : DnsName.compared(authority);
      if (one == null) {
        return other == null ? Set.of() : Set.of(other);
      }
      return other == null || other.equals(one) ? Set.of(one) : Set.of(one, other);
    }
  }

  /**
   * A request that comes in to a workload, as its proxy got it, or a connection of something else
   * than HTTP: that one has no token, method and path.
   *
   * @param source the sending proxy's end, whose connection many processes may share
   * @param destination where the workload's proxy took it
   * @param caller what the sending proxy proved to be, or null when it showed no certificate
   * @param token its provenance header; empty when it has none
   * @param path of the URL, without query
   */
  record Request(
      SocketEnd source,
      SocketEnd destination,
      @Nullable SpiffeId caller,
      String token,
      String method,
      String path)
      implements CheckFacts {
    public Request {
      requireNonNull(source, "source");
      requireNonNull(destination, "destination");
      requireNonNull(token, "token");
      requireNonNull(method, "method");
      requireNonNull(path, "path");
    }
  }

  /**
   * A Check that cannot be decided by what it says.
   *
   * @param detail which field and why, fit to be shown
   */
  record Malformed(String detail) implements CheckFacts {
    public Malformed {
      requireNonNull(detail, "detail");
    }
  }

  /** Reads a Check; never throws. */
  static CheckFacts read(CheckMessage request, CheckMetadata metadata) {
    return CheckReader.read(request, metadata);
  }
}
