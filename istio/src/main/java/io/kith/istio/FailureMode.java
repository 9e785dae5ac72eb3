package io.kith.istio;

import static java.util.Objects.requireNonNull;

import java.util.List;

/** What becomes of connections and requests while the server cannot be asked. */
public sealed interface FailureMode {
  /** Nothing passes: right under enforce. */
  record Closed() implements FailureMode {}

  /** All pass: right under observe and shadow, where nothing is refused anyway. */
  record Open() implements FailureMode {}

  /**
   * What goes to one of these destinations passes, so that an outage of Kith is not one of the
   * mesh. While the server answers it alone decides.
   *
   * @param approved may be empty: then nothing passes, as where it is closed
   */
  record Floor(List<Approved> approved) implements FailureMode {
    public Floor {
      approved = List.copyOf(approved);
    }
  }

  /** A destination of the floor. */
  sealed interface Approved {
    int port();

    /**
     * Reads {@code HOST:PORT}, {@code 10.7.0.0/16:PORT}, {@code 10.7.0.1:PORT} or {@code
     * [fd00::/64]:PORT}.
     */
    static Approved parse(String text) {
      return ApprovedText.parse(text);
    }
  }

  /**
   * Requests that name a host. Envoy sends them to the service of that name, wherever the
   * application connected; where it knows no such service, to wherever the application connected.
   */
  record ApprovedHost(String host, int port) implements Approved {
    public ApprovedHost {
      requireNonNull(host, "host");
      ApprovedText.requirePort(port);
    }
  }

  /** Connections to a block of addresses, whatever their protocol. */
  record ApprovedBlock(String address, int prefixLength, int port) implements Approved {
    public ApprovedBlock {
      requireNonNull(address, "address");
      ApprovedText.requirePort(port);
    }
  }

  /**
   * Connections to blocks of addresses, and those requests there that name one of these hosts.
   * Where the sidecar knows the host it sends them there, and else to the address that the
   * application dialled: so no other name leads past the list.
   *
   * @param blocks as {@code 10.96.0.10/32}; at least one
   * @param hosts in lower case, without a port; empty: no requests
   */
  record ApprovedService(List<String> blocks, List<String> hosts, int port) implements Approved {
    public ApprovedService {
      blocks = List.copyOf(blocks);
      hosts = List.copyOf(hosts);
      if (blocks.isEmpty()) {
        throw new IllegalArgumentException("approved: no blocks (expected: where it is)");
      }
      ApprovedText.requirePort(port);
    }
  }

  /** Its word, as operators write it. */
  default String word() {
    return switch (this) {
      case Closed() -> "closed";
      case Open() -> "open";
      case Floor(_) -> "floor";
    };
  }
}
